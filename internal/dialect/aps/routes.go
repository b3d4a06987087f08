package aps

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"

	"outturn"
	"outturn/internal/edge"
)

// root is what all paths begin with.
const root = "/aps/2"

// Origin marks what clients of APS have made.
const Origin = "aps"

// Config says what a Dialect stands on. Gate must be set.
type Config struct {
	Gate *edge.Gate
	// DataSets are the names of all data sets.
	DataSets []string
	// Booster says to answer with X-APSBooster-Response, as the REST front end of the
	// platform does, for clients that look for it.
	Booster bool
}

// A Dialect serves the APS REST API.
type Dialect struct {
	Config
	kinds   []*kind
	types   []shownType
	handler http.Handler
}

// New makes a Dialect.
func New(c Config) (*Dialect, error) {
	if c.Gate == nil {
		return nil, errors.New("aps: the gate is needed")
	}
	d := &Dialect{Config: c}
	d.kinds = append([]*kind{d.templates(), d.files()}, d.tenantKinds()...)
	d.kinds = append(d.kinds, d.customizations(), d.dataSets())
	for _, k := range d.kinds {
		for _, t := range k.types {
			d.types = append(d.types, shownType{t, k, len(d.types) + 1})
		}
	}
	d.handler = c.Gate.Wrap(d.routes(), refuse, nil)
	return d, nil
}

// kind returns a kind by its name.
func (d *Dialect) kind(name string) *kind {
	return d.kinds[slices.IndexFunc(d.kinds, func(k *kind) bool { return k.name == name })]
}

// Serves says which paths are APS's.
func (d *Dialect) Serves(path string) bool { return path == "/aps" || strings.HasPrefix(path, "/aps/") }

func (d *Dialect) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if d.Booster {
		w.Header().Set("X-APSBooster-Response", "true")
	}
	d.handler.ServeHTTP(w, r)
}

// An answer is what a handler says.
type answer struct {
	status int
	body   any // nil: none
	header http.Header
}

func (d *Dialect) routes() http.Handler {
	mux := http.NewServeMux()
	for pattern, handle := range map[string]func(*call, *http.Request) (answer, error){
		"POST /resources":                               d.createResources,
		"GET /resources":                                d.listResources,
		"PUT /resources":                                d.updateNamed,
		"GET /resources/{id}":                           d.getResource,
		"PUT /resources/{id}":                           d.updateResource,
		"DELETE /resources/{id}":                        d.deleteResource,
		"GET /resources/{id}/aps/links":                 d.listLinks,
		"GET /resources/{id}/run-scheduled-task":        d.runTask,
		"GET /resources/{id}/run-scheduled-task/{task}": d.runTask,
		"GET /resources/{id}/{relation}":                d.listLinked,
		"POST /resources/{id}/{relation}":               d.linkResource,
		"GET /resources/{id}/{relation}/{other}":        d.getLinked,
		"DELETE /resources/{id}/{relation}/{other}":     d.unlinkResource,
		"GET /collections/{name}":                       d.listCollection,
		"GET /types":                                    d.listTypes,
		"GET /types/{n}":                                d.getType,
		"GET /packages":                                 d.listPackages,
		"GET /packages/{id}":                            d.getPackage,
		"GET /applications":                             d.listApplications,
		"GET /applications/{id}":                        d.getApplication,
	} {
		method, path, _ := strings.Cut(pattern, " ")
		mux.HandleFunc(method+" "+root+path, func(w http.ResponseWriter, r *http.Request) { d.serve(w, r, handle) })
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { edge.Route(mux, w, r, refuse) })
}

// serve finds out who asks, and answers.
func (d *Dialect) serve(w http.ResponseWriter, r *http.Request, handle func(*call, *http.Request) (answer, error)) {
	ctx := r.Context()
	edge.RequestOf(ctx).Note(r.Header.Get("APS-Transaction-ID"))
	p, err := d.Gate.Caller(w, r)
	if err != nil {
		d.fail(ctx, w, err)
		return
	}
	a, err := handle(&call{Dialect: d, p: p, base: d.Gate.Base(ctx)}, r)
	if err != nil {
		d.fail(ctx, w, err)
		return
	}
	for name, values := range a.header {
		w.Header()[name] = values
	}
	if a.body == nil {
		w.WriteHeader(a.status)
		return
	}
	writeJSON(w, a.status, a.body)
}

// about says of which kind the resources are that an error is about.
func about(k *kind, err error) error {
	if err == nil {
		return nil
	}
	return refusal{err, k}
}

// POST /resources makes a resource, or each of a list of them: all are looked at before
// the first is made.
func (d *Dialect) createResources(c *call, r *http.Request) (answer, error) {
	text, err := edge.ReadBody(r)
	if err != nil {
		return answer{}, err
	}
	list, many, err := readMembers(text)
	if err != nil {
		return answer{}, err
	}
	if len(list) > mostMade {
		return answer{}, outturn.Errorf(outturn.CodeInvalid, "At most %d resources are made at once.", mostMade)
	}
	kinds, types := make([]*kind, len(list)), make([]typeID, len(list))
	for i, in := range list {
		if kinds[i], types[i], err = d.kindOf(in); err != nil {
			return answer{}, err
		}
		if many {
			if err := kinds[i].check(r.Context(), c, types[i], in); err != nil {
				return answer{}, about(kinds[i], err)
			}
		}
	}
	a := answer{status: http.StatusOK}
	made := []any{}
	for i, in := range list {
		*in.faults = nil
		one, err := kinds[i].create(r.Context(), c, types[i], in)
		if err != nil {
			return answer{}, about(kinds[i], err)
		}
		if one.kind.name == "RDEReportTemplate" { // its reports are being made
			a.status = http.StatusAccepted
		}
		shown, err := c.full(r.Context(), one)
		if err != nil {
			return answer{}, err
		}
		made = append(made, shown)
	}
	if a.body = made; !many {
		a.body = made[0]
	}
	return a, nil
}

// mostMade is how many resources one request makes.
const mostMade = 100

// kindOf is the kind of what a client wants to be made.
func (d *Dialect) kindOf(in members) (*kind, typeID, error) {
	asked := in.envelope().Type
	if err := in.err(); err != nil {
		return nil, typeID{}, err
	}
	if asked == "" {
		return nil, typeID{}, invalid("aps.type", "Say of which type the resource is: aps.type.")
	}
	t, ok := parseType(asked)
	for _, k := range d.kinds {
		if ok && slices.ContainsFunc(k.types, func(own typeID) bool { return own.implements(t) }) {
			if k.create == nil {
				return nil, t, notFor("Resources of %s are not made by clients.", k.name)
			}
			return k, t, nil
		}
	}
	return nil, t, invalid("aps.type", "%s is no type that is known here. There are %s.", outturn.Shown(asked), strings.Join(d.typeNames(), ", "))
}

func (d *Dialect) typeNames() (names []string) {
	for _, t := range d.types {
		names = append(names, t.String())
	}
	return names
}

// GET /resources lists resources of all kinds.
func (d *Dialect) listResources(c *call, r *http.Request) (answer, error) {
	return c.answerList(r, d.kinds, nil)
}

// GET /collections/{name} lists those of one kind.
func (d *Dialect) listCollection(c *call, r *http.Request) (answer, error) {
	i := slices.IndexFunc(d.kinds, func(k *kind) bool { return k.collection != "" && k.collection == r.PathValue("name") })
	if i < 0 {
		return answer{}, outturn.Errorf(outturn.CodeNotFound, "There is no collection %s.", outturn.Shown(r.PathValue("name")))
	}
	return c.answerList(r, d.kinds[i:i+1], nil)
}

// answerList lists resources of some kinds, all of them or those of a scope.
func (c *call) answerList(r *http.Request, kinds []*kind, scope *listing) (answer, error) {
	q, err := readQuestion(r.URL.RawQuery)
	if err != nil {
		return answer{}, err
	}
	f, err := c.list(r.Context(), q, kinds, scope)
	if err != nil {
		return answer{}, err
	}
	body := make([]any, len(f.list))
	for i, one := range f.list {
		body[i] = one.wire
		if len(q.Select) > 0 {
			if body[i], err = c.selected(r.Context(), one, q.Select); err != nil {
				return answer{}, err
			}
		}
	}
	return answer{http.StatusOK, body, http.Header{"Content-Range": {contentRange(q.Limit.Start, f)}}}, nil
}

// GET /resources/{id} shows a resource with its links, or what of it is selected.
func (d *Dialect) getResource(c *call, r *http.Request) (answer, error) {
	one, err := c.get(r.Context(), r.PathValue("id"))
	if err != nil {
		return answer{}, err
	}
	return c.answerOne(r, one)
}

func (c *call) answerOne(r *http.Request, one *resource) (answer, error) {
	q, err := readQuestion(r.URL.RawQuery)
	if err != nil {
		return answer{}, err
	}
	a := answer{status: http.StatusOK}
	if len(q.Select) > 0 {
		a.body, err = c.selected(r.Context(), one, q.Select)
	} else {
		a.body, err = c.full(r.Context(), one)
	}
	return a, err
}

// PUT /resources changes the resource that the body names.
func (d *Dialect) updateNamed(c *call, r *http.Request) (answer, error) {
	return d.change(c, r, func(in members) (string, error) {
		id := in.envelope().ID
		if id == "" {
			return "", invalid("aps.id", "Say which resource is to be changed: aps.id.")
		}
		return id, nil
	})
}

// PUT /resources/{id} changes what the body has of what can be changed.
func (d *Dialect) updateResource(c *call, r *http.Request) (answer, error) {
	return d.change(c, r, func(in members) (string, error) {
		if id := in.envelope().ID; id != "" && id != r.PathValue("id") {
			return "", invalid("aps.id", "The resource in the body is another than that of the path.")
		}
		return r.PathValue("id"), nil
	})
}

func (d *Dialect) change(c *call, r *http.Request, which func(members) (string, error)) (answer, error) {
	in, err := readOne(r)
	if err != nil {
		return answer{}, err
	}
	id, err := which(in)
	if err == nil {
		err = in.err()
	}
	if err != nil {
		return answer{}, err
	}
	one, err := c.get(r.Context(), id)
	if err != nil {
		return answer{}, err
	}
	if one.kind.update == nil {
		return answer{}, notFor("Resources of %s are not changed by clients.", one.kind.name)
	}
	if err := fresh(one, in.envelope()); err != nil {
		return answer{}, err
	}
	changed, err := one.kind.update(r.Context(), c, one, in)
	if err != nil {
		return answer{}, about(one.kind, err)
	}
	shown, err := c.full(r.Context(), changed)
	return answer{status: http.StatusOK, body: shown}, err
}

// readOne reads the body of a request about one resource.
func readOne(r *http.Request) (members, error) {
	text, err := edge.ReadBody(r)
	if err != nil {
		return members{}, err
	}
	list, many, err := readMembers(text)
	if err == nil && many {
		err = outturn.Errorf(outturn.CodeInvalid, "The body is one resource, not a list.")
	}
	if err != nil {
		return members{}, err
	}
	return list[0], nil
}

// fresh says whether what a client sent is of the resource as it is now.
func fresh(one *resource, sent envelope) error {
	now := envelopeOf(one)
	if t, ok := parseType(sent.Type); sent.Type != "" && (!ok || !slices.ContainsFunc(one.kind.types, func(own typeID) bool { return own.path == t.path })) {
		return invalid("aps.type", "The resource is of the type %s and stays so.", now.Type)
	}
	if sent.Revision != 0 && sent.Revision != now.Revision {
		return outturn.InField("aps.revision", outturn.Errorf(outturn.CodeVersionChanged,
			"The resource is at revision %d, and %d was sent. Read it again.", now.Revision, sent.Revision))
	}
	return nil
}

func envelopeOf(r *resource) envelope {
	switch w := r.wire.(type) {
	case templateWire:
		return w.APS
	case fileWire:
		return w.APS
	case tenantWire:
		return w.APS
	case accountWire:
		return w.APS
	case viewWire:
		return w.APS
	case dataSetWire:
		return w.APS
	}
	return envelope{}
}

// DELETE /resources/{id} takes a resource away.
func (d *Dialect) deleteResource(c *call, r *http.Request) (answer, error) {
	one, err := c.get(r.Context(), r.PathValue("id"))
	if err != nil {
		return answer{}, err
	}
	if one.kind.remove == nil {
		return answer{}, notFor("Resources of %s are not removed by clients.", one.kind.name)
	}
	return answer{status: http.StatusNoContent}, about(one.kind, one.kind.remove(r.Context(), c, one))
}

// GET /resources/{id}/aps/links shows where a resource is linked to.
func (d *Dialect) listLinks(c *call, r *http.Request) (answer, error) {
	one, err := c.get(r.Context(), r.PathValue("id"))
	if err != nil {
		return answer{}, err
	}
	links, err := c.links(r.Context(), one)
	return answer{status: http.StatusOK, body: links}, err
}

// GET /resources/{id}/run-scheduled-task makes a report of a template now, as the
// scheduler does.
func (d *Dialect) runTask(c *call, r *http.Request) (answer, error) {
	if r.Method != http.MethodGet {
		return answer{}, notFor("%s is not for this path; GET is.", r.Method)
	}
	one, err := c.get(r.Context(), r.PathValue("id"))
	if err != nil {
		return answer{}, err
	}
	g, ok := one.of.(*outturn.Generator)
	if !ok {
		return answer{}, outturn.Errorf(outturn.CodeNotFound, "Resources of %s have no operation run-scheduled-task.", one.kind.name)
	}
	run, err := c.Gate.Service.RunGenerator(r.Context(), c.p, g.ID, "", "")
	if err != nil {
		return answer{}, about(one.kind, err)
	}
	edge.RequestOf(r.Context()).Run = run.ID
	file, err := c.toFile(r.Context(), &run, "")
	if err != nil {
		return answer{}, err
	}
	shown, err := c.full(r.Context(), file)
	return answer{status: http.StatusOK, body: shown}, err
}

// relation returns a resource and the relation of it that a path names.
func (c *call) relation(r *http.Request) (*resource, *relation, error) {
	one, err := c.get(r.Context(), r.PathValue("id"))
	if err != nil {
		return nil, nil, err
	}
	rel, ok := one.kind.relation(r.PathValue("relation"))
	if !ok {
		return nil, nil, outturn.Errorf(outturn.CodeNotFound, "Resources of %s have no relation %s.", one.kind.name, outturn.Shown(r.PathValue("relation")))
	}
	return one, rel, nil
}

// GET /resources/{id}/{relation} lists those of a collection, or shows the one that is
// linked.
func (d *Dialect) listLinked(c *call, r *http.Request) (answer, error) {
	one, rel, err := c.relation(r)
	if err != nil {
		return answer{}, err
	}
	if rel.many() {
		where, tenant := rel.scope(one)
		scope := listing{tenant: tenant}
		scope.Where = where
		return c.answerList(r, []*kind{d.kind(rel.to)}, &scope)
	}
	id, err := rel.end(r.Context(), c, one)
	if err == nil && id == "" {
		err = outturn.Errorf(outturn.CodeNotFound, "The resource has no %s.", rel.name)
	}
	if err != nil {
		return answer{}, err
	}
	other, err := c.get(r.Context(), id)
	if err != nil {
		return answer{}, err
	}
	return c.answerOne(r, other)
}

// linksTo returns the resource that a relation leads to, if it leads there.
func (c *call) linksTo(ctx context.Context, one *resource, rel *relation, id string) (*resource, error) {
	if !isUUID(id) {
		return nil, notFound(id)
	}
	if !rel.many() {
		end, err := rel.end(ctx, c, one)
		if err == nil && end != id {
			err = notFound(id)
		}
		if err != nil {
			return nil, err
		}
		return c.get(ctx, id)
	}
	where, tenant := rel.scope(one)
	q := listing{tenant: tenant}
	q.Where, q.Page = all(equal("id", id), where), outturn.Page{Limit: 1, Total: true}
	f, err := c.kind(rel.to).list(ctx, c, q)
	if err == nil && len(f.list) == 0 {
		err = notFound(id)
	}
	if err != nil {
		return nil, err
	}
	return f.list[0], nil
}

// GET /resources/{id}/{relation}/{other} shows one that is linked.
func (d *Dialect) getLinked(c *call, r *http.Request) (answer, error) {
	one, rel, err := c.relation(r)
	if err != nil {
		return answer{}, err
	}
	other, err := c.linksTo(r.Context(), one, rel, r.PathValue("other"))
	if err != nil {
		return answer{}, err
	}
	return c.answerOne(r, other)
}

// POST /resources/{id}/{relation} makes another one of a collection, or links the one
// that the body names.
func (d *Dialect) linkResource(c *call, r *http.Request) (answer, error) {
	one, rel, err := c.relation(r)
	if err != nil {
		return answer{}, err
	}
	if rel.create == nil && rel.set == nil {
		return answer{}, notFor("%s of a resource of %s is not linked by clients.", rel.name, one.kind.name)
	}
	in, err := readOne(r)
	if err != nil {
		return answer{}, err
	}
	if rel.create != nil {
		made, err := rel.create(r.Context(), c, one, in)
		if err != nil {
			return answer{}, about(c.kind(rel.to), err)
		}
		shown, err := c.full(r.Context(), made)
		return answer{status: http.StatusAccepted, body: shown}, err
	}
	id := in.envelope().ID
	if id == "" {
		return answer{}, invalid("aps.id", "Say which resource is to be linked: aps.id.")
	}
	if err := rel.set(r.Context(), c, one, id); err != nil {
		return answer{}, about(one.kind, err)
	}
	other, err := c.get(r.Context(), id)
	if err != nil {
		return answer{}, err
	}
	shown, err := c.full(r.Context(), other)
	return answer{status: http.StatusOK, body: shown}, err
}

// DELETE /resources/{id}/{relation}/{other} takes a link away; of the collection of
// reports, the report.
func (d *Dialect) unlinkResource(c *call, r *http.Request) (answer, error) {
	one, rel, err := c.relation(r)
	if err != nil {
		return answer{}, err
	}
	other, err := c.linksTo(r.Context(), one, rel, r.PathValue("other"))
	if err != nil {
		return answer{}, err
	}
	switch {
	case rel.many() && other.kind.remove != nil:
		err = about(other.kind, other.kind.remove(r.Context(), c, other))
	case rel.unset != nil:
		err = about(one.kind, rel.unset(r.Context(), c, one))
	default:
		err = notFor("A resource of %s is not without %s.", one.kind.name, rel.name)
	}
	return answer{status: http.StatusNoContent}, err
}
