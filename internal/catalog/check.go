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

// Advise returns what would make the data sets faster on the source, where it can tell.
// What is at fault is left out: Check reports it.
func (c *Catalog) Advise(ctx context.Context, s source.Database) (list []source.Advice) {
	adviser, ok := s.(source.Adviser)
	if !ok {
		return nil
	}
	tree, err := c.Tree()
	if err != nil {
		return nil
	}
	for _, d := range c.Datasets() {
		if advice, err := adviser.Advise(ctx, d, tree); err == nil {
			list = append(list, advice...)
		}
	}
	return list
}
