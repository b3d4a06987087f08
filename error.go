package outturn

import (
	"errors"
	"fmt"
)

// A Code says what kind of failure an Error is. Codes are stable: clients,
// exit statuses and failed runs refer to them.
type Code string

const (
	// CodeInvalid: the request cannot be met as it was put. The user must
	// change it; the same request never succeeds later.
	CodeInvalid Code = "invalid_parameters"
	// CodeNotFound: what the request names does not exist for this tenant.
	CodeNotFound Code = "not_found"
	// CodeDatasetInvalid: a data set, tenant tree or view file is broken or does
	// not fit its source. The operator must mend it.
	CodeDatasetInvalid Code = "dataset_invalid"
	// CodeSourceUnavailable: the source is missing, locked, unreadable or
	// unreachable. Trying again later can help.
	CodeSourceUnavailable Code = "source_unavailable"
	// CodeQueryFailed: the source refused or broke off the statement, or held a
	// value that does not fit its declared type.
	CodeQueryFailed Code = "query_failed"
	// CodeQueryTimeout: the statement took longer than it may.
	CodeQueryTimeout Code = "query_timeout"
	// CodeMemoryLimit: the statement needs more memory or temporary disk than
	// the engine may use.
	CodeMemoryLimit Code = "memory_limit"
	// CodeDiskFull: the disk that takes the file has no room left.
	CodeDiskFull Code = "disk_full"
	// CodeStorageUnavailable: the place the file should go cannot be written.
	CodeStorageUnavailable Code = "storage_unavailable"
	// CodeFileDamaged: a file that was looked at is not what its manifest says, or
	// is damaged in itself.
	CodeFileDamaged Code = "file_damaged"
	// CodeCancelled: somebody asked for it to stop.
	CodeCancelled Code = "cancelled"
	// CodeInternal: a fault of Outturn itself.
	CodeInternal Code = "internal"
)

// An Error is a failure told to the person who asked: what happened, which
// field or table, what to do. Any error that is not an Error is internal.
type Error struct {
	Code    Code
	Message string // one or more whole sentences
	Err     error  // what lies beneath, for the log; may be nil
}

// Errorf makes an Error. A %w verb keeps the cause.
func Errorf(code Code, format string, args ...any) *Error {
	err := fmt.Errorf(format, args...)
	return &Error{Code: code, Message: err.Error(), Err: errors.Unwrap(err)}
}

func (e *Error) Error() string { return e.Message }

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// ErrorCode returns the code of the first Error in err's tree, CodeInternal
// when there is none, and "" for nil.
func ErrorCode(err error) Code {
	if err == nil {
		return ""
	}
	var e *Error
	if errors.As(err, &e) {
		return e.Code
	}
	return CodeInternal
}
