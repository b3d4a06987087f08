package reporting

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"outturn"
)

// A syncing is a synchronization under way.
//
//	source: accounts ──┐
//	                   ├──plan──► made, by level · changed ──applySync──► ledger
//	ledger: tenants ───┘
type syncing struct {
	kinds map[outturn.TenantKind]bool
	id    func() string

	accounts map[string]*account
	repeated map[string]bool // ids that stand for several
	roots    []*account

	provider  outturn.Tenant
	tenants   map[string]outturn.Tenant // by account
	deleted   map[string]string         // tenants that somebody deleted, by account
	parents   map[string]string         // by tenant, as they will be
	customers map[string]bool           // tenants that are customers

	made    [][]outturn.Tenant // by level, so that parents come before
	changed []outturn.Tenant   // parents first
	was     map[string]outturn.Tenant
	result  SyncResult
}

// An account is a node of the source's tree.
type account struct {
	outturn.Account
	below  []*account
	seen   bool
	tenant string // the tenant that it is, "" where it is none
	left   string // why it is left, with all below it
}

func (y *syncing) read(a outturn.Account) {
	if y.accounts == nil {
		y.accounts, y.repeated = map[string]*account{}, map[string]bool{}
	}
	y.result.Accounts++
	switch {
	case a.ID == "":
		y.refuse(a.ID, "It has no id.")
	case y.accounts[a.ID] != nil:
		y.repeated[a.ID] = true // and refused where it comes
	default:
		a.Name = nameOf(a)
		y.accounts[a.ID] = &account{Account: a}
	}
}

// nameOf makes of an account's name one that a tenant can have: one line that is not
// too long, its id where nothing is left.
func nameOf(a outturn.Account) string {
	if isName(a.Name) {
		return a.Name
	}
	var name strings.Builder
	for _, r := range strings.ToValidUTF8(a.Name, "\ufffd") {
		if !outturn.IsLine(string(r)) {
			r = ' '
		}
		name.WriteRune(r)
	}
	words := []rune(strings.Join(strings.Fields(name.String()), " "))
	if len(words) > mostName {
		words = append(words[:mostName-1], '…')
	}
	if len(words) == 0 {
		words = []rune(a.ID)
	}
	return string(words[:min(len(words), mostName)])
}

func (y *syncing) refuse(id, reason string) {
	y.result.Refused = append(y.result.Refused, SyncRefused{Account: id, Reason: reason})
}

// know takes what the ledger has.
func (y *syncing) know(tenants []outturn.Tenant) {
	y.tenants, y.parents, y.customers, y.was = map[string]outturn.Tenant{}, map[string]string{}, map[string]bool{}, map[string]outturn.Tenant{}
	y.deleted = map[string]string{}
	for _, t := range tenants {
		if t.State == outturn.TenantDeleted {
			y.deleted[t.ExternalID] = t.ID
			continue
		}
		y.parents[t.ID], y.customers[t.ID] = t.Parent, t.Kind == outturn.KindCustomer
		if t.Parent == "" {
			y.provider = t
		}
		if t.ExternalID != "" {
			y.tenants[t.ExternalID] = t
		}
	}
}

// plan says what is to be done, going down from the provider.
func (y *syncing) plan() error {
	y.hangTogether()
	root, first, err := y.top()
	if err != nil {
		return err
	}
	if root != nil {
		root.seen, root.tenant = true, y.provider.ID
		y.change(root, y.provider, "")
	}
	level := first
	for depth := 0; len(level) > 0; depth++ {
		y.made = append(y.made, nil)
		var next []*account
		for _, a := range level {
			y.place(a, depth)
			next = append(next, a.below...)
		}
		level = next
	}
	y.lost()
	return nil
}

// hangTogether gives each account those below it, in the order of their ids.
func (y *syncing) hangTogether() {
	for _, id := range slices.Sorted(maps.Keys(y.accounts)) {
		a := y.accounts[id]
		if a.Parent == "" {
			y.roots = append(y.roots, a)
		} else if above := y.accounts[a.Parent]; above != nil {
			above.below = append(above.below, a)
		}
	}
}

// top returns the account that is the provider's, if there is one, and those that come
// right below it. Of a provider that is joined to an account it is that one; else it is
// the root, if the source calls it a provider or has no other.
func (y *syncing) top() (root *account, below []*account, err error) {
	if id := y.provider.ExternalID; id != "" {
		if root = y.accounts[id]; root == nil {
			return nil, nil, outturn.Errorf(outturn.CodeInvalid, "The source has no account %s, which the provider stands for. Give the provider its account, or none, with `outturn tenant set`.", outturn.Shown(id))
		}
		return root, root.below, nil
	}
	for _, a := range y.roots {
		if kindOf(a) != outturn.KindProvider && len(y.roots) > 1 {
			below = append(below, a)
			continue
		}
		if root != nil {
			return nil, nil, outturn.Errorf(outturn.CodeInvalid, "The source has several providers, %s and %s among them. Say which one is ours: `outturn tenant set` gives the provider its --external-id.", outturn.Shown(root.ID), outturn.Shown(a.ID))
		}
		root = a
	}
	if root != nil {
		below = append(slices.Clone(root.below), below...)
	}
	return root, below, nil
}

func kindOf(a *account) outturn.TenantKind { return outturn.TenantKind(strings.ToLower(a.Kind)) }

// place plans what becomes of an account whose parent was placed before.
func (y *syncing) place(a *account, depth int) {
	a.seen = true
	above := y.accounts[a.Parent]
	parent := y.provider.ID
	for n := above; n != nil; n = y.accounts[n.Parent] {
		if n.left != "" {
			y.leave(a, "It is below the account "+outturn.Cut(n.ID)+", which was refused.")
			return
		}
		if n.tenant != "" {
			parent = n.tenant
			break
		}
	}
	was, there := y.tenants[a.ID]
	if there {
		a.tenant = was.ID
	}
	kind := kindOf(a)
	if kind != outturn.KindReseller && kind != outturn.KindCustomer {
		y.leave(a, "Its kind is "+outturn.Shown(a.Kind)+", and here it must be reseller or customer.")
		return
	}
	if !y.kinds[kind] {
		return
	}
	switch reason := y.unfit(a, kind, was, there, parent); {
	case reason != "" && there:
		y.refuse(a.ID, reason) // what is below finds its tenant all the same
	case reason != "":
		y.leave(a, reason)
	case there:
		y.change(a, was, parent)
	default:
		y.make(a, kind, parent, depth)
	}
}

func (y *syncing) leave(a *account, reason string) {
	a.left = reason
	y.refuse(a.ID, reason)
}

// unfit says why an account cannot be a tenant as it is.
func (y *syncing) unfit(a *account, kind outturn.TenantKind, was outturn.Tenant, there bool, parent string) string {
	switch {
	case y.repeated[a.ID]:
		return "Its id stands for several accounts."
	case !outturn.IsLine(a.ID):
		return "Its id is not one line of at most 255 characters."
	case a.Currency != "" && !isCurrency(a.Currency):
		return "Its currency " + outturn.Shown(a.Currency) + " is not three capital letters."
	case there && was.Kind != kind:
		return fmt.Sprintf("The tenant %s is a %s and the account a %s. A tenant's kind does not change: make another one.", was.ID, was.Kind, kind)
	case !there && y.deleted[a.ID] != "":
		return "Its tenant " + y.deleted[a.ID] + " was deleted. Restore that one, or make another by hand."
	case y.customers[parent]:
		return "It is below a customer, which has no tenants below it."
	}
	if _, err := outturn.LoadZone(a.Zone); err != nil {
		return "Its time zone " + outturn.Shown(a.Zone) + " is no IANA name."
	}
	for n := parent; there && n != ""; n = y.parents[n] {
		if n == was.ID {
			return "It would come under itself: a tenant above it was made by hand, or is of a kind that is left out."
		}
	}
	return ""
}

// change plans what is to change of a tenant that is there.
func (y *syncing) change(a *account, was outturn.Tenant, parent string) {
	t := was
	t.Parent, t.Name, t.Zone, t.Currency = parent, a.Name, a.Zone, a.Currency
	if was.Parent == "" { // the provider, of whom nothing was checked
		if reason := y.unfit(a, was.Kind, was, true, ""); reason != "" {
			y.refuse(a.ID, reason)
			return
		}
	}
	if t == was {
		y.result.Unchanged++
		return
	}
	y.parents[t.ID] = parent
	y.changed = append(y.changed, t)
	y.was[t.ID] = was
	y.countChange(t, 1)
}

func (y *syncing) countChange(t outturn.Tenant, n int) {
	was := y.was[t.ID]
	if t.Parent != was.Parent {
		y.result.Moved += n
	}
	was.Parent = t.Parent
	if t != was {
		y.result.Renamed += n
	}
}

func (y *syncing) make(a *account, kind outturn.TenantKind, parent string, depth int) {
	t := outturn.Tenant{ID: y.id(), Parent: parent, Kind: kind, Name: a.Name, ExternalID: a.ID, Zone: a.Zone, Currency: a.Currency}
	a.tenant = t.ID
	y.parents[t.ID], y.customers[t.ID] = parent, kind == outturn.KindCustomer
	y.made[depth] = append(y.made[depth], t)
	y.result.Made++
}

// lost reports the accounts that no way leads to, and the tenants without an account.
func (y *syncing) lost() {
	why := map[*account]string{}
	for _, id := range slices.Sorted(maps.Keys(y.accounts)) {
		a := y.accounts[id]
		if a.seen {
			continue
		}
		if reason := y.cutOff(a, why); reason != "" { // else it is below a root that is not the provider's
			y.refuse(id, reason)
		}
	}
	for _, id := range slices.Sorted(maps.Keys(y.tenants)) {
		if t := y.tenants[id]; y.accounts[id] == nil {
			y.result.Vanished = append(y.result.Vanished, SyncVanished{Tenant: t.ID, ExternalID: id, Name: t.Name})
		}
	}
}

// cutOff says why no root is above an account. What it finds out on its way it notes in
// why, so that each account is passed once.
func (y *syncing) cutOff(a *account, why map[*account]string) (reason string) {
	path := map[*account]bool{}
	for {
		known, is := why[a]
		above := y.accounts[a.Parent]
		switch {
		case is:
			reason = known
		case path[a]:
			reason = "It is in a circle of accounts, or below one."
		case a.Parent == "":
		case above == nil:
			path[a], reason = true, "There is no account "+outturn.Cut(a.Parent)+", which should be above it."
		default:
			path[a] = true
			a = above
			continue
		}
		for n := range path {
			why[n] = reason
		}
		return reason
	}
}
