package server

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"time"

	"outturn"
	"outturn/internal/catalog"
	"outturn/internal/source"
)

// A Finding is what one of Doctor's looks came to.
type Finding struct {
	Check  string `json:"check"`
	Detail string `json:"detail"` // what is well, or what to do
	Err    error  `json:"-"`
	Sound  bool   `json:"sound"`
}

// Doctor looks at everything that a server over the folder will need.
func (f *Folder) Doctor(ctx context.Context, src source.Source, cat *catalog.Catalog) []Finding {
	var findings []Finding
	look := func(check string, look func() (string, error)) {
		finding := Finding{Check: check}
		finding.Detail, finding.Err = look()
		if finding.Sound = finding.Err == nil; !finding.Sound {
			finding.Detail = finding.Err.Error()
		}
		findings = append(findings, finding)
	}
	look("permissions", func() (string, error) {
		info, err := os.Stat(keyPath(f.Path))
		if err != nil {
			return "", err
		}
		return fmt.Sprintf("the data folder %s and its key (%s) are its owner's alone", f.Path, info.Mode().Perm()), makeFolder(f.Path)
	})
	look("ledger", func() (string, error) { return "it answers, and is up to date", f.Ledger.Ping(ctx) })
	look("storage", func() (string, error) { return f.tryStorage(ctx) })
	look("source", func() (string, error) { return trySource(ctx, src, cat) })
	look("clock", f.tryClock)
	return findings
}

// tryStorage writes a file, reads it back and deletes it.
func (f *Folder) tryStorage(ctx context.Context) (string, error) {
	if err := f.Files.Check(ctx); err != nil {
		return "", err
	}
	key := "doctor/" + outturn.NewID(time.Now()) + "/1/probe"
	up, err := f.Files.Create(ctx, key)
	if err != nil {
		return "", err
	}
	defer up.Abort()
	if _, err := io.WriteString(up, key); err != nil {
		return "", err
	}
	if err := up.Commit(ctx); err != nil {
		return "", err
	}
	object, err := f.Files.Open(ctx, key)
	if err != nil {
		return "", err
	}
	text, err := io.ReadAll(object)
	err = errors.Join(err, object.Close(), f.Files.Delete(ctx, key))
	if err == nil && string(text) != key {
		err = outturn.Errorf(outturn.CodeStorageUnavailable, "What was written to %s is not what is read there.", filesPath(f.Path))
	}
	return "a file was written, read back and deleted", err
}

// trySource takes a snapshot and holds every data set against it.
func trySource(ctx context.Context, src source.Source, cat *catalog.Catalog) (detail string, err error) {
	s, err := src.Begin(ctx)
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	var faults []error
	unfit := cat.Check(ctx, s)
	for _, name := range slices.Sorted(maps.Keys(unfit)) {
		faults = append(faults, fmt.Errorf("%s: %w", name, unfit[name]))
	}
	return fmt.Sprintf("it can be read, and all %d data sets fit", len(cat.Datasets())), errors.Join(faults...)
}

// mostSkew is how far the clock of the disk may be off ours.
const mostSkew = 2 * time.Second

// tryClock holds our clock against the one that stamps files.
func (f *Folder) tryClock() (string, error) {
	probe, err := os.CreateTemp(f.Path, ".clock-*")
	if err != nil {
		return "", err
	}
	defer os.Remove(probe.Name())
	defer probe.Close()
	now := time.Now()
	info, err := probe.Stat()
	if err != nil {
		return "", err
	}
	if skew := now.Sub(info.ModTime()).Abs(); skew > mostSkew {
		return "", outturn.Errorf(outturn.CodeConflict, "This machine's clock and that of the data folder's disk are %s apart. Set the clock: links and leases go by it.", skew.Round(time.Second))
	}
	return "it says " + now.UTC().Format(time.RFC3339) + ", and so does the disk", nil
}
