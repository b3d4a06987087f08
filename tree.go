package outturn

// A TenantTree says where a source keeps its accounts, provider at the root:
//
//	provider → reseller → sub-reseller → customer
//
// It is declared once beside a source's data sets, in _tenants.sql. A report for
// an account holds the rows of that account and of all accounts below it.
type TenantTree struct {
	Version     int    `json:"version"`
	Source      string `json:"source"`
	Description string `json:"description"`

	// SQL selects id, parent, kind, name, currency and zone, a row an account.
	SQL string `json:"-"`
}

// TenantColumns are the columns a tenant tree must have.
var TenantColumns = []string{"id", "parent", "kind", "name", "currency", "zone"}

// An Account is a node of a tenant tree.
type Account struct {
	ID       string `json:"id"`
	Parent   string `json:"parent,omitempty"`
	Kind     string `json:"kind,omitempty"` // provider, reseller or customer, as the source calls it
	Name     string `json:"name,omitempty"`
	Currency string `json:"currency,omitempty"`
	Zone     string `json:"zone,omitempty"`
}
