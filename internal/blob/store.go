package blob

import (
	"context"
	"io"
	"iter"
	"path"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"outturn"
)

// A Store is where the files of runs lie. It knows nothing of runs, tenants and who
// may read what: that is the ledger's. Any number of goroutines may use it.
//
// A key is a path such as tenant/run.attempt.name, which CheckKey accepts. What has
// been committed under a key is whole and does not change; only Delete ends it, or
// another Commit under the same key, which takes its place in one step. Errors are
// outturn.Errors: CodeInvalid for a key that is none, CodeStorageUnavailable and
// CodeDiskFull for what the place has against it.
type Store interface {
	// Create starts an upload. Neither Open nor List see any of it before Commit,
	// also when this process is killed. ctx is for the whole upload: when it ends,
	// what follows fails with its cause.
	Create(ctx context.Context, key string) (Upload, error)
	// Open returns what was committed under key, or CodeNotFound. A Delete while it
	// is read does not end the reading.
	Open(ctx context.Context, key string) (Object, error)
	// Delete takes away what was committed under key. Where there is nothing it has
	// nothing to do and reports no error.
	Delete(ctx context.Context, key string) error
	// List yields what was committed under keys that begin with prefix, to the
	// letter ("a/b" also finds "a/bc"), in no particular order. What comes or goes
	// meanwhile may be in it or not, and the caller may delete while it lists. After
	// an error nothing follows.
	List(ctx context.Context, prefix string) iter.Seq2[Info, error]
	// Check reports why a file could not be stored and read back now.
	Check(ctx context.Context) error
}

// An Upload is a transaction with its shape: defer Abort, Commit at the end. One
// goroutine uses it.
type Upload interface {
	io.Writer
	// Commit makes the object visible, whole, and durable: when it returns it is both.
	// Before, a loss of power may leave a part of it under its key. When it fails,
	// nothing is visible, and the upload is over.
	Commit(ctx context.Context) error
	// Abort drops the upload. After Commit it does nothing.
	Abort()
}

// An Object is one that is open for reading. One goroutine uses it.
type Object interface {
	io.ReadSeekCloser
	Size() int64
}

// Info is what List tells about an object.
type Info struct {
	Key     string
	Size    int64
	ModTime time.Time // of its last byte, or of its Commit
}

// MostName is how many bytes each element of a key may have.
const MostName = 255

// CheckKey reports why key cannot be the key of an object in some store. Its
// elements are names that every file system takes, and none is hidden.
func CheckKey(key string) error {
	if !safeKey(key) {
		return outturn.Errorf(outturn.CodeInvalid, "%s is no key of a stored file.", outturn.Shown(key))
	}
	return nil
}

func safeKey(key string) bool {
	if len(key) > 4*MostName || !utf8.ValidString(key) || path.Clean(key) != key {
		return false
	}
	for element := range strings.SplitSeq(key, "/") {
		if element == "" || len(element) > MostName || element[0] == '.' || strings.ContainsFunc(element, unsafe) {
			return false
		}
	}
	return true
}

// unsafe says whether a character could make of a name another one, or a path.
func unsafe(r rune) bool { return r == '\\' || r == ':' || unicode.IsControl(r) }
