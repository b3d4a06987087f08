package server

import (
	"context"
	"time"

	"outturn"
	"outturn/internal/catalog"
	"outturn/internal/queue"
	"outturn/internal/reporting"
	"outturn/internal/source"
)

// Reporting gives the use cases over a folder without a server: for commands that
// look after tenants and clients. Runs made through it wait for a server. src may be
// nil: then whatever needs the source is refused.
func (f *Folder) Reporting(cat *catalog.Catalog, src source.Source) (*reporting.Service, error) {
	if src == nil {
		src = noSource{}
	}
	return reporting.New(reporting.Config{
		Ledger: f.Ledger, Sealer: f.Sealer, Catalog: cat, Source: src, Queue: noQueue{}, Blobs: f.Files, Now: time.Now,
	})
}

// noQueue is the queue where no worker is.
type noQueue struct{}

func (noQueue) Ring(context.Context, queue.Job) error { return nil }

// noSource is the source of who does not report.
type noSource struct{}

func (noSource) Begin(context.Context) (source.Database, error) {
	return nil, outturn.Errorf(outturn.CodeSourceUnavailable, "No source is open here.")
}
