//go:build !linux

package store

import "os"

type journal struct{ *os.File }
