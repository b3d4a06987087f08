package aps

import (
	"context"
	"strings"

	"outturn"
)

const (
	// mostExpanded is how many resources of a collection select shows within another one.
	mostExpanded = 100
	// mostExpandedInAll is how many it shows in one answer. Links lead in circles, so that
	// a short query could ask for more than any server has room for.
	mostExpandedInAll = 10_000
)

// selected is what of a resource a client wants: properties by their names, links
// expanded to what they lead to, and of that what follows a point (section 3.4). The
// member aps is always there.
func (c *call) selected(ctx context.Context, r *resource, names []string) (map[string]any, error) {
	whole, err := properties(r)
	if err != nil {
		return nil, err
	}
	part := map[string]any{"aps": whole["aps"]}
	within := map[string][]string{} // what is wanted of each link; nil is all of it
	var links []string
	for _, name := range names {
		first, rest, deep := strings.Cut(name, ".")
		if value, ok := whole[first]; ok {
			part[first] = value
			continue
		}
		if _, ok := r.kind.relation(first); !ok {
			continue // of another version, or of another kind of the same list
		}
		wanted, again := within[first]
		switch {
		case !again:
			links = append(links, first)
			if deep {
				wanted = []string{rest}
			}
		case wanted == nil || !deep:
			wanted = nil
		default:
			wanted = append(wanted, rest)
		}
		within[first] = wanted
	}
	for _, name := range links {
		rel, _ := r.kind.relation(name)
		value, err := c.expand(ctx, r, rel, within[name])
		if err != nil {
			return nil, err
		}
		if value != nil {
			part[name] = value
		}
	}
	return part, nil
}

// expand is what a relation leads to, as a whole or what is wanted of it; nil where it
// leads nowhere.
func (c *call) expand(ctx context.Context, r *resource, rel *relation, wanted []string) (any, error) {
	show := func(one *resource) (any, error) {
		if c.expanded++; c.expanded > mostExpandedInAll {
			return nil, invalid("query", "select shows at most %d linked resources in one answer. Ask for fewer at once, or for fewer links.", mostExpandedInAll)
		}
		if len(wanted) > 0 {
			return c.selected(ctx, one, wanted)
		}
		return one.wire, nil
	}
	if !rel.many() {
		id, err := rel.end(ctx, c, r)
		if err != nil || id == "" {
			return nil, err
		}
		one, err := c.linkedTo(ctx, id)
		if err != nil {
			return nil, err
		}
		return show(one)
	}
	where, tenant := rel.scope(r)
	q := listing{tenant: tenant}
	q.Where, q.Order, q.Page = where, []outturn.Order{{Field: "created_at"}}, outturn.Page{Limit: mostExpanded, Total: true}
	f, err := c.kind(rel.to).list(ctx, c, q)
	if err != nil {
		return nil, err
	}
	if f.total == nil || *f.total > mostExpanded {
		return nil, invalid("query", "%s has more than %d resources, which is the most that select shows within another one. List them: %s.", rel.name, mostExpanded, href(r.id, rel.name))
	}
	list := []any{}
	for _, one := range f.list {
		shown, err := show(one)
		if err != nil {
			return nil, err
		}
		list = append(list, shown)
	}
	return list, nil
}

// linkedTo returns the resource of an id, which is looked up once for an answer: all that
// one tenant has is linked to it.
func (c *call) linkedTo(ctx context.Context, id string) (*resource, error) {
	if one, ok := c.ends[id]; ok {
		return one, nil
	}
	one, err := c.get(ctx, id)
	if err != nil {
		return nil, err
	}
	if c.ends == nil {
		c.ends = map[string]*resource{}
	}
	c.ends[id] = one
	return one, nil
}
