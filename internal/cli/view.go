package cli

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"outturn"
	"outturn/internal/blob"
	"outturn/internal/catalog"
)

type viewCmd struct {
	List   viewListCmd   `cmd:"" help:"List the views of a data set, or of all."`
	Show   viewShowCmd   `cmd:"" help:"Print a view as the file it could come from: edit it, and export --view FILE."`
	Create viewCreateCmd `cmd:"" help:"Make a view of columns, of another view or of a file: checked, then printed, written or kept beside the data sets."`
}

// isViewFile tells a view's file from a view's name, which has neither a point
// nor a slash in it.
func isViewFile(view string) bool {
	end := strings.ToLower(filepath.Ext(view))
	return end == ".yaml" || end == ".yml" || strings.ContainsAny(view, `/`+string(os.PathSeparator))
}

// openView reads a view of a data set from a file of the user's.
func openView(cat *catalog.Catalog, dataset, path string) (*outturn.View, error) {
	text, err := readView(path)
	if err != nil {
		return nil, err
	}
	d, err := cat.Dataset(dataset)
	if err != nil {
		return nil, err
	}
	v, err := catalog.OwnView(text, d)
	if err != nil {
		return nil, brokenView(path, err)
	}
	return v, nil
}

func readView(path string) ([]byte, error) {
	text, err := catalog.ReadViewFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, outturn.Errorf(outturn.CodeInvalid, "There is no file %s to read a view from.", path)
	}
	if err != nil {
		return nil, outturn.Errorf(outturn.CodeInvalid, "The view's file cannot be read: %w.", err)
	}
	return text, nil
}

func brokenView(path string, err error) error {
	return outturn.Errorf(outturn.CodeInvalid, "%s cannot be used:\n  %s", path, strings.ReplaceAll(err.Error(), "\n", "\n  "))
}

type viewListCmd struct {
	Dataset string `arg:"" optional:"" help:"The data set. Default: all."`
	JSON    bool   `name:"json" help:"Print JSON."`
}

// A listedView is one line of view list.
type listedView struct {
	Dataset     string `json:"dataset"`
	Name        string `json:"name"`
	Columns     int    `json:"columns"`
	Description string `json:"description,omitempty"`
	Problem     string `json:"problem,omitempty"`
}

func (c *viewListCmd) Run(streams IO, settings *Settings) error {
	cat, err := settings.openCatalog()
	if err != nil {
		return err
	}
	datasets := cat.Datasets()
	if c.Dataset != "" {
		d, err := cat.Dataset(c.Dataset)
		if err != nil {
			return err
		}
		datasets = []*outturn.Dataset{d}
	}
	list := []listedView{}
	for _, d := range datasets {
		for _, v := range cat.Views(d) {
			list = append(list, listedView{Dataset: d.Name, Name: v.Name, Columns: len(v.Columns), Description: v.Description})
		}
	}
	list = append(list, c.broken(cat)...)
	if c.JSON {
		return printJSON(streams.Out, list)
	}
	return printTable(streams.Out, func(w io.Writer) {
		for _, l := range list {
			fmt.Fprintf(w, "%s\t%s\t%d columns\t%s\n", l.Dataset, l.Name, l.Columns, oneLine(l.Description))
			if l.Problem != "" {
				fmt.Fprintf(w, "\t\t\t%s\n", strings.ReplaceAll(l.Problem, "\n", "\n\t\t\t"))
			}
		}
	})
}

// broken lists the views that cannot be used, and why, by the names of their files.
func (c *viewListCmd) broken(cat *catalog.Catalog) (list []listedView) {
	problems := cat.Faults()
	for _, file := range slices.Sorted(maps.Keys(problems)) {
		dataset, name, _ := strings.Cut(strings.TrimSuffix(file, ".yaml"), ".")
		if strings.HasSuffix(file, ".yaml") && (c.Dataset == "" || c.Dataset == dataset) {
			list = append(list, listedView{Dataset: dataset, Name: name, Problem: problems[file].Error()})
		}
	}
	return list
}

type viewShowCmd struct {
	Dataset string `arg:"" help:"The data set."`
	View    string `arg:"" help:"The view."`
	JSON    bool   `name:"json" help:"Print JSON instead of YAML."`
}

func (c *viewShowCmd) Run(streams IO, settings *Settings) error {
	cat, err := settings.openCatalog()
	if err != nil {
		return err
	}
	d, err := cat.Dataset(c.Dataset)
	if err != nil {
		return err
	}
	v, err := cat.View(d, c.View)
	if err != nil {
		return err
	}
	if c.JSON {
		return printJSON(streams.Out, v)
	}
	_, err = streams.Out.Write(catalog.FormatView(v))
	return err
}

type viewCreateCmd struct {
	Dataset string `arg:"" optional:"" help:"The data set. With --file it may be left to that."`
	Name    string `arg:"" optional:"" help:"What the view shall be called. With --file it may be left to that."`

	Columns     []string `name:"columns" sep:"," placeholder:"A,B=alias" help:"Fields, each with another name if you like. Default: all, to delete from."`
	FromView    string   `name:"from-view" placeholder:"NAME" help:"Start with the columns of this view; those of --columns follow."`
	File        string   `name:"file" placeholder:"FILE" help:"Take the columns from a view's file."`
	Description string   `name:"description" placeholder:"TEXT" help:"What the view is for."`

	Out   string `name:"out" short:"o" placeholder:"FILE" help:"Write it to a file, for export --view FILE. Default: print it."`
	Save  bool   `name:"save" help:"Keep it in the folder of data sets (--datasets) as DATASET.NAME.yaml, where export --view NAME finds it."`
	Force bool   `name:"force" help:"Write over a file that is there."`
}

func (c *viewCreateCmd) Run(streams IO, settings *Settings) error {
	if c.Save && c.Out != "" {
		return outturn.Errorf(outturn.CodeInvalid, "--save says where to write, and so does --out. Give one of them.")
	}
	if c.Save && settings.Datasets == "" {
		return outturn.Errorf(outturn.CodeInvalid, "The built-in data sets keep no views of yours. Name your own folder with --datasets, or write a file with --out and export with --view FILE.")
	}
	cat, err := settings.openCatalog()
	if err != nil {
		return err
	}
	v, err := c.view(cat)
	if err != nil {
		return err
	}
	out := c.Out
	if c.Save {
		out = filepath.Join(settings.Datasets, v.Dataset+"."+v.Name+".yaml")
		if err := checkCase(out); err != nil {
			return err
		}
	}
	if out == "" || out == "-" {
		_, err := streams.Out.Write(catalog.FormatView(v))
		return err
	}
	if err := c.write(out, catalog.FormatView(v)); err != nil {
		return err
	}
	fmt.Fprintf(readableWriter{streams.Err}, "%s: view %s of %s, %d columns.\n", out, v.Name, v.Dataset, len(v.Columns))
	return nil
}

// checkCase refuses a file beside one whose name differs by the case of its letters
// only: on many disks they are one.
func checkCase(path string) error {
	folder, name := filepath.Dir(path), filepath.Base(path)
	entries, err := os.ReadDir(folder)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if e.Name() != name && strings.EqualFold(e.Name(), name) {
			return outturn.Errorf(outturn.CodeInvalid, "%s is there already, and differs from %s only by the case of its letters. Choose another name.", filepath.Join(folder, e.Name()), name)
		}
	}
	return nil
}

// view makes the view and checks it.
func (c *viewCreateCmd) view(cat *catalog.Catalog) (*outturn.View, error) {
	v, err := c.draft(cat)
	if err != nil {
		return nil, err
	}
	if c.Description != "" {
		v.Description = strings.TrimSpace(c.Description)
	}
	if c.Name != "" {
		v.Name = c.Name
	}
	if v.Name == "" {
		return nil, outturn.Errorf(outturn.CodeInvalid, "The view has no name. Write outturn view create DATASET NAME.")
	}
	if strings.EqualFold(v.Name, outturn.FullView) {
		return nil, outturn.Errorf(outturn.CodeInvalid, "The view %s is every data set's own. Choose another name.", outturn.FullView)
	}
	d, err := cat.Dataset(v.Dataset)
	if err != nil {
		return nil, err
	}
	if err := v.Validate(d); err != nil {
		return nil, brokenView("The view", err)
	}
	return v, nil
}

// draft makes a view as the flags say, or as a file does.
func (c *viewCreateCmd) draft(cat *catalog.Catalog) (*outturn.View, error) {
	if c.File != "" {
		if len(c.Columns) > 0 || c.FromView != "" {
			return nil, outturn.Errorf(outturn.CodeInvalid, "The columns come from --file, or from --columns and --from-view. Give one of them.")
		}
		return c.fromFile(cat)
	}
	if c.Dataset == "" || c.Name == "" {
		return nil, outturn.Errorf(outturn.CodeInvalid, "Name the data set and the view: outturn view create DATASET NAME. A view's file is taken with --file.")
	}
	d, err := cat.Dataset(c.Dataset)
	if err != nil {
		return nil, err
	}
	v := &outturn.View{Dataset: d.Name}
	if c.FromView != "" || len(c.Columns) == 0 {
		from, err := cat.View(d, c.FromView)
		if err != nil {
			return nil, err
		}
		v.Columns = slices.Clone(from.Columns)
	}
	for _, text := range c.Columns {
		field, alias, renamed := strings.Cut(text, "=")
		if field == "" || renamed && alias == "" {
			return nil, outturn.Errorf(outturn.CodeInvalid, "--columns: %q is neither a field nor FIELD=alias.", text)
		}
		v.Columns = append(v.Columns, outturn.ViewColumn{Field: field, Alias: alias})
	}
	return v, nil
}

func (c *viewCreateCmd) fromFile(cat *catalog.Catalog) (*outturn.View, error) {
	dataset := c.Dataset
	if dataset == "" {
		text, err := readView(c.File)
		if err != nil {
			return nil, err
		}
		v, err := catalog.ParseView(text)
		if err != nil {
			return nil, brokenView(c.File, err)
		}
		if dataset = v.Dataset; dataset == "" {
			return nil, outturn.Errorf(outturn.CodeInvalid, "%s does not say which data set it is a view of. Write outturn view create DATASET --file %s.", c.File, c.File)
		}
	}
	return openView(cat, dataset, c.File)
}

// write makes the file. One that is there stays, unless it is to be forced.
func (c *viewCreateCmd) write(path string, text []byte) error {
	if _, err := os.Lstat(path); err == nil && !c.Force {
		return outturn.Errorf(outturn.CodeInvalid, "%s is there already. Write over it with --force, or choose another name.", path)
	}
	f, err := blob.CreateFile(path)
	if err != nil {
		return err
	}
	defer f.Abort() // does nothing after Commit
	if _, err := io.Copy(f, bytes.NewReader(text)); err != nil {
		return err
	}
	return f.Commit()
}
