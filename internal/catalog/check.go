package catalog

import (
	"context"

	"outturn/internal/source"
)

// Check returns everything that is wrong with the catalogue's files, by file:
// what Faults tells, and where the data sets and the tenant tree do not fit the
// source.
func (c *Catalog) Check(ctx context.Context, s source.Database) map[string]error {
	problems := c.Faults()
	for _, d := range c.Datasets() {
		if err := source.CheckFit(ctx, d, s); err != nil {
			problems[d.Name+".sql"] = err
		}
	}
	if tree, err := c.Tree(); tree != nil && err == nil {
		err = source.CheckTree(ctx, tree, s)
		if err == nil {
			err = source.CheckAccounts(ctx, s, tree)
		}
		if err != nil {
			problems[treeFile] = err
		}
	}
	return problems
}
