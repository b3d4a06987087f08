package main_test

import (
	"os"
	"os/exec"
	"strings"
	"testing"
)

// A command that is done soon collects no garbage, unless it is told to.
func TestCollectsLate(t *testing.T) {
	collections := func(env ...string) int {
		cmd := exec.Command(binary(t), "dataset", "show", "provisioned_orders")
		cmd.Env = append(os.Environ(), append(env, "GOMEMLIMIT=off", "GODEBUG=gctrace=1")...)
		var said strings.Builder
		cmd.Stderr = &said
		if err := cmd.Run(); err != nil {
			t.Fatalf("%v\n%s", err, &said)
		}
		return strings.Count("\n"+said.String(), "\ngc ")
	}
	if n := collections("GOGC="); n != 0 {
		t.Errorf("it collected %d times", n)
	}
	if n := collections("GOGC=100"); n == 0 {
		t.Error("with GOGC=100 it did not collect either: the test sees nothing")
	}
}
