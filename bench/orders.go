package main

import (
	"context"
	"encoding/csv"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"

	"outturn"
	"outturn/internal/catalog"
	"outturn/internal/pipeline"
	"outturn/internal/source"
	"outturn/internal/source/duckdb"
	"outturn/internal/source/postgres"
)

// provisioned is the data set of the case: ten tables joined, 162 columns.
const provisioned = "provisioned_orders"

// orders compares a report for a reseller of a seeded shop with DuckDB's COPY of
// the statement that Outturn compiles for it, scope and all. Two resellers right
// below the provider, with resellers of their own below them: the one whose
// report is longest and the one in the middle.
func (b *bench) orders() error {
	file, err := b.seed()
	if err != nil {
		return err
	}
	source := "duckdb:" + file
	resellers, err := b.resellers(source)
	if err != nil {
		return err
	}
	if len(resellers) == 0 {
		return fmt.Errorf("%s has no reseller with resellers below it", file)
	}
	for _, which := range []struct{ name, tenant string }{
		{"the largest reseller", resellers[0]}, {"the median one", resellers[len(resellers)/2]},
	} {
		statement, err := b.statement(source, which.tenant)
		if err != nil {
			return err
		}
		fmt.Printf("%s is account %s\n", which.name, which.tenant)
		ours, theirs := filepath.Join(b.dir, "ours.csv"), filepath.Join(b.dir, "theirs.csv")
		for _, on := range engineThreads {
			us := b.outturn(ours, on.threads, "1GiB", "export", provisioned, "--source", source, "--tenant", which.tenant).onCores(on.max)
			peer := b.copy(file, "("+statement+")", theirs, on.threads, "1GiB")
			if err := b.raceCSV(on.name, us, peer, sameRows); err != nil {
				return err
			}
		}
	}
	return nil
}

// seed makes the shop once and keeps it.
func (b *bench) seed() (string, error) {
	return b.once(fmt.Sprintf("seed-%d.duckdb", b.scale), func(unfinished string) program {
		return program{args: []string{b.binary, "seed", "--scale", strconv.Itoa(b.scale), "--to", "duckdb:" + unfinished, "--force"}}
	})
}

// resellers lists the accounts right below the provider that have resellers
// below them, those with the most sales in their subtree first.
func (b *bench) resellers(source string) ([]string, error) {
	rows, err := b.query(source, `WITH RECURSIVE below(top, id) AS (
  SELECT id, id FROM accounts
  WHERE level = 1 AND type = 'Reseller' AND id IN (SELECT parent_id FROM accounts WHERE type = 'Reseller')
  UNION ALL
  SELECT b.top, a.id FROM below AS b JOIN accounts AS a ON a.parent_id = b.id
)
SELECT b.top FROM below AS b JOIN charges AS c ON c.buyer_id = b.id AND c.id = c.root_id
GROUP BY b.top ORDER BY count(*) DESC, b.top`)
	var ids []string
	for _, row := range rows {
		ids = append(ids, row[0])
	}
	return ids, err
}

// query asks a source by way of outturn. This process opens no engine itself, for
// the peak of those it starts would begin at its own.
func (b *bench) query(source, sql string) ([][]string, error) {
	cmd := exec.Command(b.binary, "export", "--query", sql, "--source", source)
	var talk strings.Builder
	cmd.Stderr = &talk
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("%w\n%s", err, &talk)
	}
	rows, err := csv.NewReader(strings.NewReader(string(out))).ReadAll()
	if err != nil {
		return nil, err
	}
	return rows[1:], nil
}

// statement returns what Outturn runs for a tenant, with its values in it.
func (b *bench) statement(source, tenant string) (string, error) {
	return b.ask(statementCommand, source, tenant)
}

// ask gives this program a command, in a process of its own, and returns its answer.
func (b *bench) ask(command ...string) (string, error) {
	cmd := exec.Command(b.self, command...)
	cmd.Stderr = os.Stderr
	answer, err := cmd.Output()
	return string(answer), err
}

// printStatement is statement in a process of its own.
func printStatement(url, tenant string) error {
	ctx := context.Background()
	from, engine := openSource(url)
	cat, err := catalog.Builtin(engine)
	if err != nil {
		return err
	}
	plan, err := pipeline.Prepare(cat, outturn.RunRequest{Dataset: provisioned, Tenant: tenant})
	if err != nil {
		return err
	}
	snapshot, err := from.Begin(ctx)
	if err != nil {
		return err
	}
	defer snapshot.Close()
	if err := plan.Bind(ctx, snapshot); err != nil {
		return err
	}
	s, err := source.Compile(ctx, plan.Query, snapshot)
	if err != nil {
		return err
	}
	_, err = os.Stdout.WriteString(withValues(s))
	return err
}

// openSource returns a source of the benchmark and what its engine is called.
func openSource(url string) (source.Source, string) {
	if file, ok := strings.CutPrefix(url, "duckdb:"); ok {
		return duckdb.New(duckdb.Config{Path: file}), "duckdb"
	}
	return postgres.New(postgres.Config{URL: url}), "postgres"
}

var parameter = regexp.MustCompile(`\$[0-9]+`)

// withValues puts a statement's arguments where its parameters are. COPY takes
// none, and the engine may plan as well as it can for these very values.
func withValues(s source.Statement) string {
	return parameter.ReplaceAllStringFunc(s.SQL, func(p string) string {
		n, _ := strconv.Atoi(p[1:])
		return quote(s.Args[n-1])
	})
}

func quote(text string) string { return "'" + strings.ReplaceAll(text, "'", "''") + "'" }
