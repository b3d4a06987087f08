package outturn

// An Op is what an Expr does.
type Op string

const (
	OpEQ   Op = "eq"
	OpNE   Op = "ne"
	OpLT   Op = "lt"
	OpLE   Op = "le"
	OpGT   Op = "gt"
	OpGE   Op = "ge"
	OpIn   Op = "in"
	OpLike Op = "like"   // % any run of characters, _ any one, \ takes the next as it is; case counts
	OpNull Op = "isnull" // no values
	OpAnd  Op = "and"
	OpOr   Op = "or"
	OpNot  Op = "not"
)

// An Expr is a condition on the fields of a row: a comparison of one field with
// values, or a combination of conditions. It is the one form in which filters
// travel: text, RQL and JSON become it at the edges, and source and store turn
// it into SQL with bound parameters. Never text.
//
// Conditions are true or false, never unknown: a comparison with a null field is
// false, and ne and not are exact opposites.
type Expr struct {
	Op Op `json:"op"`

	// A comparison.
	Field  string   `json:"field,omitempty"`
	Values []string `json:"values,omitempty"` // as text; what they mean is the field's type

	// A combination: two or more for and and or, one for not.
	Args []*Expr `json:"args,omitempty"`

	// Pos is where the condition starts in the text it came from, in characters
	// from 1; 0 when it came from no text.
	Pos int `json:"-"`
}

// An Order is one level of sorting. Nulls come last, whichever way.
type Order struct {
	Field string `json:"field"`
	Desc  bool   `json:"desc,omitempty"`
}
