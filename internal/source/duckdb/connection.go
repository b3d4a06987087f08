package duckdb

import (
	"context"

	duck "github.com/duckdb/duckdb-go-bindings"
)

// A connection is one of the engine's, with a few of the statements that were prepared on it:
// a server asks the same ones for tenant after tenant, and to parse and prepare one takes as
// long as to answer it. One with parameters that reads a table is bound and planned anew each
// time all the same, as the engine has it since 1.5.
type connection struct {
	duck.Connection
	kept   map[string]duck.PreparedStatement
	begun  bool // a transaction
	midway bool // not all of the last statement was read: the engine keeps what it has of it
}

// mostKept is how many statements a connection keeps.
const mostKept = 8

func newConnection(db duck.Database) (*connection, bool) {
	c := &connection{kept: map[string]duck.PreparedStatement{}}
	if duck.Connect(db, &c.Connection) != duck.StateSuccess {
		duck.Disconnect(&c.Connection)
		return nil, false
	}
	return c, true
}

func (c *connection) close() {
	for sql := range c.kept {
		c.forget(sql)
	}
	duck.Disconnect(&c.Connection)
}

// take returns the statement that was prepared of sql, which keep is to be given again.
func (c *connection) take(sql string) (stmt duck.PreparedStatement, ok bool) {
	stmt, ok = c.kept[sql]
	delete(c.kept, sql)
	return stmt, ok
}

// keep keeps a statement that nothing comes of any more.
func (c *connection) keep(sql string, stmt duck.PreparedStatement) {
	for other := range c.kept {
		if len(c.kept) < mostKept {
			break
		}
		c.forget(other)
	}
	c.forget(sql)
	c.kept[sql] = stmt
}

func (c *connection) forget(sql string) {
	if stmt, ok := c.kept[sql]; ok {
		duck.DestroyPrepare(&stmt)
		delete(c.kept, sql)
	}
}

// begin begins a transaction that only reads, if none has begun.
func (c *connection) begin(ctx context.Context, path string) error {
	if c.begun {
		return nil
	}
	err := c.again(ctx, "BEGIN TRANSACTION READ ONLY", path)
	c.begun = err == nil
	return err
}

// rollback ends the transaction, if one has begun; nothing can have changed in it.
func (c *connection) rollback(ctx context.Context, path string) error {
	if !c.begun {
		return nil
	}
	err := c.again(ctx, "ROLLBACK", path)
	c.begun = err != nil
	return err
}

// end ends what goes on, also a statement that was not read to its end: the engine lets go
// of its memory when the connection is asked for something else.
func (c *connection) end() error {
	ctx := context.Background()
	if c.midway {
		if err := c.begin(ctx, ""); err != nil {
			return err
		}
	}
	c.midway = false
	return c.rollback(ctx, "")
}

// again executes a statement of ours that every snapshot has.
func (c *connection) again(ctx context.Context, sql, path string) error {
	stmt, ok := c.take(sql)
	if !ok && duck.Prepare(c.Connection, sql, &stmt) != duck.StateSuccess {
		defer duck.DestroyPrepare(&stmt)
		return translate(ctx, "", duck.PrepareError(stmt), path)
	}
	defer c.keep(sql, stmt)
	var result duck.Result
	defer duck.DestroyResult(&result)
	var state duck.State
	interruptible(ctx, c.Connection, func() { state = duck.ExecutePrepared(stmt, &result) })
	if state != duck.StateSuccess {
		return translate(ctx, "", duck.ResultError(&result), path)
	}
	return nil
}
