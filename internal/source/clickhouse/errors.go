package clickhouse

import (
	"context"
	"errors"
	"strings"

	ch "github.com/ClickHouse/clickhouse-go/v2"

	"outturn"
	"outturn/internal/source"
)

// Codes of the server's errors, from its ErrorCodes.cpp.
const (
	codeUnknownDatabase  = 81
	codeTimeoutExceeded  = 159
	codeTooSlow          = 160
	codeMemoryLimit      = 241
	codeNotEnoughSpace   = 243
	codeShardUnreachable = 279
)

// unreachable are codes of a server that cannot be logged in to, is shutting down or
// too busy, or that does not reach another which has some of the rows.
var unreachable = map[int32]string{
	codeUnknownDatabase: "has no such database",
	192:                 "does not know the user",
	193:                 "refused the password",
	194:                 "wants a password",
	195:                 "does not let the user in from this address",
	516:                 "refused the user or the password",

	32: "was cut off from another server", 198: "does not find another server", 209: "waits in vain for another server", 210: "lost another server",
	202: "runs too many statements", 203: "has no connection free", 394: "had the statement ended by somebody",
	codeShardUnreachable: "does not reach another server that has some of the rows", 519: "does not reach another server that has some of the rows",
}

// translate turns an error of the driver or the server into ours. When ctx has
// ended, that is why.
func translate(ctx context.Context, err error, host string) error {
	if ctx.Err() != nil {
		return source.Stopped(ctx)
	}
	var told *outturn.Error
	if errors.As(err, &told) {
		return err
	}
	tell := func(code outturn.Code, sentence string) error {
		return &outturn.Error{Code: code, Message: sentence, Err: err}
	}
	var e *ch.Exception
	if !errors.As(err, &e) {
		return tell(outturn.CodeSourceUnavailable, "ClickHouse on "+host+" cannot be reached, or the connection broke: "+sentence(err.Error()))
	}
	message := oneLine(e.Message)
	switch e.Code {
	case codeTimeoutExceeded, codeTooSlow:
		return tell(outturn.CodeQueryTimeout, "The statement took longer than it may and was stopped by the server: "+sentence(message))
	case codeMemoryLimit:
		return tell(outturn.CodeMemoryLimit, "The statement needs more memory than the server lets it have. Ask for fewer columns or no order, or have the user's max_memory_usage raised. The server says: "+sentence(message))
	case codeNotEnoughSpace:
		return tell(outturn.CodeDiskFull, "The disk of the source's server is full: "+sentence(message))
	}
	if why := unreachable[e.Code]; why != "" {
		return tell(outturn.CodeSourceUnavailable, "ClickHouse on "+host+" "+why+": "+sentence(message))
	}
	return tell(outturn.CodeQueryFailed, "The source refused the statement: "+sentence(message))
}

// aboutStatement are codes of errors that quote the statement, and no row: unknown
// names, types that do not go together, rights and syntax.
var aboutStatement = map[int32]bool{
	10: true, 16: true, 42: true, 43: true, 44: true, 46: true, 47: true, 50: true, 60: true, 62: true, codeUnknownDatabase: true,
	codeTimeoutExceeded: true, codeTooSlow: true, 164: true, 179: true, 184: true, 215: true, codeMemoryLimit: true, codeNotEnoughSpace: true, 291: true, 497: true,
}

// quotesRows reports whether an error may hold something of a row.
func quotesRows(err error) bool {
	var e *ch.Exception
	return errors.As(err, &e) && !aboutStatement[e.Code] && unreachable[e.Code] == ""
}

// oneLine keeps of a message what is worth telling.
func oneLine(message string) string {
	message, _, _ = strings.Cut(message, "Stack trace:")
	message = strings.ReplaceAll(message, "DB::Exception: ", "")
	return strings.Join(strings.Fields(message), " ")
}

// sentence ends a message as one.
func sentence(message string) string {
	message = strings.TrimRight(message, " ,")
	if message == "" {
		return "it gave no reason."
	}
	if strings.ContainsRune(".!?", rune(message[len(message)-1])) {
		return message
	}
	return message + "."
}
