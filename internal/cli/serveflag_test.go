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

// Whoever mistypes a flag reads which it is, and what may stand there.
func TestServeFlagMessages(t *testing.T) {
	for _, tt := range []struct {
		name  string
		flags []string
		want  string
	}{
		{"NoSender", []string{"--smtp", "localhost:25"}, "--smtp needs --smtp-from"},
		{"Security", []string{"--smtp", "localhost:25", "--smtp-from", "a@example.com", "--smtp-security", "foo"}, `--smtp-security must be one of "starttls","tls","none" but got "foo"`},
		{"SecurityWithoutMail", []string{"--smtp-security", "foo"}, `--smtp-security must be one of "starttls","tls","none" but got "foo"`},
		{"LogLevel", []string{"--log-level", "verbose"}, `--log-level: "verbose" is none of debug, info, warn and error`},
		{"Days", []string{"--history", "30d"}, `--history: "30d" is not a time: write 720h.`},
		{"Weeks", []string{"--history", "2w"}, `--history: "2w" is not a time: write 336h.`},
		{"NoTime", []string{"--history", "long"}, `--history: "long" is not a time such as 90s, 15m or 720h (30 days).`},
		{"NoUnit", []string{"--history", "30"}, `--history: "30" is not a time such as 90s`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			status, talk := serveBriefly(t, tt.flags...)
			if status != 2 || !strings.Contains(talk, tt.want) {
				t.Errorf("status %d: %s", status, talk)
			}
		})
	}
	for want, flags := range map[string][]string{ // what the parts of a server find
		`--smtp-from: "x" is no e-mail address`:    {"--smtp", "localhost:25", "--smtp-from", "x"},
		"--smtp-security: Mail to another machine": {"--smtp", "mail.example.com:25", "--smtp-from", "a@example.com", "--smtp-security", "none"},
		"--smtp-user: A user of the mail server":   {"--smtp", "localhost:25", "--smtp-from", "a@example.com", "--smtp-user", "x"},
	} {
		t.Run(want, func(t *testing.T) {
			status, _, talk := outturnMain(t, append([]string{"serve", "--source", "folder:.", "--listen", "127.0.0.1:0"}, flags...)...)
			if status != 2 || !strings.Contains(talk, want) {
				t.Errorf("status %d: %s", status, talk)
			}
		})
	}
	t.Run("OK", func(t *testing.T) {
		status, talk := serveBriefly(t, "--log-level", "WARN", "--history", "9600h30m", "--smtp", "localhost:25", "--smtp-from", "a@example.com", "--smtp-security", "none")
		if status != 130 {
			t.Errorf("status %d: %s", status, talk)
		}
	})
}
