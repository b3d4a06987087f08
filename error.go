package outturn

import (
	"errors"
	"fmt"
	"time"
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
	// CodeSourceRefused: the source is there and does not let Outturn in. The operator
	// must mend the address, the user, its password or its rights.
	CodeSourceRefused Code = "source_refused"
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
	// CodeRowLimit: the report has more rows than a run may have. Nothing is cut off
	// in silence.
	CodeRowLimit Code = "row_limit"
	// CodeStorageLimit: with its files the tenant, or one above it, would keep more
	// than it may. None of them is kept.
	CodeStorageLimit Code = "storage_limit"
	// CodeWorkerLost: the processes that worked on the run died, three times.
	CodeWorkerLost Code = "worker_lost"
	// CodeLeaseLost: a worker no longer holds the run it wants to change.
	CodeLeaseLost Code = "lease_lost"

	// CodeUnauthenticated: the credential is missing, wrong, expired or revoked.
	CodeUnauthenticated Code = "unauthenticated"
	// CodeForbidden: the caller is known and its role does not allow this.
	CodeForbidden Code = "forbidden"
	// CodeConflict: it cannot be done in the state that things are in.
	CodeConflict Code = "conflict"
	// CodeKeyReused: an Idempotency-Key came again with another request.
	CodeKeyReused Code = "idempotency_key_reused"
	// CodeKeyInFlight: the first request with this Idempotency-Key has not been
	// answered yet.
	CodeKeyInFlight Code = "idempotency_key_in_flight"
	// CodeVersionChanged: somebody else changed it since it was read (If-Match).
	CodeVersionChanged Code = "version_changed"
	// CodeGone: it was there, and its time is over.
	CodeGone Code = "gone"
	// CodeTooLarge: the request is larger than is taken.
	CodeTooLarge Code = "too_large"
	// CodeLimit: a limit on how much one tenant may have or ask is reached.
	CodeLimit Code = "limit_reached"
	// CodeUnavailable: the server cannot take this now, and can soon.
	CodeUnavailable Code = "unavailable"

	// CodeHeld: a run stays queued though it is due, because its tenant or one above
	// has as many at work as it may, or is suspended.
	CodeHeld Code = "held"
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
	// Field is what of the request it is about, as a path of names such as
	// window.from; empty where it is about no single one.
	Field string
	// RetryAfter is after how long the same request may be met; 0 where that is not
	// known.
	RetryAfter time.Duration
	Err        error // what lies beneath, for the log; may be nil
}

// Errorf makes an Error. A %w verb keeps the cause.
func Errorf(code Code, format string, args ...any) *Error {
	err := fmt.Errorf(format, args...)
	return &Error{Code: code, Message: err.Error(), Err: errors.Unwrap(err)}
}

// InField says which field of the request the errors in err's tree are about that
// do not say so themselves.
func InField(field string, err error) error {
	switch e := err.(type) { //nolint:errorlint // it walks the tree itself
	case nil:
		return nil
	case *Error:
		if e.Field == "" {
			in := *e
			in.Field = field
			return &in
		}
		return e
	case interface{ Unwrap() []error }:
		var faults []error
		for _, fault := range e.Unwrap() {
			faults = append(faults, InField(field, fault))
		}
		return errors.Join(faults...)
	}
	return &Error{Code: ErrorCode(err), Message: err.Error(), Field: field, Err: err}
}

// Faults lists the Errors in err's tree, those of errors.Join one by one.
func Faults(err error) []*Error {
	switch e := err.(type) { //nolint:errorlint // it walks the tree itself
	case nil:
		return nil
	case *Error:
		return []*Error{e}
	case interface{ Unwrap() []error }:
		var faults []*Error
		for _, fault := range e.Unwrap() {
			faults = append(faults, Faults(fault)...)
		}
		return faults
	case interface{ Unwrap() error }:
		return Faults(e.Unwrap())
	}
	return nil
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
