package duckdb

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	duck "github.com/duckdb/duckdb-go-bindings"

	"outturn/internal/source"
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

// How a row's owner is looked up follows from what the SELECT reads, how many rows that are
// and how many ids there are.
func TestListed(t *testing.T) {
	path := filepath.Join(t.TempDir(), "data.duckdb")
	var db duck.Database
	if duck.Open(path, &db) != duck.StateSuccess {
		t.Fatal("no database")
	}
	var conn duck.Connection
	duck.Connect(db, &conn)
	if err := execute(t.Context(), conn, "", "CREATE TABLE few AS SELECT i AS owner FROM range(2000) AS g(i); CREATE TABLE more AS SELECT i AS owner FROM range(19000) AS g(i); CREATE TABLE many AS SELECT i AS owner FROM range(100000) AS g(i); CREATE VIEW plain AS SELECT owner FROM many; CREATE VIEW narrowed AS SELECT owner FROM many WHERE owner % 2 = 0", path); err != nil {
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
		name, account, list, from string
		texts                     bool
		want, bound               string
	}{
		{"One", "7", "[7]", "SELECT * FROM many", false, equal, "7"},
		{"Negative", "-7", "[-7]", "SELECT * FROM many", false, equal, "-7"},
		{"OneOfAView", "7", "[7]", "SELECT owner + 1 AS owner FROM plain", false, equal, "7"},
		{"OneNarrowed", "7", "[7]", "SELECT * FROM many WHERE owner <> 3", false, join, "[7]"},
		{"OneNarrowedByAView", "7", "[7]", "SELECT * FROM narrowed", false, join, "[7]"},
		{"OneJoined", "7", "[7]", "SELECT f.* FROM few AS f JOIN many AS m ON m.owner = f.owner", false, join, "[7]"},
		{"OneLimited", "7", "[7]", "SELECT * FROM few ORDER BY owner LIMIT 10", false, join, "[7]"},
		{"OneGrouped", "7", "[7]", "SELECT owner, count(*) AS n FROM few GROUP BY owner", false, join, "[7]"},
		{"OneMade", "7", "[7]", "SELECT i AS owner FROM range(10) AS g(i)", false, join, "[7]"},
		{"OneOfNoRows", "7", "[7]", "SELECT * FROM few WHERE 1 = 2", false, join, "[7]"},
		{"Nobody", "8", "[]", "SELECT * FROM few", false, contains, "[]"},
		{"Few", "7", ids(120), "SELECT * FROM few", false, contains, ids(120)},
		{"FewAgain", "7", ids(120), "SELECT * FROM few", false, contains, ids(120)},
		{"FewNarrowed", "7", ids(2), "SELECT * FROM few WHERE owner % 2 = 0", false, join, ids(2)},
		{"ManyIDs", "7", ids(130), "SELECT * FROM few", false, join, ids(130)},
		{"More", "7", ids(13), "SELECT * FROM more", false, contains, ids(13)},
		{"ManyIDsForMore", "7", ids(14), "SELECT * FROM more", false, join, ids(14)},
		{"Many", "7", ids(2), "SELECT * FROM many", false, join, ids(2)},
		{"Unnested", "7", ids(2), "SELECT unnest(range(owner)) AS owner FROM few", false, join, ids(2)},
		{"Unknown", "7", ids(2), "", false, join, ids(2)},
		{"NotPlanned", "7", ids(2), "SELECT nothing FROM few", false, join, ids(2)},
		{"AfterNotPlanned", "7", ids(2), "SELECT * FROM few", false, contains, ids(2)},
		{"Text", "a b é", `["a b é"]`, "SELECT * FROM many", true, equal, "a b é"},
		{"QuotedText", `a "b"`, `["a \"b\""]`, "SELECT * FROM many", true, join, `["a \"b\""]`},
		{"EmptyText", "", `[""]`, "SELECT * FROM many", true, equal, ""},
		{"Texts", "a", `["a","b"]`, "SELECT * FROM few", true, join, `["a","b"]`},
		{"NoText", "a", "[]", "SELECT * FROM few", true, join, "[]"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var bound []string
			m := source.Membership{Owner: "owner", List: tt.list, Account: tt.account, Select: tt.from, Whole: !tt.texts}
			got, err := snap.(*snapshot).Listed(t.Context(), m, func(arg string) string {
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
