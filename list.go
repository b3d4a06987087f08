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
}

// Limits of a page.
const (
	DefaultPage = 50
	MaxPage     = 1000
)

// A List is one page.
type List[T any] struct {
	Items []T    `json:"items"`
	Next  string `json:"next,omitempty"` // cursor of the page after; "" when this is the last
}
