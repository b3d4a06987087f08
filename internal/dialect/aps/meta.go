package aps

import (
	"fmt"
	"net/http"
	"slices"
	"strconv"

	"outturn/internal/dialect/rde"
)

// A shownType is a type that clients can look up.
type shownType struct {
	typeID
	kind *kind
	n    int // its place in the list, from 1
}

func (t shownType) href() string { return root + "/types/" + strconv.Itoa(t.n) }

func (t shownType) wire() typeWire {
	w := typeWire{ID: t.String(), APSVersion: "2.0", Name: t.kind.name, Schema: t.href(), Collection: t.kind.collection}
	for _, base := range t.kind.implements {
		w.Implements = append(w.Implements, base.String())
	}
	for _, r := range t.kind.relations {
		w.Relations = append(w.Relations, r.name)
	}
	return w
}

// applicationID is that of the one instance of the package.
var applicationID = rde.ID("application", "rde")

func (d *Dialect) thePackage() packageWire {
	p := packageWire{ID: packageID, Href: packageHref, Name: "Reporting and Data Export", Version: "2.1"}
	for _, t := range d.types {
		p.Types = append(p.Types, t.String())
	}
	return p
}

func (d *Dialect) listTypes(*call, *http.Request) (answer, error) {
	list := make([]any, len(d.types))
	for i, t := range d.types {
		list[i] = t.wire()
	}
	return whole(list), nil
}

func (d *Dialect) getType(_ *call, r *http.Request) (answer, error) {
	i := slices.IndexFunc(d.types, func(t shownType) bool { return strconv.Itoa(t.n) == r.PathValue("n") })
	if i < 0 {
		return answer{}, notFound(r.PathValue("n"))
	}
	return answer{status: http.StatusOK, body: d.types[i].wire()}, nil
}

func (d *Dialect) listPackages(*call, *http.Request) (answer, error) {
	return whole([]any{d.thePackage()}), nil
}

func (d *Dialect) getPackage(_ *call, r *http.Request) (answer, error) {
	if r.PathValue("id") != packageID {
		return answer{}, notFound(r.PathValue("id"))
	}
	return answer{status: http.StatusOK, body: d.thePackage()}, nil
}

// An applicationWire is the one instance of the package.
type applicationWire struct {
	APS     envelope   `json:"aps"`
	Package packageRef `json:"package"`
}

func (d *Dialect) application() applicationWire {
	t := typeID{"aps-standard.org/types/core/application", 1, 0}
	return applicationWire{d.envelope(applicationID, t, statusReady, 1, shipped), packageRef{packageID, packageHref}}
}

func (d *Dialect) listApplications(*call, *http.Request) (answer, error) {
	return whole([]any{d.application()}), nil
}

func (d *Dialect) getApplication(_ *call, r *http.Request) (answer, error) {
	if r.PathValue("id") != applicationID {
		return answer{}, notFound(r.PathValue("id"))
	}
	return answer{status: http.StatusOK, body: d.application()}, nil
}

// whole answers with a list of which nothing is left out.
func whole(list []any) answer {
	return answer{status: http.StatusOK, body: list, header: http.Header{"Content-Range": {fmt.Sprintf("items 0-%d/%d", len(list)-1, len(list))}}}
}
