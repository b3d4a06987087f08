package duckdb

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	duck "github.com/duckdb/duckdb-go-bindings"
)

// What is remembered of lists stays within its bounds, whether they are long or many, and
// the last one is always there.
func TestLists(t *testing.T) {
	const sql = "WITH RECURSIVE outturn_tree AS (SELECT 1)"
	for _, length := range []int{2, 100_000, mostLists - 1000, mostLists + 1} {
		list := strings.Repeat("1", length)
		var l lists
		for i := range 2*mostLists/(length+150) + 3 {
			account := fmt.Sprint(i)
			l.remember(sql, account, list)
			if _, ok := l.of(sql, account); !ok {
				t.Fatalf("list %d of %d bytes is not there", i, length)
			}
			if entries := len(l.made[sql]); entries*(length+100) > mostLists && entries > 1 {
				t.Fatalf("%d lists of %d bytes", entries, length)
			}
		}
	}
}

// How a row's owner is looked up follows from how many ids there are and how many rows the
// engine takes the SELECT for; where that is not known they are many.
func TestListed(t *testing.T) {
	path := filepath.Join(t.TempDir(), "data.duckdb")
	var db duck.Database
	if duck.Open(path, &db) != duck.StateSuccess {
		t.Fatal("no database")
	}
	var conn duck.Connection
	duck.Connect(db, &conn)
	if err := execute(t.Context(), conn, "", "CREATE TABLE few AS SELECT i AS owner FROM range(2000) AS g(i); CREATE TABLE more AS SELECT i AS owner FROM range(19000) AS g(i); CREATE TABLE many AS SELECT i AS owner FROM range(100000) AS g(i)", path); err != nil {
		t.Fatal(err)
	}
	duck.Disconnect(&conn)
	duck.Close(&db)
	src := New(Config{Path: path, Linger: time.Hour})
	t.Cleanup(func() { src.Close() })
	snap, err := src.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { snap.Close() })
	ids := func(n int) string { return "[" + strings.TrimSuffix(strings.Repeat("7,", n), ",") + "]" }
	const equal, contains, join = "owner = CAST(", "list_contains(", "owner IN (SELECT unnest("
	for _, tt := range []struct {
		name, list, from string
		texts            bool
		want, bound      string
	}{
		{"One", "[7]", "SELECT * FROM many", false, equal, "7"},
		{"Negative", "[-7]", "SELECT * FROM many", false, equal, "-7"},
		{"Nobody", "[]", "SELECT * FROM few", false, contains, "[]"},
		{"Few", ids(120), "SELECT * FROM few", false, contains, ids(120)},
		{"FewAgain", ids(120), "SELECT * FROM few", false, contains, ids(120)},
		{"ManyIDs", ids(130), "SELECT * FROM few", false, join, ids(130)},
		{"More", ids(13), "SELECT * FROM more", false, contains, ids(13)},
		{"ManyIDsForMore", ids(14), "SELECT * FROM more", false, join, ids(14)},
		{"Many", ids(2), "SELECT * FROM many", false, join, ids(2)},
		{"ManyOnTheWay", ids(2), "SELECT f.owner FROM few AS f JOIN (SELECT owner, count(*) AS n FROM many GROUP BY owner) AS m ON m.owner = f.owner", false, join, ids(2)},
		{"ManyMade", ids(2), "SELECT f.owner FROM few AS f, range(1000000) AS g(i)", false, join, ids(2)},
		{"Unknown", ids(2), "", false, join, ids(2)},
		{"NotPlanned", ids(2), "SELECT nothing FROM few", false, join, ids(2)},
		{"AfterNotPlanned", ids(2), "SELECT * FROM few", false, contains, ids(2)},
		{"Text", `["a \"b\", é"]`, "SELECT * FROM many", true, equal, `a "b", é`},
		{"EmptyText", `[""]`, "SELECT * FROM many", true, equal, ""},
		{"Texts", `["a","b"]`, "SELECT * FROM few", true, join, `["a","b"]`},
		{"LongText", `["` + strings.Repeat("a", 2000) + `"]`, "SELECT * FROM few", true, join, `["` + strings.Repeat("a", 2000) + `"]`},
		{"NoText", "[]", "SELECT * FROM few", true, join, "[]"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var bound []string
			got, err := snap.(*snapshot).Listed(t.Context(), "owner", tt.list, tt.from, !tt.texts, func(arg string) string {
				bound = append(bound, arg)
				return "$1"
			})
			if err != nil || !strings.HasPrefix(got, tt.want) || strings.Join(bound, "|") != tt.bound {
				t.Errorf("got %s with %.60q, %v", got, bound, err)
			}
			if tt.texts && tt.want == equal && !strings.HasSuffix(got, " COLLATE C") {
				t.Errorf("%s does not compare bytes", got)
			}
		})
	}
}
