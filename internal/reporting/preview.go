package reporting

import (
	"context"
	"encoding/json"
	"errors"
	"strconv"

	"outturn"
	"outturn/internal/pipeline"
	"outturn/internal/source"
)

// A Preview is the first rows of a report, and what all of it comes to.
type Preview struct {
	Columns []PreviewColumn
	Rows    []json.RawMessage // objects as the JSON format has them
	// RowCount and Totals are of the whole selection, exactly as a file made now
	// would have them.
	RowCount int64
	Totals   map[string]map[string]string // by column, then by currency
	Snapshot outturn.ManifestSnapshot
	Zone     string
}

// A PreviewColumn is a column of a preview.
type PreviewColumn struct {
	Name, Header string
	Type         outturn.Type
	Scale        int
}

// previewRows is how many rows a preview shows.
const previewRows = 50

// Preview reads what a run of the same input would begin with. It makes no file and
// no run; outputs do not matter.
func (s *Service) Preview(ctx context.Context, p outturn.Principal, in CreateRunInput) (Preview, error) {
	if err := s.permit(ctx, p, runPreview, in.Tenant); err != nil {
		return Preview{}, err
	}
	tenant, err := s.tenantOf(ctx, p, in.Tenant)
	if err != nil {
		return Preview{}, err
	}
	if _, err := s.config.Catalog.Dataset(in.Request.Dataset); err != nil {
		return Preview{}, err // it is what is previewed, not a part of the question
	}
	if err := s.permitDataset(ctx, p, in.Request.Dataset, tenant.ID); err != nil {
		return Preview{}, err
	}
	var f faults
	req, plan := s.understand(ctx, p, tenant, in, &f)
	if err := f.err(); err != nil {
		return Preview{}, err
	}
	plan.Private = true
	zone, err := outturn.LoadZone(req.Zone)
	if err != nil {
		return Preview{}, err
	}
	limit := s.config.Limits.Preview
	ctx, cancel := context.WithTimeoutCause(ctx, limit, outturn.Errorf(outturn.CodeQueryTimeout, "The preview took longer than %s and was stopped. Choose a shorter window or a narrower filter; a run has more time.", limit))
	defer cancel()
	var sample pipeline.Sample
	err = s.look(ctx, plan.Query.Dataset, func(snapshot source.Snapshot) error {
		if err := plan.Bind(ctx, snapshot); err != nil {
			return err
		}
		sample, err = pipeline.Preview(ctx, snapshot, plan, previewRows, zone)
		return err
	})
	if err != nil {
		return Preview{}, err
	}
	detail := map[string]string{"dataset": req.Dataset, "rows": strconv.FormatInt(sample.RowCount, 10)}
	if err := s.ledger.Audit(ctx, s.entry(p, runPreview, tenant.ID, req.Dataset, detail)); err != nil {
		return Preview{}, err
	}
	preview := Preview{
		Rows: sample.Rows, RowCount: sample.RowCount, Totals: sample.Totals,
		Snapshot: plan.Manifest.Snapshot, Zone: req.Zone,
	}
	for _, c := range sample.Columns {
		preview.Columns = append(preview.Columns, PreviewColumn{Name: c.Name, Header: c.Title(), Type: c.Type, Scale: c.Scale})
	}
	return preview, nil
}

// look opens a snapshot of what has d, or where that is nil of the source, for a short
// use. Only so many are open at once.
func (s *Service) look(ctx context.Context, d *outturn.Dataset, use func(source.Snapshot) error) error {
	select {
	case s.previews <- struct{}{}:
		defer func() { <-s.previews }()
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	return s.begin(ctx, "preview", d, use)
}

// begin opens a snapshot of what has d, or where that is nil of the source. purpose is
// what the source is told that it is for.
func (s *Service) begin(ctx context.Context, purpose string, d *outturn.Dataset, use func(source.Snapshot) error) (err error) {
	snapshot, err := source.Begin(source.WithPurpose(ctx, purpose), d, s.config.Source, s.config.Own)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, snapshot.Close()) }()
	return use(snapshot)
}
