//go:build !unix

package duckdb

import "os"

// tryLock locks nothing here: a folder that is open cannot be removed anyway.
func tryLock(*os.File) bool { return true }
