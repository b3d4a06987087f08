package aps

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"time"

	"outturn"
	"outturn/internal/dialect/rde"
)

// A kind is one sort of resources. What it has no function for cannot be done to it.
type kind struct {
	name       string   // of its type, for people
	types      []typeID // those that all of them are, the newest first
	implements []typeID // beside types, what others have abstract types for
	collection string   // its name below /aps/2/collections; "" where there is none
	alone      bool     // only listed where its type is named
	named      string   // what its resources have for a name

	fields map[string]field  // what its lists can be asked for
	orders map[string]string // and sorted by
	list   func(ctx context.Context, c *call, q listing) (found, error)
	// get returns one that the caller sees; CodeNotFound.
	get    func(ctx context.Context, c *call, id string) (*resource, error)
	create func(ctx context.Context, c *call, t typeID, in members) (*resource, error)
	// check is create that makes nothing.
	check  func(ctx context.Context, c *call, t typeID, in members) error
	update func(ctx context.Context, c *call, r *resource, in members) (*resource, error)
	remove func(ctx context.Context, c *call, r *resource) error

	relations []relation
}

// is says whether resources of k are of a type, or of one that it implements.
func (k *kind) is(t typeID) bool {
	return slices.ContainsFunc(append(slices.Clone(k.types), k.implements...), func(own typeID) bool { return own.implements(t) })
}

func (k *kind) relation(name string) (*relation, bool) {
	i := slices.IndexFunc(k.relations, func(r relation) bool { return r.name == name })
	if i < 0 {
		return nil, false
	}
	return &k.relations[i], true
}

// A resource is one of a kind.
type resource struct {
	kind *kind
	id   string
	wire any // what is shown of it
	of   any // what it is
}

// A relation leads from a resource to others of a kind: to one, or to any number.
type relation struct {
	name string
	to   string // name of the kind

	// end returns the id that it leads to; "" where there is none.
	end func(ctx context.Context, c *call, r *resource) (string, error)
	// set makes it lead somewhere else, unset nowhere.
	set   func(ctx context.Context, c *call, r *resource, id string) error
	unset func(ctx context.Context, c *call, r *resource) error

	// scope is what those that it leads to have: a condition, or the tenant that they
	// belong to.
	scope func(r *resource) (where *outturn.Expr, tenant string)
	// create makes another one that it leads to.
	create func(ctx context.Context, c *call, r *resource, in members) (*resource, error)
}

func (r *relation) many() bool { return r.scope != nil }

// A listing says which resources of a kind to list.
type listing struct {
	outturn.ListQuery
	tenant string // whose; "" the caller's own, "*" also those below
	as     typeID // the version that was asked for, if any
}

// found is a stretch of a list. total is nil where it is more than is counted.
type found struct {
	list  []*resource
	total *int64
}

// A call is what somebody asks, and what was looked up for it.
type call struct {
	*Dialect
	p    outturn.Principal
	base string // what links begin with

	tenants  map[string]tenantInfo
	derived  map[string]string    // report types of tenants, as far as they were asked for
	ends     map[string]*resource // of links that select expands
	expanded int                  // resources that it has shown so far
}

type tenantInfo struct {
	outturn.Tenant
	level int
}

// tenant returns a tenant that the caller sees; "" is its own.
func (c *call) tenant(ctx context.Context, id string) (tenantInfo, error) {
	if id == "" {
		id = c.p.Tenant
	}
	if t, ok := c.tenants[id]; ok {
		return t, nil
	}
	t, err := c.Gate.Service.Tenant(ctx, c.p, id)
	if err != nil {
		return tenantInfo{}, err
	}
	level, err := c.Gate.Service.Level(ctx, c.p, id)
	if err != nil {
		return tenantInfo{}, err
	}
	if c.tenants == nil {
		c.tenants = map[string]tenantInfo{}
	}
	c.tenants[id] = tenantInfo{t, level}
	return c.tenants[id], nil
}

// dataSet returns a data set by its name.
func (c *call) dataSet(ctx context.Context, name string) (*outturn.Dataset, error) {
	list, err := c.Gate.Service.Datasets(ctx, c.p)
	if err != nil {
		return nil, err
	}
	for i := range list {
		if list[i].Name == name {
			return &list[i], nil
		}
	}
	return nil, outturn.Errorf(outturn.CodeNotFound, "There is no data set %s.", outturn.Shown(name))
}

// get returns the resource of an id, of whatever kind.
func (c *call) get(ctx context.Context, id string) (*resource, error) {
	if isUUID(id) {
		for _, k := range c.kinds {
			r, err := k.get(ctx, c, id)
			if err == nil {
				return r, nil
			}
			if code := outturn.ErrorCode(err); code != outturn.CodeNotFound && code != outturn.CodeGone {
				return nil, err
			}
		}
	}
	return nil, notFound(id)
}

// isUUID says whether an id is spelt as all of ours are.
func isUUID(id string) bool {
	if len(id) != outturn.IDLength {
		return false
	}
	for i, c := range []byte(id) {
		dash := i == 8 || i == 13 || i == 18 || i == 23
		hex := c >= '0' && c <= '9' || c >= 'a' && c <= 'f'
		if dash && c != '-' || !dash && !hex {
			return false
		}
	}
	return true
}

// version is the digit of a UUID that says how it was made. Those of the ledger are of
// version 7.
func version(id string) byte { return id[14] }

// envelope is the member aps of a resource.
func (d *Dialect) envelope(id string, t typeID, status string, revision int, modified time.Time) envelope {
	e := envelope{ID: id, Type: t.String(), Status: status, Revision: revision, Modified: instant(modified)}
	if n := slices.IndexFunc(d.types, func(known shownType) bool { return known.path == t.path && known.major == t.major }); n >= 0 {
		e.Schema = d.types[n].href()
	}
	e.Package = &packageRef{ID: packageID, Href: packageHref}
	return e
}

// packageID is that of what all types come with.
var (
	packageID   = rde.ID("package", "rde")
	packageHref = root + "/packages/" + packageID
)

// instant writes an instant as APS does: in UTC, without fractions; "" for none.
func instant(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339)
}

func href(id string, more ...string) string {
	return strings.Join(append([]string{root, "resources", id}, more...), "/")
}

// links are where the relations of a resource lead.
func (c *call) links(ctx context.Context, r *resource) (map[string]linkWire, error) {
	all := map[string]linkWire{}
	for i := range r.kind.relations {
		link, there, err := c.link(ctx, r, &r.kind.relations[i])
		if err != nil {
			return nil, err
		}
		if there {
			all[r.kind.relations[i].name] = link
		}
	}
	return all, nil
}

func (c *call) link(ctx context.Context, r *resource, rel *relation) (link linkWire, there bool, err error) {
	if rel.many() {
		link.APS.Link, link.APS.Href = "collection", href(r.id, rel.name)
		return link, true, nil
	}
	id, err := rel.end(ctx, c, r)
	if err != nil || id == "" {
		return link, false, err
	}
	link.APS.Link, link.APS.Href, link.APS.ID = "weak", href(id), id
	return link, true, nil
}

// full is a resource with its links.
func (c *call) full(ctx context.Context, r *resource) (map[string]any, error) {
	body, err := properties(r)
	if err != nil {
		return nil, err
	}
	links, err := c.links(ctx, r)
	for name, link := range links {
		body[name] = link
	}
	return body, err
}

// properties are those of a resource, by name.
func properties(r *resource) (map[string]any, error) {
	text, err := json.Marshal(r.wire)
	if err != nil {
		return nil, err
	}
	var raw map[string]json.RawMessage
	if err := json.Unmarshal(text, &raw); err != nil {
		return nil, err
	}
	all := make(map[string]any, len(raw))
	for name, value := range raw {
		all[name] = value
	}
	return all, nil
}
