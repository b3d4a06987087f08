package reporting

import (
	"outturn"
)

// faults collects what is wrong with a request.
type faults []error

// add notes what is wrong with a field; nil is nothing. Whatever its code was, the
// request cannot be met as it was put; only what is broken on our side stays that.
func (f *faults) add(field string, err error) {
	switch e := err.(type) { //nolint:errorlint // it walks the tree itself
	case nil:
	case *outturn.Error:
		in := *e
		if in.Code != outturn.CodeDatasetInvalid && in.Code != outturn.CodeInternal {
			in.Code = outturn.CodeInvalid
		}
		switch {
		case in.Field == "":
			in.Field = field
		case field != "":
			in.Field = field + "." + in.Field
		}
		*f = append(*f, &in)
	case interface{ Unwrap() []error }:
		for _, each := range e.Unwrap() {
			f.add(field, each)
		}
	default:
		*f = append(*f, outturn.InField(field, err))
	}
}

// addf notes a fault in words.
func (f *faults) addf(field, format string, args ...any) {
	f.add(field, outturn.Errorf(outturn.CodeInvalid, format, args...))
}

func (f faults) err() error { return outturn.JoinFaults(f) }

// mostName is how many characters a name may have that somebody gives.
const mostName = 120

// name notes what is wrong with a name that people read.
func (f *faults) name(field, name string) {
	if !isName(name) {
		f.addf(field, "A name is one line of at most %d characters, not all of them blank, without control characters.", mostName)
	}
}
