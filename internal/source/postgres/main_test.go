package postgres

import (
	"os"
	"testing"

	"outturn/internal/source/postgres/postgrestest"
)

func TestMain(m *testing.M) { os.Exit(postgrestest.Run(m)) }
