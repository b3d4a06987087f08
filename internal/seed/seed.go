// Package seed makes the reference commerce database: a distributor, its
// resellers on three levels, their customers, and some years of what they bought
// from each other. The data sets that Outturn ships are written for its schema
// (docs/schema.md), and demos and tests run on it.
//
// The rows are a function of the scale and the last day alone: they are the same,
// and in the same order, on every machine.
//
//	generate: world (accounts, plans, purchases, events) ──rows──► writer
//
// A writer is a database that takes them: a DuckDB file, or a schema of PostgreSQL.
package seed

import (
	"context"
	"strings"
	"time"

	"outturn"
	"outturn/internal/secret"
)

// A Config says what to make, and where.
type Config struct {
	// Scale is how many times 100,000 charges there will be; default 1.
	Scale int
	// Until is the last day of the history; default 31 December 2026.
	Until time.Time
	// To is the database to make: "duckdb:FILE", or that to make tables in,
	// "postgres://…". They come into the first schema of its search_path.
	To string
	// Force replaces a file that exists, or the tables that an earlier Run made.
	Force bool
	// Progress, if set, is told now and then how many rows a table has.
	Progress func(table string, rows int64)
}

func (c Config) withDefaults() Config {
	if c.Scale == 0 {
		c.Scale = 1
	}
	if c.Until.IsZero() {
		c.Until = time.Date(2026, time.December, 31, 0, 0, 0, 0, time.UTC)
	}
	return c
}

// maxScale keeps ids, and the memory that the plan of the history takes, within
// bounds.
const maxScale = 1000

func (c Config) validate() error {
	if c.Scale < 1 || c.Scale > maxScale {
		return outturn.Errorf(outturn.CodeInvalid, "The scale %d is not possible: give a whole number from 1 to %d.", c.Scale, maxScale)
	}
	if y := c.Until.Year(); y < 1975 || y > 2200 {
		return outturn.Errorf(outturn.CodeInvalid, "The history cannot end in the year %d: give a day from 1975 to 2200.", y)
	}
	if isPostgres(c.To) {
		_, err := parsePostgres(c.To)
		return err
	}
	_, err := c.file()
	return err
}

func (c Config) file() (string, error) {
	file, ok := strings.CutPrefix(c.To, "duckdb:")
	if !ok || file == "" {
		return "", outturn.Errorf(outturn.CodeInvalid, "The target %q is not a database that can be made: write duckdb:FILE or postgres://USER@HOST/DATABASE.", secret.Masked(c.To))
	}
	return file, nil
}

// A Result tells what was written, in the schema's order.
type Result struct {
	Tables []TableResult
}

// A TableResult is a table and how many rows it was given.
type TableResult struct {
	Name string `json:"name"`
	Rows int64  `json:"rows"`
}

// Run makes the database. Until it is complete nothing stands at the target; a
// failed or cancelled Run leaves what was there before.
func Run(ctx context.Context, c Config) (Result, error) {
	c = c.withDefaults()
	if err := c.validate(); err != nil {
		return Result{}, err
	}
	if isPostgres(c.To) {
		return runPostgres(ctx, c)
	}
	file, err := c.file()
	if err != nil {
		return Result{}, err
	}
	return runDuckDB(ctx, file, c)
}
