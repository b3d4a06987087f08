package main

import (
	"crypto/sha256"
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
	ta, errA := ourInstant(a)
	tb, errB := theirInstant(b)
	return errA == nil && errB == nil && ta.Equal(tb)
}

func ourInstant(text string) (time.Time, error) { return time.Parse(time.RFC3339Nano, text) }
func theirInstant(text string) (time.Time, error) {
	return time.Parse("2006-01-02 15:04:05.999999-07", text)
}

// sameRows compares a file of ours with one of the engine's own; see sameInAnyOrder.
func sameRows(a, b string) (rows int, err error) { return sameInAnyOrder(a, b, theirInstant) }

// sameExports compares two files of ours.
func sameExports(a, b string) (rows int, err error) { return sameInAnyOrder(a, b, ourInstant) }

// sameInAnyOrder compares two files whose rows may come in any order, for an engine
// with several threads promises none: each row must be in both equally often.
func sameInAnyOrder(a, b string, instantOfB func(string) (time.Time, error)) (rows int, err error) {
	count := map[[sha256.Size]byte]int{}
	err = eachRow(a, ourInstant, func(row [sha256.Size]byte, _ []string) error {
		count[row]++
		rows++
		return nil
	})
	if err != nil {
		return rows, err
	}
	left := rows
	err = eachRow(b, instantOfB, func(row [sha256.Size]byte, values []string) error {
		if count[row] == 0 {
			return fmt.Errorf("a row that the first file lacks: %q", values)
		}
		count[row]--
		left--
		return nil
	})
	if err == nil && left > 0 {
		err = fmt.Errorf("%d rows of the first file are not in the second", left)
	}
	return rows - 1, err // the header was one
}

// eachRow hands out the digest of each row, instants spelled alike.
func eachRow(file string, instant func(string) (time.Time, error), found func([sha256.Size]byte, []string) error) error {
	f, err := os.Open(file)
	if err != nil {
		return err
	}
	defer f.Close()
	r := csv.NewReader(f)
	r.ReuseRecord = true
	var text []byte
	for {
		values, err := r.Read()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		text = text[:0]
		for _, v := range values {
			if t, err := instant(v); err == nil {
				v = t.UTC().Format(time.RFC3339Nano)
			}
			text = fmt.Appendf(text, "%q,", v)
		}
		if err := found(sha256.Sum256(text), values); err != nil {
			return err
		}
	}
}
