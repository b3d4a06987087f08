package pipeline_test

import (
	"context"
	"io"
	"path/filepath"
	"testing"

	"outturn"
	"outturn/internal/catalog"
	"outturn/internal/pipeline"
	"outturn/internal/seed"
	"outturn/internal/source"
	"outturn/internal/source/duckdb"
)

// A report of few rows, as a server makes hundreds a second of: with an engine of
// its own, and with one that another snapshot holds open.
func BenchmarkTinyReport(b *testing.B) {
	ctx := context.Background()
	path := filepath.Join(b.TempDir(), "shop.duckdb")
	if _, err := seed.Run(ctx, seed.Config{Scale: 1, To: "duckdb:" + path}); err != nil {
		b.Fatal(err)
	}
	cat, err := catalog.Builtin("duckdb")
	if err != nil {
		b.Fatal(err)
	}
	src := duckdb.New(duckdb.Config{Path: path})
	export := func(b *testing.B) {
		plan, err := pipeline.Prepare(cat, outturn.RunRequest{Dataset: "accounts", Tenant: "1000009"})
		if err != nil {
			b.Fatal(err)
		}
		s, err := src.Begin(ctx)
		if err != nil {
			b.Fatal(err)
		}
		defer s.Close()
		if err := plan.Bind(ctx, s); err != nil {
			b.Fatal(err)
		}
		output := pipeline.Output{Format: "csv", Sink: io.Discard}
		if _, err := pipeline.Export(ctx, s, plan, []pipeline.Output{output}, nil); err != nil {
			b.Fatal(err)
		}
	}
	b.Run("own engine", func(b *testing.B) {
		for b.Loop() {
			export(b)
		}
	})
	b.Run("shared engine", func(b *testing.B) {
		var held source.Database
		if held, err = src.Begin(ctx); err != nil {
			b.Fatal(err)
		}
		defer held.Close()
		for b.Loop() {
			export(b)
		}
	})
}
