package duckdb

import (
	"context"
	"errors"
	"path/filepath"
	"regexp"
	"strings"

	"outturn"
	"outturn/internal/source"
)

// translate turns an error of the engine into ours. step says what was tried, if
// that adds anything; path is the file or folder. When ctx has ended, that is
// why.
//
// The engine gives its errors as text that starts with their kind. There is more
// below it: hints for people at its own prompt, a picture of the position, a
// stack; that is left out.
func translate(ctx context.Context, step, text, path string) error {
	if ctx.Err() != nil {
		return source.Stopped(ctx)
	}
	text = unwrapped(text)
	kind, message := split(text)
	cause := engineError(strings.TrimSpace(text))
	tell := func(code outturn.Code, sentence string) error {
		return &outturn.Error{Code: code, Message: sentence, Err: cause}
	}
	if holder := lockHolder.FindStringSubmatch(text); holder != nil {
		return tell(outturn.CodeSourceUnavailable, "The file "+path+" is locked by another process, "+holder[1]+". Try again when it has finished.")
	}
	switch {
	case strings.Contains(text, "Could not set lock on file"):
		return tell(outturn.CodeSourceUnavailable, "The file "+path+" is locked by another process. Try again when it has finished.")
	case strings.Contains(text, "not a valid DuckDB database file"), strings.Contains(text, "Cannot launch in-memory database"):
		return tell(outturn.CodeSourceUnavailable, "The file "+path+" is not a DuckDB database.")
	case strings.Contains(text, "No space left on device"):
		return tell(outturn.CodeDiskFull, "The disk of the temporary files is full: "+sentence(message))
	case kind == "Out of Memory" && strings.Contains(text, "max_temp_directory_size"):
		return tell(outturn.CodeMemoryLimit, "The statement needs more temporary disk than it may use. Allow it more with the setting temp_quota. The engine says: "+sentence(message))
	case kind == "Out of Memory":
		return tell(outturn.CodeMemoryLimit, "The statement needs more memory than it may use. Allow it more with the setting memory, or ask for fewer columns or no order. The engine says: "+sentence(message))
	case kind == "IO" || strings.Contains(text, "to be a Parquet file") || kind == "Serialization" || strings.HasPrefix(step, "open "):
		return tell(outturn.CodeSourceUnavailable, path+" cannot be read: "+sentence(message))
	}
	if fault := csvFault.FindStringSubmatch(text); fault != nil {
		if file := csvFile.FindStringSubmatch(text); file != nil {
			message = "Line " + fault[1] + " of " + filepath.Base(file[1]) + ": " + strings.TrimPrefix(message, "CSV Error on Line: "+fault[1]+"; ")
		}
	}
	if own, ok := strings.CutPrefix(message, ownError); ok {
		return tell(outturn.CodeQueryFailed, own)
	}
	return tell(outturn.CodeQueryFailed, "The source refused the statement: "+sentence(message))
}

// ownError opens what the engine says in our words: see complaint.
const ownError = "outturn: "

var (
	lockHolder = regexp.MustCompile(`Conflicting lock is held in (.+? \(PID \d+\))`)
	csvFault   = regexp.MustCompile(`CSV Error on Line: (\d+)`)
	csvFile    = regexp.MustCompile(`(?m)^\s*file = (.+)$`)
	artStart   = regexp.MustCompile(`\n\s*(LINE \d+:|Possible (fix|solution|Solution)|Stack Trace|This limit was set|This error signals|See also|Consider |Did you mean to|\s+file = )`)
)

// quotesRows reports whether an error of the engine may hold something of a row.
// Our own sentences do, and are about rows in scope only. Of the engine's, some
// kinds are about the text of the statement, the memory or the disk.
func quotesRows(text string) bool {
	switch kind, message := split(unwrapped(text)); kind {
	case "Parser", "Binder", "Catalog", "Out of Memory", "IO", "Serialization":
		return false
	default:
		return !strings.HasPrefix(message, ownError)
	}
}

// unwrapped takes off what the engine puts before an error that ended a result
// which is still being read.
func unwrapped(text string) string {
	if _, inner, ok := strings.Cut(text, "unsuccessful or closed pending query result\nError: "); ok {
		return inner
	}
	return text
}

// fatal reports an error after which the engine answers nothing any more.
func fatal(err error) bool {
	var text engineError
	return errors.As(err, &text) && (strings.HasPrefix(string(text), "FATAL") || strings.Contains(string(text), "database has been invalidated"))
}

// An engineError is what the engine said, whole, for the log.
type engineError string

func (e engineError) Error() string { return string(e) }

// split takes the kind from the front of an engine's message and keeps of the
// rest what is worth telling, in one line.
func split(text string) (kind, message string) {
	if at := artStart.FindStringIndex(text); at != nil {
		text = text[:at[0]]
	}
	kind, message, ok := strings.Cut(text, " Error: ")
	if !ok || strings.ContainsAny(kind, "\n:") {
		kind, message = "", text
	}
	var lines []string
	for line := range strings.Lines(message) {
		if line = strings.TrimSpace(line); line != "" {
			lines = append(lines, line)
		}
	}
	return kind, strings.Join(lines, "; ")
}

// sentence ends a message as one.
func sentence(message string) string {
	if message == "" {
		return "it gave no reason."
	}
	if strings.ContainsRune(".!?", rune(message[len(message)-1])) {
		return message
	}
	return message + "."
}
