package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"outturn"
	"outturn/internal/catalog"
	"outturn/internal/source"
	"outturn/internal/source/ledger"
)

type datasetCmd struct {
	List  datasetListCmd  `cmd:"" help:"List the data sets; with --source also whether each fits it."`
	Show  datasetShowCmd  `cmd:"" help:"Show a data set: its fields, their types and meaning, its views."`
	Check datasetCheckCmd `cmd:"" help:"Check the data set files, and whether they fit the source."`
	Names datasetNamesCmd `cmd:"" help:"Print the file of all names of columns that are inferred, to write true ones into for --names."`
	New   datasetNewCmd   `cmd:"" help:"Print a data set file for a table of the source, to go on from; with --datasets also whose the rows are, by foreign keys to the accounts of its tenant tree."`
}

// withSnapshot opens the source of the settings for as long as use runs.
func withSnapshot(ctx context.Context, settings *Settings, use func(source.Database) error) (err error) {
	src, err := settings.openSource(sourceUse{})
	if err != nil {
		return err
	}
	snapshot, err := src.Begin(source.WithPurpose(ctx, "dataset"))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, snapshot.Close()) }()
	return use(snapshot)
}

type datasetNamesCmd struct{}

func (datasetNamesCmd) Run(streams IO) error {
	text, err := catalog.BuiltinNames()
	if err != nil {
		return err
	}
	_, err = streams.Out.Write(text)
	return err
}

type datasetListCmd struct {
	JSON bool `name:"json" help:"Print JSON."`
}

// A listed is one line of dataset list.
type listed struct {
	Name        string   `json:"name"`
	Version     int      `json:"version"`
	Source      string   `json:"source"`
	Description string   `json:"description"`
	Fields      int      `json:"fields"`
	Period      string   `json:"period,omitempty"` // instant or date; absent for a snapshot
	Views       []string `json:"views"`
	Problem     string   `json:"problem,omitempty"`
}

func (c *datasetListCmd) Run(ctx context.Context, streams IO, settings *Settings) error {
	cat, err := settings.openCatalog()
	if err != nil {
		return err
	}
	problems := cat.Faults()
	if settings.Source != "" {
		err = withSnapshot(ctx, settings, func(s source.Database) error {
			problems = cat.Check(ctx, s)
			return nil
		})
		if err != nil {
			return err
		}
	}
	list := listDatasets(cat, problems)
	if c.JSON {
		return printJSON(streams.Out, list)
	}
	return printTable(streams.Out, func(w io.Writer) {
		for _, l := range list {
			fmt.Fprintf(w, "%s\t%d fields\t%s\n", l.Name, l.Fields, firstSentence(l.Description))
			if l.Problem != "" {
				fmt.Fprintf(w, "\t\t%s\n", strings.ReplaceAll(l.Problem, "\n", "\n\t\t"))
			}
		}
	})
}

func listDatasets(cat *catalog.Catalog, problems map[string]error) []listed {
	list := []listed{}
	for _, d := range cat.Datasets() {
		l := listed{Name: d.Name, Version: d.Version, Source: d.Source, Description: d.Description, Fields: len(d.Fields)}
		if d.Period != nil {
			l.Period = string(d.Period.Kind)
		}
		for _, v := range cat.Views(d) {
			l.Views = append(l.Views, v.Name)
		}
		if problem := problems[d.Name+".sql"]; problem != nil {
			l.Problem = problem.Error()
		}
		list = append(list, l)
	}
	for _, file := range slices.Sorted(maps.Keys(problems)) {
		name, isDataset := strings.CutSuffix(file, ".sql")
		known := slices.ContainsFunc(list, func(l listed) bool { return l.Name == name })
		if isDataset && !known && !strings.HasPrefix(name, "_") {
			list = append(list, listed{Name: name, Views: []string{}, Problem: problems[file].Error()})
		}
	}
	return list
}

func firstSentence(text string) string {
	first, _, _ := strings.Cut(strings.ReplaceAll(text, "\n", " "), ". ")
	return strings.TrimSuffix(first, ".") + "."
}

type datasetShowCmd struct {
	Name string `arg:"" help:"The data set."`
	JSON bool   `name:"json" help:"Print JSON."`
}

func (c *datasetShowCmd) Run(streams IO, settings *Settings) error {
	cat, err := settings.openCatalog()
	if err != nil {
		return err
	}
	d, err := cat.Dataset(c.Name)
	if err != nil {
		return err
	}
	if c.JSON {
		return printJSON(streams.Out, struct {
			*outturn.Dataset
			Views []*outturn.View `json:"views"`
		}{d, cat.Views(d)})
	}
	return showDataset(streams.Out, d, cat.Views(d))
}

func showDataset(w io.Writer, d *outturn.Dataset, views []*outturn.View) error {
	period := "a snapshot: it has no period, so windows do not apply"
	if d.Period != nil {
		period = fmt.Sprintf("%s, by %s", d.Period.Expr, map[outturn.PeriodKind]string{
			outturn.PeriodInstant: "instant", outturn.PeriodDate: "calendar day of the window's zone"}[d.Period.Kind])
	}
	if _, err := fmt.Fprintf(readableWriter{w}, "%s, version %d of source %s\n%s\nPeriod: %s\n\n", d.Name, d.Version, d.Source, d.Description, period); err != nil {
		return err
	}
	err := printTable(w, func(w io.Writer) {
		fmt.Fprintln(w, "FIELD\tTYPE\tMARK\tMEANING")
		for _, f := range d.Fields {
			fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", f.Name, typeText(f), f.Evidence, f.Meaning)
		}
	})
	if err != nil {
		return err
	}
	if _, err := fmt.Fprintln(w, "\nMark: D the name is published, D* published and normalised, I inferred.\n\nViews:"); err != nil {
		return err
	}
	return printTable(w, func(w io.Writer) {
		for _, v := range views {
			fmt.Fprintf(w, "%s\t%d columns\t%s\n", v.Name, len(v.Columns), oneLine(v.Description))
		}
	})
}

func typeText(f outturn.Field) string {
	switch {
	case f.Type == outturn.Decimal && f.Additive:
		return fmt.Sprintf("decimal(%d), summed per %s", f.Scale, f.Currency)
	case f.Type == outturn.Decimal:
		return fmt.Sprintf("decimal(%d)", f.Scale)
	}
	return string(f.Type)
}

type datasetCheckCmd struct {
	JSON bool `name:"json" help:"Print JSON."`
}

func (c *datasetCheckCmd) Run(ctx context.Context, streams IO, settings *Settings) error {
	cat, err := settings.openCatalog()
	if err != nil {
		return err
	}
	var problems map[string]error
	var advice []source.Advice
	err = withSnapshot(ctx, settings, func(s source.Database) error {
		problems = cat.Check(ctx, s)
		advice = cat.Advise(ctx, s)
		return nil
	})
	if err != nil {
		return err
	}
	if _, err := cat.With(ledger.AuditDataset); err != nil {
		problems[ledger.AuditDataset.Name+".sql"] = err
	}
	files := slices.Sorted(maps.Keys(problems))
	if c.JSON {
		list := []map[string]string{}
		for _, file := range files {
			list = append(list, map[string]string{"file": file, "problem": problems[file].Error()})
		}
		for _, a := range advice {
			list = append(list, map[string]string{"file": a.Dataset + ".sql", "warning": a.Text, "part": a.Part, "table": a.Table, "column": a.Column, "index": a.Index})
		}
		if err := printJSON(streams.Out, list); err != nil {
			return err
		}
	}
	for _, a := range advice {
		fmt.Fprintf(readableWriter{streams.Err}, "Warning: %s\n", a.Text)
	}
	if len(problems) == 0 {
		fmt.Fprintf(streams.Err, "%d data sets are sound and fit the source.\n", len(cat.Datasets()))
		return nil
	}
	var all []error
	for _, file := range files {
		err := problems[file]
		if !strings.Contains(err.Error(), strings.TrimSuffix(file, ".sql")) { // an engine's words name tables
			err = fmt.Errorf("%s: %w", file, err)
		}
		all = append(all, err)
	}
	return outturn.Errorf(outturn.CodeDatasetInvalid, "%d files have faults:\n%w", len(files), errors.Join(all...))
}

type datasetNewCmd struct {
	Table string `name:"table" required:"" placeholder:"TABLE" help:"A table or view of the source."`
}

func (c *datasetNewCmd) Run(ctx context.Context, streams IO, settings *Settings) error {
	cat, err := settings.openCatalog()
	if err != nil {
		return err
	}
	tree, err := cat.Tree()
	if err != nil {
		return err
	}
	return withSnapshot(ctx, settings, func(s source.Database) error {
		tables, err := s.Tables(ctx)
		if err != nil {
			return err
		}
		if !slices.Contains(tables, c.Table) {
			return outturn.Unknown("table", c.Table, tables)
		}
		text, err := catalog.Draft(ctx, s, c.Table, tree)
		if err != nil {
			return err
		}
		_, err = io.WriteString(streams.Out, text)
		return err
	})
}
