//go:build !libxlsxwriter

package main

import (
	"errors"

	"outturn/internal/batch"
)

func openLibxlsxwriter(string, []batch.Column) (writer, error) {
	return nil, errors.New(errAbsent)
}
