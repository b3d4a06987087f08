package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"outturn"
	"outturn/internal/server"
)

// outturnMain runs a command in an empty folder.
func outturnMain(t *testing.T, args ...string) (status int, out, talk string) {
	t.Helper()
	t.Chdir(t.TempDir())
	var stdout, stderr bytes.Buffer
	status = Main(context.Background(), args, IO{In: strings.NewReader(""), Out: &stdout, Err: &stderr})
	return status, stdout.String(), stderr.String()
}

// A mistyped name is told at once, also while a database is asked that never answers.
func TestExportMistyped(t *testing.T) {
	silent, err := net.Listen("tcp", "127.0.0.1:0") // takes connections, and says nothing
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	began := time.Now()
	status, _, talk := outturnMain(t, "export", "paymnts", "--source", "postgres://reader@"+silent.Addr().String()+"/shop?sslmode=disable")
	if status != 2 || !strings.Contains(talk, "payments?") {
		t.Errorf("status %d: %s", status, talk)
	}
	if took := time.Since(began); took > 5*time.Second {
		t.Errorf("it took %s", took)
	}
}

// Who interrupts doctor is not told of faults that nobody looked for.
func TestDoctorInterrupted(t *testing.T) {
	folder := t.TempDir()
	data := filepath.Join(folder, "data")
	made, err := server.OpenFolder(t.Context(), data, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	if err := made.Close(); err != nil {
		t.Fatal(err)
	}
	ctx, interrupt := context.WithCancel(t.Context())
	interrupt()
	var out, talk bytes.Buffer
	status := Main(ctx, []string{"doctor", "--data", data, "--source", "folder:" + folder}, IO{Out: &out, Err: &talk})
	if status != 130 || out.Len() > 0 || !strings.Contains(talk.String(), "Interrupted") {
		t.Errorf("status %d, %q, %q", status, out.String(), talk.String())
	}
}

func TestProgressLine(t *testing.T) {
	for _, tt := range []struct {
		name        string
		rows, bytes int64
		elapsed     time.Duration
		share       float64
		known       bool
		want        string
	}{
		{"Unknown", 1234567, 5_000_000, 2 * time.Second, 0, false, "1,234,567 rows  617,283 rows/s  5 MB"},
		{"Known", 1000, 999, time.Second, 0.25, true, "█████░░░░░░░░░░░░░░░  25%  1,000 rows  1,000 rows/s  999 bytes  3s left"},
		{"NothingYet", 0, 0, 0, 0, true, "0 rows  0 bytes"},
		{"Nonsense", 1, 1, time.Second, 1.5, true, "1 rows  1 rows/s  1 bytes"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := progressLine(tt.rows, tt.bytes, tt.elapsed, tt.share, tt.known); got != tt.want {
				t.Errorf("got  %q\nwant %q", got, tt.want)
			}
		})
	}
}

func TestSizes(t *testing.T) {
	for n, want := range map[int64]string{0: "0", 999: "999", 1000: "1,000", -1234567: "-1,234,567"} {
		if got := groupDigits(n); got != want {
			t.Errorf("groupDigits(%d): got %s, want %s", n, got, want)
		}
	}
	for n, want := range map[int64]string{0: "0 bytes", 999: "999 bytes", 1000: "1 kB", 999_600: "1 MB", 1_234_567_890: "1.23 GB"} {
		if got := bytesText(n); got != want {
			t.Errorf("bytesText(%d): got %s, want %s", n, got, want)
		}
	}
}

// Every code has one exit status, and every status is told in the help.
func TestExitStatus(t *testing.T) {
	for _, tt := range []struct {
		err  error
		want int
	}{
		{nil, 0},
		{errors.New("surprise"), 1},
		{outturn.Errorf(outturn.CodeInvalid, "x"), 2},
		{fmt.Errorf("wrapped: %w", outturn.Errorf(outturn.CodeSourceUnavailable, "x")), 3},
		{outturn.Errorf(outturn.CodeDatasetInvalid, "x"), 4},
		{outturn.Errorf(outturn.CodeDiskFull, "x"), 5},
		{outturn.Errorf(outturn.CodeQueryTimeout, "x"), 6},
		{outturn.Errorf(outturn.CodeFileDamaged, "x"), 7},
		{outturn.Errorf(outturn.CodeCancelled, "x"), 130},
	} {
		if got := exitStatus(tt.err); got != tt.want {
			t.Errorf("%v: got %d, want %d", tt.err, got, tt.want)
		}
	}
	status, help, _ := outturnMain(t, "export", "--help")
	if status != 0 {
		t.Errorf("--help ends with %d", status)
	}
	for _, e := range exitCodes {
		if !strings.Contains(help, fmt.Sprintf("%3d  %s", e.status, e.meaning)) {
			t.Errorf("the help does not tell status %d", e.status)
		}
	}
}

func TestParseSize(t *testing.T) {
	for text, want := range map[string]int64{
		"512": 512, "10B": 10, "10kB": 10_000, "2MB": 2_000_000, "50 GB": 50_000_000_000, "1GiB": 1 << 30,
		"": 0, "much": 0, "0GB": 0, "-1GB": 0, "1.5GB": 0, "1XB": 0, "1BB": 0,
	} {
		if got, err := parseSize(text); got != want || (err == nil) != (want > 0) {
			t.Errorf("%q: got %d, %v, want %d", text, got, err, want)
		}
	}
}

func TestCompletion(t *testing.T) {
	for _, tt := range []struct {
		words []string
		want  []string
	}{
		{[]string{"exp"}, []string{"export"}},
		{[]string{"dataset", ""}, []string{"list", "show", "check", "new"}},
		{[]string{"export", "pay"}, []string{"payments"}},
		{[]string{"export", "payments", "--csv-d"}, []string{"--csv-dialect"}},
		{[]string{"export", "payments", "--csv-dialect", "s"}, []string{"spreadsheet", "semicolon"}},
		{[]string{"export", "payments", "--format", ""}, []string{"csv", "tsv", "json", "ndjson", "xml"}},
		{[]string{"export", "payments", "-f", "n"}, []string{"ndjson"}},
		{[]string{"export", "payments", "--view", ""}, []string{"full", "cmp"}},
		{[]string{"export", "payments", "--report-type", "P"}, []string{"PROVIDER"}},
		{[]string{"view", ""}, []string{"list", "show", "create"}},
		{[]string{"view", "show", "pay"}, []string{"payments"}},
		{[]string{"view", "show", "payments", ""}, []string{"full", "cmp"}},
		{[]string{"view", "create", "payments", "mine", "--from-view", "c"}, []string{"cmp"}},
		{[]string{"dataset", "show", "inv"}, []string{"invoices"}},
		{[]string{"export", "payments", "--out", ""}, nil},
		{[]string{"completion", ""}, []string{"bash", "zsh", "fish"}},
	} {
		status, out, talk := outturnMain(t, append([]string{"__complete"}, tt.words...)...)
		got := strings.Fields(out)
		for _, want := range tt.want {
			if status != 0 || !slices.Contains(got, want) {
				t.Errorf("%q: got %q (%d, %s), want it to have %q", tt.words, got, status, talk, want)
			}
		}
	}
	for shell := range completionScripts {
		if status, out, _ := outturnMain(t, "completion", shell); status != 0 || !strings.Contains(out, "__complete") {
			t.Errorf("%s: status %d, %q", shell, status, out)
		}
	}
}

func TestWindowFlags(t *testing.T) {
	w, err := (&exportCmd{From: "2026-09-01", To: "2026-10-01"}).window("Europe/Berlin")
	if err != nil || w.From.Format(time.RFC3339) != "2026-09-01T00:00:00+02:00" {
		t.Errorf("got %v, %v", w, err)
	}
	if w, err := (&exportCmd{}).window("UTC"); w != nil || err != nil {
		t.Errorf("no window: got %v, %v", w, err)
	}
}

// JSON has nothing that a terminal obeys either, and has the same value.
func TestJSONIsReadable(t *testing.T) {
	want := map[string]string{"a\u202eb": "\x1b[2J\u009b\x7f\u2066\u200f\ufeff \U000e0041 日本語 <a>\n\t\r"}
	var out bytes.Buffer
	if err := printJSON(&out, want); err != nil {
		t.Fatal(err)
	}
	if text := out.String(); strings.ContainsFunc(text, misleads) || !strings.Contains(text, `a\u202eb`) || !strings.Contains(text, "日本語 <a>") {
		t.Errorf("it is %q", text)
	}
	var got map[string]string
	if err := json.Unmarshal(out.Bytes(), &got); err != nil || !maps.Equal(got, want) {
		t.Errorf("got %q, %v", got, err)
	}
}

// What people read has nothing that a terminal obeys, wherever it is from.
func TestReadable(t *testing.T) {
	const hostile = "a\x1b]0;title\a\u009b2J\r\x7f\u202eb\xff"
	const want = `a\x1b]0;title\a\u009b2J\r\x7f\u202eb` + "\ufffd"
	var table bytes.Buffer
	if err := printTable(&table, func(w io.Writer) { fmt.Fprintf(w, "%s\t%s\n%s\n", hostile, "next", "日本語") }); err != nil {
		t.Fatal(err)
	}
	if got := table.String(); got != want+"  next\n日本語\n" {
		t.Errorf("a table has %q", got)
	}
	_, _, talk := outturnMain(t, "dataset", "show", hostile)
	if strings.ContainsFunc(talk, misleads) || !strings.Contains(talk, "a") {
		t.Errorf("an error is %q", talk)
	}
	_, _, talk = outturnMain(t, hostile)
	if strings.ContainsFunc(talk, misleads) {
		t.Errorf("an error is %q", talk)
	}
}

// A firing says what its report is about, as the run does that it made.
func TestFiringLines(t *testing.T) {
	window, err := outturn.NewWindow("2026-10-01", "2026-11-01", time.UTC)
	if err != nil {
		t.Fatal(err)
	}
	at := time.Date(2026, 11, 3, 5, 0, 0, 0, time.UTC)
	var out strings.Builder
	firingLines(&out, []outturn.Firing{
		{ScheduledFor: at, Cause: outturn.CauseSchedule, Window: &window, Run: "r-1"},
		{ScheduledFor: at, Cause: outturn.CauseEvent, Invoice: "00020444", Skipped: outturn.SkippedLimit, Message: "Full."},
	})
	want := instantText(at) + "\tschedule\t2026-10-01 to 2026-11-01\tr-1\t\n" + instantText(at) + "\tevent\tinvoice 00020444\tskipped (limit)\tFull.\n"
	if out.String() != want {
		t.Errorf("got\n%swant\n%s", out.String(), want)
	}
}
