package outturn

import "slices"

// A Principal is who asks. Credentials of every kind become one, and what it may
// do is decided from it alone.
type Principal struct {
	Subject string // stable id, such as client:ot_4f…
	Kind    string // client, or system for Outturn itself
	Name    string // for people
	Tenant  string // id of the Tenant it belongs to; it sees that one and all below
	Roles   []Role
	Via     string // which credential: the ClientKind, link, or local for this machine

	// From is the address of the caller and Request the id of its call, for the
	// audit and the log.
	From    string
	Request string
}

// Has reports whether p has a role.
func (p Principal) Has(role Role) bool { return slices.Contains(p.Roles, role) }

// A Role is what a principal may do, within its tenant.
type Role string

const (
	RoleOperator Role = "operator" // the installation: all tenants, every setting
	RoleAdmin    Role = "admin"    // its tenant's clients and tenants below it
	RoleManager  Role = "manager"  // makes, cancels and deletes runs and views
	RoleViewer   Role = "viewer"   // reads
)

// Roles lists every role.
var Roles = []Role{RoleOperator, RoleAdmin, RoleManager, RoleViewer}

// ParseRole returns the role of that name.
func ParseRole(name string) (Role, error) {
	if slices.Contains(Roles, Role(name)) {
		return Role(name), nil
	}
	var names []string
	for _, r := range Roles {
		names = append(names, string(r))
	}
	return "", Unknown("role", name, names)
}
