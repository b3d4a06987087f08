package postgres_test

import (
	"os"
	"testing"

	"outturn/internal/source"
	"outturn/internal/source/postgres"
	"outturn/internal/source/postgres/postgrestest"
	"outturn/internal/source/sourcetest"
)

func TestMain(m *testing.M) { os.Exit(postgrestest.Run(m)) }

func TestSource(t *testing.T) {
	sourcetest.Run(t, func(tb testing.TB, sql string) source.Source {
		return postgres.New(postgres.Config{URL: postgrestest.New(tb, sql)})
	})
}
