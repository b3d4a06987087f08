package aps

import (
	"context"
	"strconv"
	"strings"

	"outturn"
	"outturn/internal/dialect/rde"
	"outturn/internal/reporting"
)

func (d *Dialect) files() *kind {
	queued := equal("state", string(outturn.RunQueued))
	running := equal("state", string(outturn.RunRunning))
	ended := among("state", outturn.RunFailed, outturn.RunCancelled)
	ready := equal("state", string(outturn.RunSucceeded))
	// A report that is tried again stays in progress: see rde.StageOf.
	fresh := equal("furthest", "")
	return &kind{
		name: "RDEReportFile", types: []typeID{fileType}, implements: []typeID{unlimitedType, resourceType},
		collection: "rde-report-files", named: "name",
		fields: map[string]field{
			"aps.id": plain("id"), "aps.modified": moment("updated_at"),
			"aps.status": oneOf(map[string]*outturn.Expr{statusProvisioning: anyOf(queued, running), statusReady: anyOf(ready, ended)}),
			"name":       plain("name"), "format": lower("format"), "eventType": oneOf(fileEventTypes),
			"status": oneOf(map[string]*outturn.Expr{
				"PENDING": all(queued, fresh), "IN_PROGRESS": anyOf(running, all(queued, not(fresh))), "READY": ready, "FAILED": ended,
			}),
			"generateDate": moment("started_at"), "reportTemplate.aps.id": plain("generator"), "tenant.aps.id": plain("tenant"), "dataSet.aps.id": d.dataSetField,
		},
		orders: map[string]string{"name": "name", "generateDate": "created_at"},
		list:   listFiles, get: getFile, remove: removeFile,
		relations: []relation{
			{name: "reportTemplate", to: "RDEReportTemplate", end: templateOf},
			{name: "tenant", to: "RDETenant", end: func(_ context.Context, _ *call, r *resource) (string, error) { return runOf(r).Tenant, nil }},
			{name: "dataSet", to: "data-set", end: func(_ context.Context, _ *call, r *resource) (string, error) {
				return dataSetID(runOf(r).Request.Dataset), nil
			}},
			{name: "customization", to: "RDEReportCustomization", end: func(ctx context.Context, c *call, r *resource) (string, error) {
				run := runOf(r)
				return c.customizationID(ctx, run.Tenant, run.Request)
			}},
		},
	}
}

func runOf(r *resource) *outturn.Run { return r.of.(*outturn.Run) }

// fileEventTypes are those of reports: one that was asked for without a generator has no
// rhythm.
var fileEventTypes = map[string]*outturn.Expr{
	"ONETIME": anyOf(isNull("rhythm"), eventTypes["ONETIME"]),
	"DAILY":   eventTypes["DAILY"], "MONTHLY": eventTypes["MONTHLY"], "PERIODIC": eventTypes["PERIODIC"], "ON_INVOICE": eventTypes["ON_INVOICE"],
}

// templateOf is the template of a report; "" where it has none, or none any more.
func templateOf(ctx context.Context, c *call, r *resource) (string, error) {
	id := runOf(r).Generator
	if id == "" {
		return "", nil
	}
	_, err := c.Gate.Service.Generator(ctx, c.p, id)
	if outturn.ErrorCode(err) == outturn.CodeNotFound {
		return "", nil
	}
	return id, err
}

// stages are how far a report has come, in the words of its own status, of its
// resource's and by its revision (section 2.2).
var stages = map[rde.Stage]struct {
	file, resource string
	revision       int
}{
	rde.Pending:    {"PENDING", statusProvisioning, 3},
	rde.InProgress: {"IN_PROGRESS", statusProvisioning, 4},
	rde.Ready:      {"READY", statusReady, 6},
	rde.Failed:     {"FAILED", statusReady, 6},
}

// toFiles are runs as their clients see them.
func (c *call) toFiles(ctx context.Context, runs []outturn.Run) ([]*resource, error) {
	paths, err := c.paths(ctx, runs)
	if err != nil {
		return nil, err
	}
	list := make([]*resource, len(runs))
	for i := range runs {
		if list[i], err = c.toFile(ctx, &runs[i], paths[runs[i].ID]); err != nil {
			return nil, err
		}
	}
	return list, nil
}

// paths returns a link to the file of each run that has one (section 7), by run. Who may
// not hand out links gets none.
func (c *call) paths(ctx context.Context, runs []outturn.Run) (map[string]string, error) {
	var files []outturn.File
	for i := range runs {
		if len(runs[i].Files) > 0 {
			files = append(files, runs[i].Files[0])
		}
	}
	if len(files) == 0 || !reporting.MayLink(c.p) {
		return nil, nil //nolint:nilnil // there are none
	}
	signed, _, err := c.Gate.Service.SignLinks(ctx, c.p, files)
	if err != nil {
		return nil, err
	}
	paths := map[string]string{}
	for i, path := range signed {
		if path != "" {
			paths[files[i].Run] = c.base + path
		}
	}
	return paths, nil
}

func (c *call) toFile(ctx context.Context, run *outturn.Run, path string) (*resource, error) {
	kept, holds, template := recordOf(run.Origin, run.Foreign, run.Revision)
	t := fileTypeOf(template)
	stage := stages[rde.StageOf(*run)]
	status := stage.resource
	if !run.State.Final() && !run.CancelAt.IsZero() {
		status = statusUnprovisioning
	}
	wire := fileWire{
		APS:  c.envelope(run.ID, t, status, stage.revision, run.UpdatedAt),
		Name: run.Name, EventType: rde.EventType(run.Rhythm), Format: strings.ToUpper(run.Format), Status: stage.file,
		GenerateDate: instant(run.StartedAt), FilePath: path, TmpPath: path,
		Parameters: parameters{Period: periods[run.Rhythm], Invoice: run.Request.Invoice},
	}
	if w := run.Request.Window; w != nil {
		wire.Parameters.StartDate, wire.Parameters.EndDate = endsOf(*w)
	}
	if holds {
		wire.EventType = kept.EventType
		if kept.Parameters.StartDate != "" { // as its client knows it; days of a data set may have made it longer
			wire.Parameters.StartDate, wire.Parameters.EndDate = kept.Parameters.StartDate, kept.Parameters.EndDate
		}
	}
	if t.minor >= 2 {
		wire.DownloadsCounter = new(int64)
		if len(run.Files) > 0 {
			*wire.DownloadsCounter = run.Files[0].Downloads
		}
	}
	if t.minor >= 6 {
		whose, err := c.tenant(ctx, run.Tenant)
		if err != nil {
			return nil, err
		}
		wire.SourceType, wire.AccountID, wire.AccountLevel = "API", whose.ExternalID, strconv.Itoa(whose.level)
	}
	return &resource{kind: c.kind("RDEReportFile"), id: run.ID, wire: wire, of: run}, nil
}

// present are runs that are Listed.
var present = all(isNull("files_gone_at"), isNull("removed_at"))

func listFiles(ctx context.Context, c *call, q listing) (found, error) {
	q.Where = all(present, q.Where)
	page, err := c.Gate.Service.Runs(ctx, c.p, q.tenant, q.ListQuery)
	if err != nil {
		return found{}, err
	}
	list, err := c.toFiles(ctx, page.Items)
	return found{list, page.Total}, err
}

func getFile(ctx context.Context, c *call, id string) (*resource, error) {
	if version(id) != '7' {
		return nil, notFound(id)
	}
	run, err := c.Gate.Service.Run(ctx, c.p, id)
	if err != nil {
		return nil, err
	}
	if !run.Listed() {
		return nil, notFound(id)
	}
	list, err := c.toFiles(ctx, []outturn.Run{run})
	if err != nil {
		return nil, err
	}
	return list[0], nil
}

// removeFile takes a report away with its file, or stops one that is still being made:
// that is FAILED then, and removed by another DELETE.
func removeFile(ctx context.Context, c *call, r *resource) error {
	run := runOf(r)
	if !run.State.Final() {
		_, err := c.Gate.Service.CancelRun(ctx, c.p, run.ID)
		return err
	}
	return c.Gate.Service.DeleteRun(ctx, c.p, run.ID)
}
