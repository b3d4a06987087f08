package aps

import (
	"cmp"
	"context"
	"encoding/json"
	"maps"
	"regexp"
	"slices"
	"strings"
	"unicode"

	"outturn"
	"outturn/internal/dialect/rde"
)

func (d *Dialect) customizations() *kind {
	return &kind{
		name:  "RDEReportCustomization",
		types: []typeID{customizationType, oldCustomizationType, ownCustomizationType}, implements: []typeID{anyCustomizationType, resourceType},
		collection: "rde-report-customizations", named: "name",
		fields: map[string]field{
			"aps.id": plain("id"), "aps.modified": moment("updated_at"), "aps.status": always(statusReady),
			"name": plain("title"), "name.en": plain("title"), "tenant.aps.id": plain("tenant"), "dataSet.aps.id": d.dataSetField,
		},
		orders: map[string]string{"name": "title", "name.en": "title", "aps.modified": "updated_at", "dataSet.name": "dataset"},
		list:   listCustomizations, get: getCustomization, create: createCustomization, check: checkCustomization,
		update: updateCustomization, remove: removeCustomization,
		relations: []relation{
			{name: "dataSet", to: "data-set", end: func(_ context.Context, _ *call, r *resource) (string, error) {
				return dataSetID(viewOf(r).Dataset), nil
			}},
			{name: "tenant", to: "RDETenant", end: func(_ context.Context, _ *call, r *resource) (string, error) { return viewOf(r).Tenant, nil }},
		},
	}
}

// viewOf is the view of a customization: one that comes with a data set belongs to no
// tenant.
func viewOf(r *resource) *outturn.SavedView { return r.of.(*outturn.SavedView) }

// A viewWire is a customization with its sections of attributes.
type viewWire struct {
	customizationWire
	sections map[string][]columnWire
}

// MarshalJSON writes the sections beside the rest.
func (w viewWire) MarshalJSON() ([]byte, error) {
	text, err := json.Marshal(w.customizationWire)
	if err != nil {
		return nil, err
	}
	for _, name := range sectionNames(w.sections) {
		section, err := json.Marshal(w.sections[name])
		if err != nil {
			return nil, err
		}
		text = append(append(append(text[:len(text)-1], `,"`+name+`":`...), section...), '}')
	}
	return text, nil
}

func sectionNames(sections map[string][]columnWire) []string {
	var names []string
	for name := range sections {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// toCustomization is a view as its clients see it. as is the type that was asked for, or
// is to be made.
func (d *Dialect) toCustomization(v outturn.SavedView, as typeID) *resource {
	t, modified := ownCustomizationType, v.UpdatedAt
	if v.Tenant == "" {
		t, modified = customizationType, shipped
	}
	if as.path == customizationType.path {
		t = as
	}
	wire := viewWire{
		customizationWire: customizationWire{APS: d.envelope(v.ID, t, statusReady, max(v.Version, 1), modified), Name: names(v.View)},
		sections:          map[string][]columnWire{},
	}
	for _, c := range v.Columns {
		name := c.Field
		if c.Attribute != "" {
			name = c.Name()
			section := camel(c.Field)
			wire.sections[section] = append(wire.sections[section], columnWire{c.Attribute, name})
		}
		wire.Columns = append(wire.Columns, columnWire{name, c.Name()})
	}
	return &resource{kind: d.kind("RDEReportCustomization"), id: v.ID, wire: wire, of: &v}
}

// names is what people call a view, by language.
func names(v outturn.View) map[string]string {
	names := map[string]string{}
	maps.Copy(names, v.Translations)
	names["en"] = title(v)
	return names
}

// title is what people call a view in English.
func title(v outturn.View) string { return cmp.Or(v.Title, v.Name) }

// camel is the name of a section: the column in camel case (rde-datasets section 13.4).
func camel(column string) string {
	var b strings.Builder
	upper := false
	for _, r := range strings.ToLower(column) {
		switch {
		case r == '_':
			upper = true
		case upper:
			b.WriteRune(unicode.ToUpper(r))
			upper = false
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}

func (c *call) shippedViews(ctx context.Context) ([]outturn.SavedView, error) {
	list, err := c.Gate.Service.ShippedViews(ctx, c.p)
	views := make([]outturn.SavedView, len(list))
	for i, v := range list {
		views[i] = outturn.SavedView{ID: rde.ID("view", v.Dataset+"/"+v.Name), View: v}
	}
	return views, err
}

// savedViews returns the views of a tenant, "*" of all that the caller sees.
func (c *call) savedViews(ctx context.Context, tenant string, more ...*outturn.Expr) (list []outturn.SavedView, err error) {
	q := outturn.ListQuery{Where: joined(outturn.OpAnd, more), Order: []outturn.Order{{Field: "created_at"}}, Page: outturn.Page{Limit: outturn.MaxPage}}
	if tenant != "*" {
		q.Where = all(equal("tenant", tenant), q.Where)
	}
	for {
		page, err := c.Gate.Service.Views(ctx, c.p, q)
		if err != nil {
			return nil, err
		}
		list = append(list, page.Items...)
		if page.Next == "" {
			return list, nil
		}
		q.Page.After = page.Next
	}
}

func listCustomizations(ctx context.Context, c *call, q listing) (found, error) {
	var rows []row
	add := func(views []outturn.SavedView) {
		for _, v := range views {
			fields := map[string]string{
				"id": v.ID, "title": title(v.View), "dataset": v.Dataset, "updated_at": sortable(shipped), "created_at": sortable(v.CreatedAt),
			}
			if v.Tenant != "" {
				fields["tenant"], fields["updated_at"] = v.Tenant, sortable(v.UpdatedAt)
			}
			rows = append(rows, row{fields, c.toCustomization(v, q.as)})
		}
	}
	if q.as.path != ownCustomizationType.path {
		list, err := c.shippedViews(ctx)
		if err != nil {
			return found{}, err
		}
		add(list)
	}
	tenant := q.tenant
	if tenant == "" {
		tenant = c.p.Tenant
	}
	list, err := c.savedViews(ctx, tenant)
	add(list)
	return pick(rows, q), err
}

func getCustomization(ctx context.Context, c *call, id string) (*resource, error) {
	if version(id) == '7' {
		v, err := c.Gate.Service.View(ctx, c.p, id)
		if err != nil {
			return nil, err
		}
		return c.toCustomization(v, typeID{}), nil
	}
	list, err := c.shippedViews(ctx)
	for _, v := range list {
		if v.ID == id {
			return c.toCustomization(v, typeID{}), nil
		}
	}
	if err == nil {
		err = notFound(id)
	}
	return nil, err
}

// customizationID is the id of the view that a request of a tenant has: one that comes
// with the data set, the tenant's own, or one of who asks, who may have made the request
// with it. It is "" where there is none, or none that is there still.
func (c *call) customizationID(ctx context.Context, tenant string, req outturn.RunRequest) (string, error) {
	name := req.View
	if req.OwnView != nil {
		name = req.OwnView.Name
	}
	if name == "" || name == outturn.FullView {
		return "", nil
	}
	list, err := c.shippedViews(ctx)
	if err != nil {
		return "", err
	}
	for _, v := range list {
		if v.Dataset == req.Dataset && strings.EqualFold(v.Name, name) {
			return v.ID, nil
		}
	}
	for _, owner := range slices.Compact([]string{tenant, c.p.Tenant}) {
		list, err := c.savedViews(ctx, owner, equal("dataset", req.Dataset), equal("name", name))
		if err != nil {
			return "", err
		}
		if len(list) > 0 {
			return list[0].ID, nil
		}
	}
	return "", nil
}

// aliasText is what names and aliases of columns may be.
var aliasText = regexp.MustCompile(`^[a-zA-Z][0-9a-zA-Z_]*$`)

// readView puts what a client sent into a view, which is empty or as it was.
func readView(ctx context.Context, c *call, v *outturn.SavedView, in members) error {
	if id, given := in.reference("dataSet"); given && id != "" {
		found, err := c.linked(ctx, "dataSet", id, "data-set")
		if err != nil {
			return err
		}
		v.Dataset = found.of.(*outturn.Dataset).Name
	}
	if id, given := in.reference("tenant"); given && id != "" {
		found, err := c.linked(ctx, "tenant", id, "RDETenant")
		if err != nil {
			return err
		}
		if v.Tenant != "" && v.Tenant != found.id {
			in.fault("tenant", "A customization stays with its tenant. Make another one.")
		}
		v.Tenant = found.id
	}
	if v.Dataset == "" {
		v.Dataset = rde.DefaultDataset
	}
	called := map[string]string{}
	if in.read("name", `an object with a name for each language: {"en":"Lean"}`, &called) || v.Name == "" {
		english := ""
		v.Translations = map[string]string{}
		for language, name := range called {
			if strings.EqualFold(language, "en") {
				english = name
			} else {
				v.Translations[language] = name
			}
		}
		for _, fault := range outturn.Faults(v.CheckTranslations()) {
			in.fault("name", "%s", fault.Message)
		}
		if strings.TrimSpace(english) == "" {
			in.fault("name", "The English name is missing: name.en.")
		}
		rename(&v.View, english)
	}
	d, err := c.dataSet(ctx, v.Dataset)
	if err != nil {
		return err
	}
	if in.has("columns") || len(v.Columns) == 0 {
		readColumns(d, v, in)
		return nil
	}
	for _, f := range d.Fields {
		if name := camel(f.Name); f.Type == outturn.JSON && in.has(name) {
			in.fault("columns", "%s is changed together with the columns, and columns is missing.", name)
		}
	}
	return nil
}

// rename gives a view the name that people call it by. Where that is none for a view, it
// is its title, and the name is made of it.
func rename(v *outturn.View, name string) {
	v.Name, v.Title = name, ""
	if outturn.ValidName.MatchString(name) {
		return
	}
	v.Title = name
	var b strings.Builder
	for _, r := range name {
		switch {
		case r < unicode.MaxASCII && (unicode.IsLetter(r) || unicode.IsDigit(r)):
			b.WriteRune(r)
		case !strings.HasSuffix(b.String(), "_"):
			b.WriteByte('_')
		}
	}
	v.Name = strings.Trim(b.String(), "_")
	if v.Name == "" || !unicode.IsLetter(rune(v.Name[0])) {
		v.Name = "view_" + v.Name
	}
	v.Name = v.Name[:min(len(v.Name), mostViewName)]
}

// mostViewName is how many characters the name of a view has at most.
const mostViewName = 63

// readColumns reads columns and the sections of attributes that they name.
func readColumns(d *outturn.Dataset, v *outturn.SavedView, in members) {
	v.Columns = nil
	attributes := map[string]outturn.ViewColumn{} // by alias
	var aliases []string
	for _, f := range d.Fields {
		var section []columnWire
		name := camel(f.Name)
		if f.Type != outturn.JSON || !in.read(name, "a list of attributes, each with its name and its alias", &section) {
			continue
		}
		for _, a := range section {
			if !aliasText.MatchString(a.Name) || !aliasText.MatchString(a.Alias) {
				in.fault(name, "The name and the alias of an attribute are letters, digits and underscores, a letter first.")
				continue
			}
			attributes[a.Alias] = outturn.ViewColumn{Field: f.Name, Attribute: a.Name, Alias: a.Alias}
			aliases = append(aliases, a.Alias)
		}
	}
	var columns []columnWire
	in.read("columns", "a list of columns, each with its name and its alias", &columns)
	for _, col := range columns {
		c, isAttribute := attributes[col.Name]
		if !isAttribute {
			c = outturn.ViewColumn{Field: col.Name}
		}
		if c.Alias = col.Alias; col.Alias == col.Name && !isAttribute {
			c.Alias = ""
		}
		v.Columns = append(v.Columns, c)
		aliases = slices.DeleteFunc(aliases, func(alias string) bool { return alias == col.Name })
	}
	for _, alias := range aliases {
		in.fault("columns", "The attribute %s has a section and is not among the columns.", outturn.Shown(alias))
	}
}

func createCustomization(ctx context.Context, c *call, t typeID, in members) (*resource, error) {
	var v outturn.SavedView
	if err := readView(ctx, c, &v, in); err != nil {
		return nil, err
	}
	if err := in.err(); err != nil {
		return nil, err
	}
	made, err := c.Gate.Service.CreateView(ctx, c.p, v)
	if err != nil {
		return nil, err
	}
	return c.toCustomization(made, t), nil
}

// checkCustomization finds what can be found without the ledger.
func checkCustomization(ctx context.Context, c *call, _ typeID, in members) error {
	var v outturn.SavedView
	if err := readView(ctx, c, &v, in); err != nil {
		return err
	}
	d, err := c.dataSet(ctx, v.Dataset)
	if err != nil {
		return err
	}
	for _, fault := range outturn.Faults(v.Validate(d)) {
		in.fault("columns", "%s", fault.Message)
	}
	return in.err()
}

var errShipped = notFor("This customization comes with its data set and is not to be changed. Make one of your own.")

func updateCustomization(ctx context.Context, c *call, r *resource, in members) (*resource, error) {
	v := *viewOf(r)
	if v.Tenant == "" {
		return nil, errShipped
	}
	if err := readView(ctx, c, &v, in); err != nil {
		return nil, err
	}
	if err := in.err(); err != nil {
		return nil, err
	}
	changed, err := c.Gate.Service.UpdateView(ctx, c.p, v.ID, v.Version, v)
	if err != nil {
		return nil, err
	}
	return c.toCustomization(changed, typeID{}), nil
}

func removeCustomization(ctx context.Context, c *call, r *resource) error {
	v := viewOf(r)
	if v.Tenant == "" {
		return errShipped
	}
	return c.Gate.Service.DeleteView(ctx, c.p, v.ID, v.Version)
}
