package cli

import (
	"bytes"
	"context"
	"os"
	"strings"
	"testing"
)

// serveBriefly serves until everything is there.
func serveBriefly(t *testing.T, flags ...string) (status int, talk string) {
	t.Helper()
	t.Chdir(t.TempDir())
	if err := os.Mkdir("source", 0o700); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	stop()
	var out, said bytes.Buffer
	status = Main(ctx, append([]string{"serve", "--source", "folder:source", "--listen", "127.0.0.1:0"}, flags...), IO{Out: &out, Err: &said})
	return status, said.String()
}

// A number or time that cannot be is refused with the flag that it was given for, and not
// taken for the default.
func TestServeFlags(t *testing.T) {
	for _, flag := range []string{
		"--workers=-1", "--share=-1", "--max-connections=0", "--max-connections=-3", "--max-rows=-5", "--max-attachment=-1", "--max-attachment=0",
		"--drain=-1s", "--retention=0s", "--retention=-1h", "--history=0s", "--history=-1h", "--run-timeout=-1s", "--min-interval=-1s", "--min-interval=0s",
		"--sync-tenants=-1h", "--tenant-grace=-1h", "--tenant-grace=0s", "--cmp-max-period=0s", "--cmp-max-period=-1h",
	} {
		t.Run(flag, func(t *testing.T) {
			name, value, _ := strings.Cut(flag, "=")
			status, talk := serveBriefly(t, flag)
			if status != 2 || !strings.Contains(talk, name+": ") || !strings.Contains(talk, value) {
				t.Errorf("status %d: %s", status, talk)
			}
			if _, err := os.Stat("outturn-data"); err == nil {
				t.Error("it made a data folder before")
			}
		})
	}
	t.Run("All", func(t *testing.T) {
		_, talk := serveBriefly(t, "--workers=-1", "--retention=0s")
		if !strings.Contains(talk, "--workers") || !strings.Contains(talk, "--retention") {
			t.Errorf("it tells of one alone: %s", talk)
		}
	})
	t.Run("OK", func(t *testing.T) {
		status, talk := serveBriefly(t, "--workers=0", "--share=0", "--max-connections=1", "--max-rows=0", "--run-timeout=0s", "--drain=0s", "--sync-tenants=0s", "--retention=1h")
		if status != 130 {
			t.Errorf("status %d: %s", status, talk)
		}
	})
}
