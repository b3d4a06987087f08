package outturn

import "time"

// A Manifest says what a run produced, precisely enough for another program to
// check it: what was asked, of which state of the data, and what came out.
type Manifest struct {
	Outturn string `json:"outturn"` // version of the program

	Dataset string   `json:"dataset,omitempty"`
	Version int      `json:"dataset_version,omitempty"`
	View    string   `json:"view,omitempty"`
	Query   string   `json:"query,omitempty"` // an operator's own SELECT
	Columns []string `json:"columns"`
	// Headers stand above the columns in files for people, where one differs from
	// its column's name; else absent.
	Headers []string `json:"headers,omitempty"`
	Filter  string   `json:"filter,omitempty"`
	Invoice string   `json:"invoice,omitempty"` // the one whose rows were asked for
	Order   []Order  `json:"order,omitempty"`
	Tenant  string   `json:"tenant,omitempty"` // the account the report is made for
	// ReportType is what the account wanted to see of its sales; where nobody said and
	// the data set asks, what was derived.
	ReportType string `json:"report_type,omitempty"`

	// Window is absent where the data set has no period or all of it was asked.
	Window *ManifestWindow `json:"window,omitempty"`
	// Selection is "window", or "snapshot" for a data set without a period, or
	// "invoice" where one was asked for and no window, or "everything".
	Selection string           `json:"selection"`
	Snapshot  ManifestSnapshot `json:"snapshot"`
	Zone      string           `json:"zone"` // instants in the file are in this zone

	Files []ManifestFile `json:"files"`
	// Totals are the sums of the additive amounts: by column, then by currency.
	Totals map[string]map[string]string `json:"totals,omitempty"`
	// Currencies say in which column of the file the currency of a summed amount
	// stands. An amount whose currency is not in the file is absent.
	Currencies map[string]string `json:"currencies,omitempty"`
}

// A ManifestWindow is a Window as text.
type ManifestWindow struct {
	From time.Time `json:"from"`
	To   time.Time `json:"to"` // exclusive
	Zone string    `json:"zone"`
}

// A ManifestSnapshot says which state of the source was read.
type ManifestSnapshot struct {
	Instant time.Time `json:"instant"`
	// Kind is "consistent" when all rows are of one committed state, "none" when
	// the source cannot promise that.
	Kind string `json:"kind"`
}

// A ManifestFile is one file of a run.
type ManifestFile struct {
	Name        string `json:"name"`
	Format      string `json:"format"`
	Dialect     string `json:"dialect,omitempty"` // of CSV and TSV
	Compression string `json:"compression,omitempty"`
	MediaType   string `json:"media_type"`
	Rows        int64  `json:"rows"`
	Bytes       int64  `json:"bytes"`
	SHA256      string `json:"sha256"` // in hexadecimal, of the bytes as they lie
	Notes       Notes  `json:"notes,omitzero"`
}

// Notes count what a reader of a file should know about it.
type Notes struct {
	// Replaced counts characters that the format cannot carry.
	Replaced int64 `json:"replaced,omitempty"`
	// Guarded counts text cells that got a leading apostrophe because a
	// spreadsheet would have run them as a formula.
	Guarded int64 `json:"guarded,omitempty"`
	// Cut counts the cells of each column that had more than the format can hold and
	// lost their end: in XLSX text after 32,767 characters, instants after the
	// millisecond.
	Cut map[string]int64 `json:"cut,omitempty"`
	// AsText counts the numbers, days and instants of each column that were written
	// as text, because the format has no exact value for them.
	AsText map[string]int64 `json:"as_text,omitempty"`
}

// Add adds what another part of the same file came to.
func (n *Notes) Add(o Notes) {
	n.Replaced += o.Replaced
	n.Guarded += o.Guarded
	n.Cut = addCounts(n.Cut, o.Cut)
	n.AsText = addCounts(n.AsText, o.AsText)
}

func addCounts(to, from map[string]int64) map[string]int64 {
	if len(from) > 0 && to == nil {
		to = make(map[string]int64, len(from))
	}
	for column, n := range from {
		to[column] += n
	}
	return to
}
