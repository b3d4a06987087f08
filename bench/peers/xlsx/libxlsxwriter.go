//go:build libxlsxwriter

package main

// #cgo LDFLAGS: -lxlsxwriter -lz
// #include <stdlib.h>
// #include "libxlsxwriter.h"
import "C"

import (
	"fmt"
	"math"
	"unsafe"

	"outturn"
	"outturn/internal/batch"
)

// A libxlsxwriter is the C library in its constant_memory mode. It is called once
// a batch, and the cells are put in a loop in C, so crossing over costs nothing.
type libxlsxwriter struct {
	peer    C.peer
	columns []C.peer_column

	// The batch as C takes it: column by column, strings ended by zeros.
	words []uint64
	nulls []uint8
	texts []byte
}

func openLibxlsxwriter(path string, columns []batch.Column) (writer, error) {
	w := &libxlsxwriter{}
	if err := failed(C.peer_open(&w.peer, C.CString(path))); err != nil { // C keeps the path
		return nil, err
	}
	for i, c := range columns {
		column := C.peer_column{kind: C.peer_number}
		switch c.Type {
		case outturn.Text, outturn.JSON:
			column.kind = C.peer_text
		case outturn.Bool:
			column.kind = C.peer_bool
		}
		if format := numberFormat(c); format != "" {
			text := C.CString(format)
			column.format = C.peer_format(&w.peer, text)
			C.free(unsafe.Pointer(text))
		}
		w.columns = append(w.columns, column)
		name := C.CString(c.Name)
		err := failed(C.peer_header(&w.peer, C.int(i), name))
		C.free(unsafe.Pointer(name))
		if err != nil {
			return nil, err
		}
	}
	return w, nil
}

func (w *libxlsxwriter) write(b *batch.Batch) error {
	w.words, w.nulls, w.texts = w.words[:0], w.nulls[:0], append(w.texts[:0], 0)
	for c := range w.columns {
		for r := range b.Rows() {
			if b.Null(c, r) {
				w.words, w.nulls = append(w.words, 0), append(w.nulls, 1)
				continue
			}
			word, err := w.word(b, c, r)
			if err != nil {
				return err
			}
			w.words, w.nulls = append(w.words, word), append(w.nulls, 0)
		}
	}
	return failed(C.peer_rows(&w.peer, &w.columns[0], C.int(len(w.columns)), C.int(b.Rows()),
		(*C.uint64_t)(&w.words[0]), (*C.uint8_t)(&w.nulls[0]), (*C.char)(unsafe.Pointer(&w.texts[0]))))
}

func (w *libxlsxwriter) word(b *batch.Batch, c, r int) (uint64, error) {
	var number float64
	switch b.Columns()[c].Type {
	case outturn.Text, outturn.JSON:
		at := len(w.texts)
		w.texts = append(append(w.texts, b.Text(c, r)...), 0)
		return uint64(at), nil
	case outturn.Bool:
		if b.Bool(c, r) {
			return 1, nil
		}
		return 0, nil
	case outturn.Int:
		number = float64(b.Int(c, r))
	case outturn.Decimal:
		var err error
		if number, err = decimal(b, c, r); err != nil {
			return 0, err
		}
	case outturn.Float:
		number = b.Float(c, r)
	case outturn.Date:
		number = day(b.Int(c, r))
	case outturn.Time:
		number = instant(b.Int(c, r))
	}
	return math.Float64bits(number), nil
}

func (w *libxlsxwriter) close() error {
	return failed(C.peer_close(&w.peer, C.int(len(w.columns))))
}

func failed(code C.int) error {
	if code == C.LXW_NO_ERROR {
		return nil
	}
	return fmt.Errorf("libxlsxwriter: %s", C.GoString(C.lxw_strerror(C.lxw_error(code))))
}
