package postgres

import (
	"context"
	"crypto/tls"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
)

// A Finding is one thing that CheckAccess found out.
type Finding struct {
	Check  string `json:"check"`
	Detail string `json:"detail"`
	// Advice is what would be better; empty where nothing would.
	Advice string `json:"advice,omitempty"`
}

// CheckAccess connects and tells what the database is and what the role may do there.
// That it gets in is the one thing that must be; all else is told.
func CheckAccess(ctx context.Context, url string) (list []Finding, err error) {
	err = withConn(ctx, url, nil, func(conn *pgconn.PgConn) error {
		list, err = findings(ctx, conn)
		return err
	})
	return list, err
}

func findings(ctx context.Context, conn *pgconn.PgConn) (list []Finding, err error) {
	add := func(check, detail, advice string) { list = append(list, Finding{check, detail, advice}) }
	harden := "Make a role for Outturn with `outturn source harden`."

	rows, err := ask(ctx, conn, `SELECT current_setting('server_version'), current_setting('server_version_num')::int < 120000, current_database(), current_user,
  pg_is_in_recovery(), COALESCE(extract(epoch FROM now() - pg_last_xact_replay_timestamp())::int, 0), current_setting('default_transaction_read_only') = 'on',
  rolsuper, rolbypassrls, rolcreaterole OR rolcreatedb, current_setting('statement_timeout'),
  has_database_privilege(current_database(), 'TEMPORARY'), has_database_privilege(current_database(), 'CREATE'), current_setting('server_encoding')
FROM pg_roles WHERE rolname = current_user`)
	if err != nil {
		return nil, err
	}
	r, yes := rows[0], func(i int) bool { return rows[0][i] == "t" }
	old := ""
	if yes(1) {
		old = "Outturn is made for PostgreSQL 12 and later."
	}
	add("version", "PostgreSQL "+r[0]+", encoding "+r[13], old)
	add("database", fmt.Sprintf("%s, as %s", r[2], r[3]), "")
	latency, err := roundTrip(ctx, conn)
	if err != nil {
		return nil, err
	}
	add("latency", fmt.Sprintf("%.1f ms there and back", float64(latency.Microseconds())/1000), "")
	if _, encrypted := conn.Conn().(*tls.Conn); encrypted {
		add("connection", "encrypted", "")
	} else {
		add("connection", "not encrypted", "Add sslmode=verify-full to the address, unless the database is on this machine.")
	}
	if yes(4) {
		add("replica", "a replica, "+r[5]+" s behind its last change", "Long reports may be broken off there: hot_standby_feedback = on, or a larger max_standby_streaming_delay.")
	} else {
		add("replica", "no: the primary", "")
	}

	var can []string
	for i, what := range map[int]string{7: "a superuser", 8: "row-level security does not hold for it", 9: "makes roles or databases", 12: "makes schemas"} {
		if yes(i) {
			can = append(can, what)
		}
	}
	slices.Sort(can)
	role, advice := "an ordinary one", ""
	if len(can) > 0 {
		role, advice = strings.Join(can, ", "), harden
	}
	add("role", role, advice)
	if yes(6) {
		add("read-only", "yes, by default_transaction_read_only", "")
	} else {
		add("read-only", "not by the role: Outturn's own transactions are, and nothing else", harden)
	}
	timeout := r[10]
	if timeout == "0" {
		timeout = "none of the role's"
	}
	add("statement timeout", timeout, "")

	rights, err := ask(ctx, conn, `SELECT count(*), count(*) FILTER (WHERE has_table_privilege(c.oid, 'SELECT')),
  count(*) FILTER (WHERE has_table_privilege(c.oid, 'INSERT, UPDATE, DELETE, TRUNCATE')),
  count(*) FILTER (WHERE relrowsecurity AND has_table_privilege(c.oid, 'SELECT')),
  count(*) FILTER (WHERE has_table_privilege(c.oid, 'SELECT') AND row_security_active(c.oid))
FROM pg_class c WHERE relkind IN ('r', 'p', 'v', 'm', 'f') AND NOT relispartition
  AND relnamespace NOT IN ('pg_catalog'::regnamespace, 'information_schema'::regnamespace) AND (SELECT nspname FROM pg_namespace n WHERE n.oid = relnamespace) !~ '^pg_(toast|temp)'`)
	if err != nil {
		return nil, err
	}
	t := rights[0]
	advice = ""
	if t[2] != "0" {
		advice = harden
	}
	add("tables", fmt.Sprintf("reads %s of %s tables and views, writes %s", t[1], t[0], t[2]), advice)
	if yes(11) {
		add("temporary tables", "it may make them", "REVOKE TEMPORARY ON DATABASE … FROM PUBLIC takes that from all.")
	}
	advice = ""
	if t[4] == "0" {
		advice = "No second net stands behind the statements: `outturn source harden`."
	}
	add("row-level security", fmt.Sprintf("holds for it on %s tables; it is on for %s that it reads", t[4], t[3]), advice)
	return list, nil
}

// roundTrip is the median time of a statement that does nothing.
func roundTrip(ctx context.Context, conn *pgconn.PgConn) (time.Duration, error) {
	times := make([]time.Duration, 9)
	for i := range times {
		begun := time.Now()
		if _, err := ask(ctx, conn, "SELECT 1"); err != nil {
			return 0, err
		}
		times[i] = time.Since(begun)
	}
	slices.Sort(times)
	return times[len(times)/2], nil
}
