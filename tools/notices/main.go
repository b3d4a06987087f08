// Notices writes THIRD_PARTY_NOTICES.md: the licence of everything that is
// linked into a program, with the text that has to travel with it.
//
//	notices [-check] [-o THIRD_PARTY_NOTICES.md] ./cmd/outturn
//
// With -check it only compares. It refuses a module whose licence it cannot
// find or does not know: a person has to look before that is shipped.
package main

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
)

func main() {
	check := flag.Bool("check", false, "fail when the file is not up to date")
	file := flag.String("o", "THIRD_PARTY_NOTICES.md", "the file to write")
	flag.Parse()

	if err := run(flag.Arg(0), *file, *check); err != nil {
		fmt.Fprintln(os.Stderr, "notices:", err)
		os.Exit(1)
	}
}

func run(program, file string, check bool) error {
	if program == "" {
		return fmt.Errorf("name the program, ./cmd/outturn")
	}
	modules, err := linked(program)
	if err != nil {
		return err
	}
	goroot, err := goLicence()
	if err != nil {
		return err
	}
	if err := knowAllArchives(modules); err != nil {
		return err
	}
	var page bytes.Buffer
	if err := render(&page, append([]module{goroot}, modules...)); err != nil {
		return err
	}
	if !check {
		return os.WriteFile(file, page.Bytes(), 0o644)
	}
	have, err := os.ReadFile(file)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if !bytes.Equal(have, page.Bytes()) {
		return fmt.Errorf("%s is out of date: run make notices and commit it", file)
	}
	return nil
}
