package duckdb

import (
	"path/filepath"
	"testing"
	"time"

	duck "github.com/duckdb/duckdb-go-bindings"
)

// A statement that is executed once is not bound before, and one that may be kept is. A
// value is the same in both.
func TestLate(t *testing.T) {
	path := filepath.Join(t.TempDir(), "data.duckdb")
	var db duck.Database
	if duck.Open(path, &db) != duck.StateSuccess {
		t.Fatal("no database")
	}
	duck.Close(&db)
	for linger, columns := range map[time.Duration]int{0: 1, time.Hour: 3} {
		src := New(Config{Path: path, Linger: linger})
		defer src.Close()
		snap, err := src.Begin(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		defer snap.Close()
		s := snap.(*snapshot)
		sql := "SELECT 1 AS a, v AS b, typeof(v) AS c FROM (SELECT " + s.Late("$1") + " AS v) AS t WHERE v = " + s.Late("$1")
		stmt, err := s.prepare(t.Context(), sql)
		if err != nil {
			t.Fatal(err)
		}
		if got := int(duck.PreparedStatementColumnCount(stmt)); got != columns {
			t.Errorf("linger %s: %d columns are known before the value, want %d", linger, got, columns)
		}
		duck.DestroyPrepare(&stmt)
		for _, value := range []string{"1000012", "", "it's [1] é", "NULL"} {
			r, err := s.start(t.Context(), sql, []string{value})
			if err != nil {
				t.Fatal(err)
			}
			chunk := duck.FetchChunk(r.result)
			b, c := duck.DataChunkGetVector(chunk, 1), duck.DataChunkGetVector(chunk, 2)
			if got, kind := textOf(b), textOf(c); got != value || kind != "VARCHAR" {
				t.Errorf("linger %s: %q is %q, a %s", linger, value, got, kind)
			}
			duck.DestroyDataChunk(&chunk)
			r.Close()
		}
	}
}

// textOf is the first text of a vector.
func textOf(v duck.Vector) string {
	return duck.StringTData((*duck.StringT)(duck.VectorGetData(v)))
}
