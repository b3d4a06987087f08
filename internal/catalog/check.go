package catalog

import (
	"context"
	"maps"

	"outturn/internal/source"
)

// Check returns everything that is wrong with the catalogue's files, by file:
// what Faults tells, and where the data sets and the tenant tree do not fit the
// source.
func (c *Catalog) Check(ctx context.Context, s source.Snapshot) map[string]error {
	problems := maps.Clone(c.faults)
	for _, d := range c.Datasets() {
		if err := source.CheckFit(ctx, d, s); err != nil {
			problems[d.Name+".sql"] = err
		}
	}
	if c.tree != nil {
		err := source.CheckTree(ctx, c.tree, s)
		if err == nil {
			err = source.CheckAccounts(ctx, s, c.tree)
		}
		if err != nil {
			problems[treeFile] = err
		}
	}
	return problems
}
