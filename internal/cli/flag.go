package cli

import (
	"errors"
	"fmt"
	"log/slog"
	"reflect"
	"regexp"
	"strconv"
	"time"

	"github.com/alecthomas/kong"

	"outturn"
)

// days are what people write for a long time, and Go does not read.
var days = regexp.MustCompile(`^([0-9]{1,4})([dw])$`)

// durationMapper reads a time that a flag, the environment or the file of settings gives.
func durationMapper(ctx *kong.DecodeContext, target reflect.Value) error {
	var text string
	if err := ctx.Scan.PopValueInto("time", &text); err != nil {
		return err
	}
	d, err := time.ParseDuration(text)
	if err == nil {
		target.Set(reflect.ValueOf(d))
		return nil
	}
	if m := days.FindStringSubmatch(text); m != nil {
		hours, _ := strconv.Atoi(m[1])
		if hours *= 24; m[2] == "w" {
			hours *= 7
		}
		return fmt.Errorf("%s is not a time: write %dh", outturn.Shown(text), hours)
	}
	return fmt.Errorf("%s is not a time such as 90s, 15m or 720h (30 days)", outturn.Shown(text))
}

// A logLevel is a level of the log by its name.
type logLevel struct{ slog.Level }

// UnmarshalText reads what slog does, such as warn, and says what there is.
func (l *logLevel) UnmarshalText(text []byte) error {
	if err := l.Level.UnmarshalText(text); err != nil {
		return fmt.Errorf("%s is none of debug, info, warn and error", outturn.Shown(string(text)))
	}
	return nil
}

// inFlags says with each fault which flag it is of, where its field is one's name.
func inFlags(err error) error {
	var told []error
	for _, fault := range outturn.Faults(err) {
		if fault.Field != "" {
			fault = &outturn.Error{Code: fault.Code, Message: "--" + fault.Field + ": " + fault.Message, Field: fault.Field, Err: fault}
		}
		told = append(told, fault)
	}
	if len(told) == 0 {
		return err
	}
	return errors.Join(told...)
}
