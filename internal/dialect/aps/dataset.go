package aps

import (
	"context"
	"time"

	"outturn"
	"outturn/internal/dialect/rde"
)

func (d *Dialect) dataSets() *kind {
	return &kind{
		name: "data-set", types: []typeID{dataSetType}, implements: []typeID{resourceType}, named: "name",
		fields: map[string]field{"aps.id": plain("id"), "aps.status": always(statusReady), "name": plain("name")},
		orders: map[string]string{"name": "name"},
		list: func(ctx context.Context, c *call, q listing) (found, error) {
			list, err := c.dataSetRows(ctx)
			return pick(list, q), err
		},
		get: func(ctx context.Context, c *call, id string) (*resource, error) {
			list, err := c.dataSetRows(ctx)
			return byID(list, id, err)
		},
	}
}

// dataSetID is the id of a data set.
func dataSetID(name string) string { return rde.ID("data-set", name) }

func (c *call) dataSetRows(ctx context.Context) ([]row, error) {
	list, err := c.Gate.Service.Datasets(ctx, c.p)
	rows := make([]row, len(list))
	for i := range list {
		s := &list[i]
		id := dataSetID(s.Name)
		wire := dataSetWire{
			APS: c.envelope(id, dataSetType, statusReady, s.Version, shipped), Name: s.Name, Description: s.Description, Columns: s.FieldNames(),
		}
		rows[i] = row{map[string]string{"id": id, "name": s.Name}, &resource{kind: c.kind("data-set"), id: id, wire: wire, of: s}}
	}
	return rows, err
}

// shipped is when what comes with the program was made, as far as clients are told: its
// files have no time of their own.
var shipped = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

func byID(rows []row, id string, err error) (*resource, error) {
	if err != nil {
		return nil, err
	}
	for _, r := range rows {
		if r.id == id {
			return r.resource, nil
		}
	}
	return nil, notFound(id)
}

// dataSetField is the id of a data set, which the ledger has by its name.
func (d *Dialect) dataSetField(op outturn.Op, values []string) (*outturn.Expr, error) {
	switch op {
	case outturn.OpEQ, outturn.OpNE, outturn.OpIn:
	default:
		return nil, outturn.Errorf(outturn.CodeInvalid, "An id is asked for as a whole: eq, ne, in and out are for it.")
	}
	names := make([]string, len(values))
	for i, v := range values {
		names[i] = v // no data set's name is spelt like an id
		for _, name := range d.DataSets {
			if dataSetID(name) == v {
				names[i] = name
			}
		}
	}
	return plain("dataset")(op, names)
}
