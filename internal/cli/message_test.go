package cli

import (
	"strings"
	"testing"
)

// What is wrong with a command is told with what to write instead.
func TestMessages(t *testing.T) {
	for _, tt := range []struct {
		command, want string
	}{
		{"export payments --query SELECT", "Give a data set or a --query, not both."},
		{"run", `Expected one of "create", "list", "show", "watch", "cancel", "retry", "download"`},
		{"tenant", `"suspend", "resume", "delete", "restore", "sync". See --help.`},
		{"tenant show", `Expected "<id>". See --help.`},
	} {
		t.Run(tt.command, func(t *testing.T) {
			status, _, talk := outturnMain(t, strings.Fields(tt.command)...)
			if status != 2 || !strings.Contains(talk, tt.want) {
				t.Errorf("status %d: %s", status, talk)
			}
		})
	}
}
