package duckdb

import (
	"fmt"
	"strings"
	"testing"
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
