// Package duckdb reads commerce data from a DuckDB file, or from a folder of
// Parquet and CSV files, with the DuckDB engine inside this process.
//
//	src := duckdb.New(duckdb.Config{Path: "billing.duckdb", Memory: "1GiB"})
//	snap, err := src.Begin(ctx)       // opens the file read-only
//	r, err := snap.Query(ctx, q)      // streams: nothing is collected
//	for { err := r.Next(&b) … }       // fills batches straight from the engine's vectors
//	r.Close(); snap.Close()           // the last Close lets go of the file
//
// # A file
//
// The file is opened read-only and closed with the last snapshot of it (but see
// Config), because an open file keeps the operator from writing to it. A refresh should write a
// new file and rename it into place: snapshots that are open go on reading the
// old one, new ones read the new.
//
// # A folder
//
// Each NAME.parquet or NAME.csv is the table NAME, and so is a folder NAME of
// such files that belong together. CSV files are comma separated, quoted with "
// (a quote inside is doubled), in UTF-8, with a header row. All their columns are
// text: types come from the data set, never from a guess. An empty field is NULL,
// "" is the empty text, and a row that has more or fewer fields than the header
// is an error. Files may change while they are read, so a folder's snapshot is
// not consistent.
//
// # What the engine may do
//
// It reads the one file, or the one folder, and writes temporary files of a
// bounded size into a folder of its own that Close removes. It loads no
// extension and reaches no network; its settings are locked.
package duckdb

import (
	"context"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"slices"
	"strconv"
	"sync"
	"time"

	"outturn"
	"outturn/internal/source"
)

// Config says where the data is and what the engine may use.
type Config struct {
	// Path is the DuckDB file, or with Folder the folder of data files.
	Path   string
	Folder bool

	// Memory is what the engine may allocate, such as "1GiB" or "512MB"; empty
	// is 1GiB. For a file it bounds all snapshots together, for a folder each.
	// Sorting and grouping beyond it go to temporary files.
	Memory string
	// Threads is how many threads work on a statement; 0 is GOMAXPROCS.
	Threads int
	// TempDir is the folder in which each engine makes a folder of its own for
	// temporary files; empty is the system's. What a killed process has left
	// there goes when the next engine opens.
	TempDir string
	// Linger is how long a file stays open after its last snapshot, so that a server
	// with many small reports does not open it for each; 0 closes it at once. Close
	// ends it.
	Linger time.Duration
	// Leave is for a process that ends with its snapshot, and no other. At the end the
	// temporary files go, and all else is left to the system: memory, threads, and the
	// file, open and locked. To give it back takes an engine that has read all of a file
	// of 140 MB 30 ms. It has an effect on Linux alone: elsewhere a file that is open may
	// not be removable, or exit run destructors.
	Leave bool
	// Progress has the engine estimate how far its statements are, for
	// Reader.Progress. It does so again and again: about a twentieth of the time that
	// a join of ten tables takes.
	Progress bool
	// TempQuota bounds an engine's temporary files, such as "10GiB", which is
	// what empty means.
	TempQuota string
}

func (c Config) withDefaults() Config {
	if abs, err := filepath.Abs(c.Path); err == nil {
		c.Path = abs
	}
	if c.Memory == "" {
		c.Memory = "1GiB"
	}
	if c.Threads == 0 {
		c.Threads = runtime.GOMAXPROCS(0)
	}
	if c.TempDir == "" {
		c.TempDir = os.TempDir()
	}
	if c.TempQuota == "" {
		c.TempQuota = "10GiB"
	}
	return c
}

// A Source is one DuckDB file or one folder. Make no more than one for the same
// file in one process: the operating system ties the lock on a file to the
// process, and closing it once gives up the lock for all.
type Source struct {
	config Config

	mu      sync.Mutex
	engines []*engine // of the file, those in use or lingering; more than one after a refresh
	closed  bool
}

var _ source.Source = (*Source)(nil)

// New returns the source that c describes. Nothing is opened before Begin.
func New(c Config) *Source {
	return &Source{config: c.withDefaults()}
}

// Begin opens a snapshot of the file or folder.
func (s *Source) Begin(ctx context.Context) (source.Database, error) {
	if err := ctx.Err(); err != nil {
		return nil, source.Stopped(ctx)
	}
	e, err := s.acquire(ctx)
	if err != nil {
		return nil, err
	}
	snap, err := newSnapshot(ctx, s, e)
	if err != nil {
		s.release(e)
		return nil, err
	}
	return snap, nil
}

// acquire returns an engine over the data as it lies there now. Snapshots of the
// same file share one.
func (s *Source) acquire(ctx context.Context) (*engine, error) {
	if s.config.Folder {
		return openFolder(ctx, s.config)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	// The file may be renamed over between looking at it and opening it.
	const attempts = 5
	for range attempts {
		before, err := s.stat()
		if err != nil {
			return nil, err
		}
		for _, e := range s.engines {
			if !e.broken.Load() && os.SameFile(e.file, before) {
				if e.closer != nil {
					e.closer.Stop()
					e.closer = nil
				}
				e.users++
				return e, nil
			}
		}
		e, err := openFile(ctx, s.config)
		if err != nil {
			return nil, err
		}
		if after, err := s.stat(); err == nil && os.SameFile(before, after) {
			e.file, e.users = before, 1
			s.engines = append(s.engines, e)
			return e, nil
		}
		e.close()
	}
	return nil, outturn.Errorf(outturn.CodeSourceUnavailable, "The file %s is replaced again and again. Try again later.", s.config.Path)
}

func (s *Source) stat() (os.FileInfo, error) {
	info, err := os.Stat(s.config.Path)
	switch {
	case os.IsNotExist(err):
		return nil, outturn.Errorf(outturn.CodeSourceUnavailable, "There is no file %s.", s.config.Path)
	case err != nil:
		return nil, outturn.Errorf(outturn.CodeSourceUnavailable, "The file %s cannot be read: %w.", s.config.Path, err)
	case info.IsDir():
		return nil, outturn.Errorf(outturn.CodeSourceUnavailable, "%s is a folder, not a DuckDB file. Name the file, or use it as a folder of Parquet and CSV files.", s.config.Path)
	}
	return info, nil
}

// release gives up a use of e; the last one closes it, at once or after a while.
func (s *Source) release(e *engine) {
	if s.config.Folder {
		e.close()
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	e.users--
	switch {
	case e.users > 0:
	case s.config.Linger > 0 && !s.closed && !e.broken.Load():
		var closer *time.Timer
		closer = time.AfterFunc(s.config.Linger, func() {
			s.mu.Lock()
			closed := e.closer == closer && s.drop(e)
			s.mu.Unlock()
			if closed {
				debug.FreeOSMemory() // what the reports took may not be needed for long
			}
		})
		e.closer = closer
	default:
		s.drop(e)
	}
}

// drop closes e, which has no user, and reports whether it was open. The caller holds the
// lock.
func (s *Source) drop(e *engine) bool {
	i := slices.Index(s.engines, e)
	if i < 0 {
		return false
	}
	s.engines = slices.Delete(s.engines, i, i+1)
	e.close()
	return true
}

// Close lets go of a file that lingers. Snapshots that are open go on, and close
// it when they end.
func (s *Source) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	for _, e := range slices.Clone(s.engines) {
		if e.users == 0 {
			s.drop(e)
		}
	}
	return nil
}

// threads is how the engine wants the number.
func (c Config) threads() string { return strconv.Itoa(c.Threads) }
