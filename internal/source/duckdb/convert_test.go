package duckdb

import (
	"context"
	"errors"
	"math"
	"math/big"
	"testing"

	"pgregory.net/rapid"

	"outturn"
	"outturn/internal/batch"
)

func TestAppendUint128(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		hi, lo := rapid.Uint64().Draw(t, "hi"), rapid.Uint64().Draw(t, "lo")
		want := new(big.Int).SetUint64(hi)
		want.Lsh(want, 64).Add(want, new(big.Int).SetUint64(lo))
		if got := string(appendUint128(nil, hi, lo)); got != want.String() {
			t.Errorf("got %s, want %s", got, want)
		}
	})
	for text, parts := range map[string][2]uint64{
		"0":                    {0, 0},
		"18446744073709551615": {0, math.MaxUint64},
		"18446744073709551616": {1, 0},
		"100000000000000000000000000000000000000": {5421010862427522170, 687399551400673280},
		"340282366920938463463374607431768211455": {math.MaxUint64, math.MaxUint64},
	} {
		if got := string(appendUint128([]byte("-"), parts[0], parts[1])); got != "-"+text {
			t.Errorf("got %s, want -%s", got, text)
		}
	}
}

// Digits are what big.Rat says they are, at every pair of scales.
func TestAppendDigits(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		scale := rapid.IntRange(0, outturn.MaxScale).Draw(t, "scale")
		want := rapid.IntRange(scale, outturn.MaxScale).Draw(t, "want")
		number := new(big.Int).SetUint64(rapid.Uint64().Draw(t, "number"))
		number.Mul(number, new(big.Int).SetUint64(rapid.Uint64().Draw(t, "times")))
		if rapid.Bool().Draw(t, "negative") {
			number.Neg(number)
		}
		var b batch.Batch
		b.Reset([]batch.Column{{Name: "d", Type: outturn.Decimal, Scale: want}})
		f := &filler{batch: &b}
		b.Words(0, 1)[0] = f.appendDigits([]byte(number.String()), scale, want)
		b.SetRows(1)
		exact := new(big.Rat).SetFrac(number, new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(scale)), nil))
		if got := string(b.AppendDecimalText(nil, 0, 0)); got != exact.FloatString(want) {
			t.Errorf("got %s, want %s", got, exact.FloatString(want))
		}
	})
}

func TestTranslate(t *testing.T) {
	for _, test := range []struct {
		text string
		code outturn.Code
		want string
	}{
		{"Binder Error: Referenced column \"nocol\" not found in FROM clause!\nCandidate bindings: \"i\"\n\nLINE 1: SELECT nocol FROM t\n               ^",
			outturn.CodeQueryFailed, `The source refused the statement: Referenced column "nocol" not found in FROM clause!; Candidate bindings: "i".`},
		{"Conversion Error: Could not convert string \"ninety: Error: 90\" to INT32 when casting from source column words",
			outturn.CodeQueryFailed, `The source refused the statement: Could not convert string "ninety: Error: 90" to INT32 when casting from source column words.`},
		{"Out of Memory Error: could not allocate block of size 256.0 KiB (122.2 MiB/122.0 MiB used)\n\nPossible solutions:\n* Reducing the number of threads (SET threads=X)",
			outturn.CodeMemoryLimit, "The statement needs more memory than it may use. Allow it more with the setting memory, or ask for fewer columns or no order. The engine says: could not allocate block of size 256.0 KiB (122.2 MiB/122.0 MiB used)."},
		{"Out of Memory Error: failed to offload data block of size 256.0 KiB (9.4 MiB/9.5 MiB used).\nThis limit was set by the 'max_temp_directory_size' setting.",
			outturn.CodeMemoryLimit, "The statement needs more temporary disk than it may use. Allow it more with the setting temp_quota. The engine says: failed to offload data block of size 256.0 KiB (9.4 MiB/9.5 MiB used)."},
		{"IO Error: Could not write file \"/tmp/x\": No space left on device",
			outturn.CodeDiskFull, `The disk of the temporary files is full: Could not write file "/tmp/x": No space left on device.`},
		{"IO Error: Could not set lock on file \"/data/b.duckdb\": Conflicting lock is held in /usr/bin/duckdb (deleted) (PID 4711) by user joe. See also https://duckdb.org/docs/stable/connect/concurrency",
			outturn.CodeSourceUnavailable, "The file /data/b.duckdb is locked by another process, /usr/bin/duckdb (deleted) (PID 4711). Try again when it has finished."},
		{"IO Error: Could not set lock on file \"/data/b.duckdb\": Resource temporarily unavailable",
			outturn.CodeSourceUnavailable, "The file /data/b.duckdb is locked by another process. Try again when it has finished."},
		{"IO Error: Corrupt database file: computed checksum 1 does not match stored checksum 2 in block at location 12288",
			outturn.CodeSourceUnavailable, "/data/b.duckdb cannot be read: Corrupt database file: computed checksum 1 does not match stored checksum 2 in block at location 12288."},
		{"Invalid Input Error: CSV Error on Line: 3\nOriginal Line: 4,5,6\nExpected Number of Columns: 2 Found: 3\nPossible fixes:\n* Enable null padding\n\n  file = /data/orders.csv\n  delimiter = , (Set By User)",
			outturn.CodeQueryFailed, "The source refused the statement: Line 3 of orders.csv: Original Line: 4,5,6; Expected Number of Columns: 2 Found: 3."},
		{"", outturn.CodeQueryFailed, "The source refused the statement: it gave no reason."},
	} {
		err := translate(t.Context(), "", test.text, "/data/b.duckdb")
		if outturn.ErrorCode(err) != test.code || err.Error() != test.want {
			t.Errorf("%s:\n got %s: %v\nwant %s: %s", test.text, outturn.ErrorCode(err), err, test.code, test.want)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := translate(ctx, "", "INTERRUPT Error: Interrupted!", ""); outturn.ErrorCode(err) != outturn.CodeCancelled || !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want %s", err, outturn.CodeCancelled)
	}
	if !fatal(translate(t.Context(), "", "FATAL Error: Failed: database has been invalidated because of a previous fatal error", "")) {
		t.Error("a fatal error is not seen as one")
	}
}

func TestEngineShare(t *testing.T) {
	for memory, want := range map[string]string{
		"128MB": "102400000B", "1GiB": "858993459B", "1.5 GB": "1200000000B", "1000B": "800B", "2TiB": "1759218604441B", "lots": "lots",
	} {
		if got := engineShare(memory); got != want {
			t.Errorf("%s: got %s, want %s", memory, got, want)
		}
	}
}
