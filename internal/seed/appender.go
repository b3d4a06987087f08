package seed

import (
	"errors"
	"fmt"
	"unsafe"

	bindings "github.com/duckdb/duckdb-go-bindings"
)

// chunkRows is how many rows DuckDB takes at a time: the size of its vectors.
const chunkRows = 2048

// An appender writes rows into one DuckDB table, straight into the vectors of a
// chunk.
type appender struct {
	name    string
	handle  bindings.Appender
	chunk   bindings.DataChunk
	columns []column
	filled  int // rows in chunk
	rows    int64
}

// A column is where the cells of a chunk's column go.
type column struct {
	kind     bindings.Type
	vector   bindings.Vector
	data     unsafe.Pointer
	validity unsafe.Pointer // nil until a cell of the chunk is null
}

func newAppender(conn bindings.Connection, table string) (*appender, error) {
	a := &appender{name: table}
	if bindings.AppenderCreateExt(conn, "", "", table, &a.handle) != bindings.StateSuccess {
		defer a.close()
		return nil, a.fault()
	}
	types := make([]bindings.LogicalType, bindings.AppenderColumnCount(a.handle))
	a.columns = make([]column, len(types))
	for i := range types {
		types[i] = bindings.AppenderColumnType(a.handle, bindings.IdxT(i))
		a.columns[i].kind = bindings.GetTypeId(types[i])
		defer bindings.DestroyLogicalType(&types[i])
	}
	a.chunk = bindings.CreateDataChunk(types)
	a.reset()
	return a, nil
}

// reset makes the chunk ready for its first row.
func (a *appender) reset() {
	bindings.DataChunkReset(a.chunk)
	a.filled = 0
	for i := range a.columns {
		c := &a.columns[i]
		c.vector = bindings.DataChunkGetVector(a.chunk, bindings.IdxT(i))
		c.data = bindings.VectorGetData(c.vector)
		c.validity = nil
	}
}

func (a *appender) append(cells []cell) error {
	if len(cells) != len(a.columns) {
		return fmt.Errorf("%d cells for %d columns", len(cells), len(a.columns))
	}
	for i := range cells {
		if !a.columns[i].set(a.filled, &cells[i]) {
			return fmt.Errorf("cell %d is of another type than its column", i+1)
		}
	}
	a.rows++
	a.filled++
	if a.filled == chunkRows {
		return a.send()
	}
	return nil
}

// set writes a cell into a row of the column, unless it is of another type.
func (c *column) set(row int, v *cell) bool {
	switch {
	case v.kind == cellNull:
		c.setNull(row)
	case v.kind == cellInt && c.kind == bindings.TypeBigInt, v.kind == cellTime && c.kind == bindings.TypeTimestampTZ:
		*slot[int64](c, row) = v.n
	case v.kind == cellInt && c.kind == bindings.TypeInteger, v.kind == cellDate && c.kind == bindings.TypeDate:
		*slot[int32](c, row) = int32(v.n)
	case v.kind == cellBool && c.kind == bindings.TypeBoolean:
		*slot[bool](c, row) = v.n != 0
	case v.kind == cellMoney && c.kind == bindings.TypeDecimal:
		*slot[[2]int64](c, row) = [2]int64{v.n, v.n >> 63} // 128 bits
	case v.kind == cellText && c.kind == bindings.TypeVarchar:
		bindings.VectorAssignStringElement(c.vector, bindings.IdxT(row), v.text)
	default:
		return false
	}
	return true
}

func slot[T any](c *column, row int) *T {
	var size T
	return (*T)(unsafe.Add(c.data, uintptr(row)*unsafe.Sizeof(size)))
}

func (c *column) setNull(row int) {
	if c.validity == nil {
		bindings.VectorEnsureValidityWritable(c.vector)
		c.validity = bindings.VectorGetValidity(c.vector)
	}
	*(*uint64)(unsafe.Add(c.validity, row/64*8)) &^= 1 << (row % 64)
}

// send hands the chunk to DuckDB.
func (a *appender) send() error {
	bindings.DataChunkSetSize(a.chunk, bindings.IdxT(a.filled))
	if bindings.AppendDataChunk(a.handle, a.chunk) != bindings.StateSuccess {
		return a.fault()
	}
	a.reset()
	return nil
}

func (a *appender) finish() error {
	if a.filled > 0 {
		if err := a.send(); err != nil {
			return err
		}
	}
	if bindings.AppenderClose(a.handle) != bindings.StateSuccess {
		return a.fault()
	}
	return nil
}

func (a *appender) close() {
	bindings.DestroyDataChunk(&a.chunk)
	bindings.AppenderDestroy(&a.handle)
}

func (a *appender) fault() error { return errors.New(bindings.AppenderError(a.handle)) }
