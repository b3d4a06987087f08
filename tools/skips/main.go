// Skips counts the tests in what `go test -json` wrote and holds skipped ones
// to a list.
//
//	skips [-list testdata/skips.txt] [-full] FILE...
//
// It prints every skipped test with the reason it gave, and as its last line
// "N passed, N failed, N skipped". With CI=true in the environment a skipped
// test is a failure unless the list names it: a test that quietly stopped
// running looks the same as one that passes.
package main

import (
	"flag"
	"fmt"
	"io"
	"os"
)

func main() {
	list := flag.String("list", "testdata/skips.txt", "the permitted skips")
	full := flag.Bool("full", false, "what is listed as short must run")
	flag.Parse()

	faults, err := run(os.Stdout, *list, *full, flag.Args())
	if err != nil {
		fmt.Fprintln(os.Stderr, "skips:", err)
		os.Exit(2)
	}
	if faults > 0 && os.Getenv("CI") == "true" {
		os.Exit(1)
	}
}

// run prints the account of the files and returns how many skips the list does
// not permit.
func run(out io.Writer, list string, full bool, files []string) (faults int, err error) {
	permitted, err := readList(list)
	if err != nil {
		return 0, err
	}
	tests := newTally()
	for _, file := range files {
		if err := tests.read(file); err != nil {
			return 0, err
		}
	}
	for _, s := range tests.skipped {
		verdict := permitted.verdict(s, full)
		if verdict != "" {
			faults++
			verdict = "  <- " + verdict
		}
		fmt.Fprintf(out, "skipped %s %s: %s%s\n", s.pkg, s.test, s.reason, verdict)
	}
	for _, name := range permitted.unknown(tests) {
		faults++
		fmt.Fprintf(out, "%s names %s, which is no test any more\n", list, name)
	}
	fmt.Fprintf(out, "%d passed, %d failed, %d skipped\n", tests.passed, tests.failed, len(tests.skipped))
	return faults, nil
}
