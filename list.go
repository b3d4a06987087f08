package outturn

// A ListQuery says what to list: which, in which order, and which page of it.
// Every edge fills it, and the store compiles it over the fields it declares.
type ListQuery struct {
	Where *Expr
	Order []Order
	Page  Page
}

// A Page is a stretch of a list.
type Page struct {
	Limit int // 0 is DefaultPage; at most MaxPage
	// After is the cursor that the page before ended with; "" is the first page. It
	// fits only the same order.
	After string

	// Offset is how many entries to leave out before the page, instead of After; at most
	// MaxOffset. Total asks how many there are in all. With either the page is exact: only
	// the last one is short.
	Offset int
	Total  bool
}

// Limits of a page.
const (
	DefaultPage = 50
	MaxPage     = 1000

	// MaxOffset is how far an Offset reaches, and MaxTotal how far a Total is counted.
	MaxOffset = 100_000
	MaxTotal  = 100_000
)

// A List is one page.
type List[T any] struct {
	Items []T    `json:"items"`
	Next  string `json:"next,omitempty"` // cursor of the page after; "" when this is the last

	// Total is how many there are in all, where the page asked for it and they are no
	// more than MaxTotal; else nil.
	Total *int64 `json:"-"`
}
