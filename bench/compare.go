package main

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"os"
	"time"
)

// sameCSV reads both files with the standard library and compares every value.
// Instants may be spelled in two ways; they must be the same instant.
func sameCSV(a, b string) (rows int, err error) {
	fa, err := os.Open(a)
	if err != nil {
		return 0, err
	}
	defer fa.Close()
	fb, err := os.Open(b)
	if err != nil {
		return 0, err
	}
	defer fb.Close()
	ra, rb := csv.NewReader(fa), csv.NewReader(fb)
	ra.ReuseRecord, rb.ReuseRecord = true, true
	for ; ; rows++ {
		va, errA := ra.Read()
		vb, errB := rb.Read()
		if errors.Is(errA, io.EOF) && errors.Is(errB, io.EOF) {
			return rows - 1, nil // the first was the header
		}
		if err := errors.Join(errA, errB); err != nil {
			return rows, err
		}
		for i := range va {
			if va[i] != vb[i] && !sameInstant(va[i], vb[i]) {
				return rows, fmt.Errorf("row %d, column %d: %q and %q", rows, i+1, va[i], vb[i])
			}
		}
	}
}

func sameInstant(a, b string) bool {
	ta, errA := time.Parse(time.RFC3339Nano, a)
	tb, errB := time.Parse("2006-01-02 15:04:05.999999-07", b)
	return errA == nil && errB == nil && ta.Equal(tb)
}
