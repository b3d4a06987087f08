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
	"outturn/internal/blob"
	"outturn/internal/catalog"
	"outturn/internal/secret"
	"outturn/internal/source"
	"outturn/internal/store"
)

// A Finding is what one of Doctor's looks came to.
type Finding struct {
	Check  string `json:"check"`
	Detail string `json:"detail"` // what is well, or what to do
	Err    error  `json:"-"`
	Sound  bool   `json:"sound"`
}

// Doctor looks at everything that a server over the data folder at path will need,
// of which c names the source and the catalogue. It changes nothing there: a ledger
// that is of an older program stays so.
func Doctor(ctx context.Context, path string, c Config) []Finding {
	c = c.withDefaults()
	var findings []Finding
	look := func(check string, look func() (string, error)) {
		finding := Finding{Check: check}
		finding.Detail, finding.Err = look()
		if finding.Sound = finding.Err == nil; !finding.Sound {
			finding.Detail = finding.Err.Error()
		}
		findings = append(findings, finding)
	}
	look("permissions", func() (string, error) { return tryPermissions(path) })
	look("ledger", func() (string, error) { return tryLedger(ctx, store.Config{Path: ledgerPath(path), Now: c.Now}) })
	look("storage", func() (string, error) { return tryStorage(ctx, filesPath(path)) })
	look("source", func() (string, error) { return trySource(ctx, c.Source, c.Catalog) })
	look("clock", func() (string, error) { return tryClock(path, c.Now) })
	if c.TLSCert != "" || c.TLSKey != "" {
		look("certificate", func() (string, error) { return tryCertificate(c) })
	}
	return findings
}

// tryCertificate reads the certificate and its key as a server would.
func tryCertificate(c Config) (string, error) {
	cert, err := openCertificate(c)
	if err != nil {
		return "", err
	}
	if left := cert.expiry().Sub(c.Now()); left <= soon {
		return "", outturn.Errorf(outturn.CodeInvalid, "The certificate in %s expires at %s, in %d days. Renew it.", c.TLSCert, stamp(cert.expiry()), int(left.Hours()/24))
	}
	return "the certificate is good until " + stamp(cert.expiry()), nil
}

// tryPermissions looks whether others may enter the folder or read its key, and
// whether the key is there that the ledger was sealed with.
func tryPermissions(path string) (string, error) {
	faults := []error{checkFolder(path)}
	_, err := os.Stat(ledgerPath(path))
	if fresh := errors.Is(err, os.ErrNotExist); !fresh {
		_, err := secret.OpenKeyFile(keyPath(path), false)
		faults = append(faults, err)
	}
	return "the data folder " + path + " and its key are its owner's alone", errors.Join(faults...)
}

// tryLedger asks a ledger that is up to date for an answer.
func tryLedger(ctx context.Context, c store.Config) (detail string, err error) {
	if _, err := os.Stat(c.Path); errors.Is(err, os.ErrNotExist) {
		return "there is none yet; the first start makes it", nil
	}
	pending, err := store.Pending(ctx, c)
	if err != nil {
		return "", err
	}
	if len(pending) > 0 {
		return fmt.Sprintf("it is of an older Outturn; the next start, or outturn migrate, brings it up to date (%d steps)", len(pending)), nil
	}
	ledger, err := store.Open(ctx, c)
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, ledger.Close()) }()
	return "it answers, and is up to date", ledger.Ping(ctx)
}

// tryStorage writes a file, reads it back and deletes it.
func tryStorage(ctx context.Context, path string) (string, error) {
	files, err := blob.OpenFolder(path)
	if err != nil {
		return "", err
	}
	defer files.Close()
	if err := files.Check(ctx); err != nil {
		return "", err
	}
	key := "doctor/" + outturn.NewID(time.Now()) + "/1/probe"
	up, err := files.Create(ctx, key)
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
	object, err := files.Open(ctx, key)
	if err != nil {
		return "", err
	}
	text, err := io.ReadAll(object)
	err = errors.Join(err, object.Close(), files.Delete(ctx, key))
	if err == nil && string(text) != key {
		err = outturn.Errorf(outturn.CodeStorageUnavailable, "What was written to %s is not what is read there.", path)
	}
	return "a file was written, read back and deleted", err
}

// trySource takes a snapshot and holds every data set against it.
func trySource(ctx context.Context, src source.Source, cat *catalog.Catalog) (detail string, err error) {
	s, err := src.Begin(source.WithPurpose(ctx, "doctor"))
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
func tryClock(path string, clock func() time.Time) (string, error) {
	probe, err := os.CreateTemp(path, ".clock-*")
	if err != nil {
		return "", outturn.Errorf(outturn.CodeStorageUnavailable, "The data folder cannot be written: %w.", err)
	}
	defer os.Remove(probe.Name())
	defer probe.Close()
	now := clock()
	info, err := probe.Stat()
	if err != nil {
		return "", err
	}
	if skew := now.Sub(info.ModTime()).Abs(); skew > mostSkew {
		return "", outturn.Errorf(outturn.CodeConflict, "This machine's clock and that of the data folder's disk are %s apart. Set the clock: links and leases go by it.", skew.Round(time.Second))
	}
	return "it says " + now.UTC().Format(time.RFC3339) + ", and so does the disk", nil
}
