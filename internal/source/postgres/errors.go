package postgres

import (
	"context"
	"errors"
	"net"
	"os"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgproto3"

	"outturn"
	"outturn/internal/source"
)

// serverError is an ErrorResponse as an error.
func serverError(body []byte) error {
	var r pgproto3.ErrorResponse
	if err := r.Decode(body); err != nil {
		return err
	}
	return pgconn.ErrorResponseToPgError(&r)
}

// connectError says why there is no connection. A password is in none of it.
func connectError(ctx context.Context, config *pgconn.Config, err error) error {
	if ctx.Err() != nil {
		return source.Stopped(ctx)
	}
	where := config.Host
	var said *pgconn.PgError
	if !errors.As(err, &said) {
		var dns *net.DNSError
		switch {
		case errors.As(err, &dns):
			return outturn.Errorf(outturn.CodeSourceUnavailable, "There is no address of the database's host %s: %w.", where, quiet(dns))
		case errors.Is(err, context.DeadlineExceeded), errors.Is(err, os.ErrDeadlineExceeded):
			return outturn.Errorf(outturn.CodeSourceUnavailable, "The database at %s, port %d, does not answer: %w.", where, config.Port, quiet(err))
		}
		return outturn.Errorf(outturn.CodeSourceUnavailable, "There is no connection to the database at %s, port %d: %w.", where, config.Port, quiet(err))
	}
	switch said.Code {
	case "28P01", "28000":
		return outturn.Errorf(outturn.CodeSourceRefused, "The database at %s does not let the user %s in: %w. The operator mends the user, its password or the server's pg_hba.conf.", where, config.User, serverSaid(said))
	case "3D000":
		return outturn.Errorf(outturn.CodeSourceRefused, "There is no database %s at %s. The operator mends the source's address.", config.Database, where)
	case "42501":
		return outturn.Errorf(outturn.CodeSourceRefused, "The user %s may not use the database %s at %s: %w.", config.User, config.Database, where, serverSaid(said))
	}
	return outturn.Errorf(outturn.CodeSourceUnavailable, "The database at %s takes no connection now: %w.", where, serverSaid(said))
}

// quiet is what went wrong with a connection without the settings that pgx puts
// before it.
func quiet(err error) error {
	for {
		inner := errors.Unwrap(err)
		if inner == nil {
			return err
		}
		var op *net.OpError
		if errors.As(err, &op) && error(op) == err {
			return err
		}
		err = inner
	}
}

// A said is what the database said, in one line.
type serverText struct {
	text string
	err  *pgconn.PgError
}

func (s serverText) Error() string { return s.text }
func (s serverText) Unwrap() error { return s.err }

func serverSaid(e *pgconn.PgError) error {
	text := e.Message
	if e.Hint != "" && class(e) == "42" {
		text += " (" + strings.TrimSuffix(e.Hint, ".") + ")"
	}
	return serverText{strings.Join(strings.Fields(strings.TrimSuffix(text, ".")), " "), e}
}

// translate says in our words what became of a statement. When ctx has ended, that is
// why. The classes are those of PostgreSQL's appendix A.
func translate(ctx context.Context, err error) error {
	if err == nil {
		return nil
	}
	if ctx.Err() != nil {
		return source.Stopped(ctx)
	}
	var told *outturn.Error
	if errors.As(err, &told) {
		return err
	}
	var said *pgconn.PgError
	if !errors.As(err, &said) {
		return outturn.Errorf(outturn.CodeSourceUnavailable, "The connection to the database was lost: %w.", err)
	}
	if own, ok := ownWords(said); ok {
		return &outturn.Error{Code: outturn.CodeQueryFailed, Message: own, Err: said}
	}
	tell := func(code outturn.Code, format string) error {
		return outturn.Errorf(code, format, serverSaid(said))
	}
	switch said.Code {
	case "57014":
		if strings.Contains(said.Message, "statement timeout") {
			return tell(outturn.CodeQueryTimeout, "The statement took longer than the database lets it (statement_timeout) and was stopped: %w.")
		}
		return tell(outturn.CodeSourceUnavailable, "Somebody at the database stopped the statement: %w.")
	case "40001", "40P01":
		return tell(outturn.CodeSourceUnavailable, "The statement came into conflict with what the database had to do, such as a replica that follows: %w.")
	case "72000":
		return tell(outturn.CodeSourceUnavailable, "The snapshot became too old for the database: %w.")
	case "42501":
		return tell(outturn.CodeQueryFailed, "The user of the source lacks a right that the operator must grant: %w.")
	case "42703", "42P01", "3F000":
		return tell(outturn.CodeQueryFailed, "The database has changed, or the SELECT never fitted it: %w. Whoever keeps the data sets must mend that.")
	case "22P02":
		if strings.Contains(said.Message, "type json") {
			return &outturn.Error{Code: outturn.CodeQueryFailed, Message: "A cell that an attribute is read from holds text which is no json. Whoever keeps the data must mend it.", Err: said}
		}
	case "53200":
		return tell(outturn.CodeMemoryLimit, "The database has no memory for the statement: %w.")
	case "53100":
		return tell(outturn.CodeSourceUnavailable, "The database's disk is full: %w.")
	case "25P03", "25P04", "57P05":
		return tell(outturn.CodeSourceUnavailable, "The database ended the connection: %w.")
	}
	switch class(said) {
	case "08", "53", "57", "58", "XX":
		return tell(outturn.CodeSourceUnavailable, "The database broke off: %w.")
	}
	return tell(outturn.CodeQueryFailed, "The source refused the statement: %w.")
}

// class is the first two characters of an error's SQLSTATE.
func class(e *pgconn.PgError) string { return e.Code[:min(2, len(e.Code))] }

// ownWords takes our own complaint out of the database's that it is no number.
func ownWords(said *pgconn.PgError) (string, bool) {
	_, rest, found := strings.Cut(said.Message, `"`+ownError)
	return strings.TrimSuffix(rest, `"`), found && said.Code == "22P02"
}

// quotesRows reports whether an error of the database may hold something of a row. Our
// own words do, and are about rows in scope only. Errors about data do, and those about names and
// syntax too, once rows are read: a cast to regclass looks up what a cell holds. Those
// about rights, the machine and its time do not.
func quotesRows(err error) bool {
	var said *pgconn.PgError
	if !errors.As(err, &said) {
		return false
	}
	if _, own := ownWords(said); own {
		return false
	}
	switch class(said) {
	case "08", "25", "28", "40", "53", "54", "57", "58", "72":
		return false
	}
	return said.Code != "42501"
}
