package scheduler_test

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"outturn"
)

// Of a process that is to be killed, this names the folder of its ledger.
const toBeKilled = "OUTTURN_TEST_LEDGER"

// fireForEver fires what is due, hour after hour by a clock of its own, and says how
// much of it was kept.
func fireForEver(folder string) {
	ctx := context.Background()
	c := &clock{now: day}
	p, err := open(ctx, folder, c.Now)
	if err != nil {
		panic(err)
	}
	for {
		n, next, err := p.service.FireDue(ctx, 10)
		if err != nil {
			panic(err)
		}
		fmt.Println("fired", n)
		if next.After(c.Now()) {
			c.advance(next.Sub(c.Now()))
		}
	}
}

// A process that fires is killed again and again: each generator has fired for each hour
// once, with its run and with the next due time after the last.
func TestFaultKilledWhileItFires(t *testing.T) {
	kills := 6
	if os.Getenv("OUTTURN_TEST_CHAOS") != "" {
		kills = 200
	}
	y := newYard(t)
	const generators = 12
	y.generators(generators, func(int) outturn.Recurrence { return outturn.Recurrence{Every: outturn.UnitCron, Cron: "0 * * * *"} })
	said := 0
	for kill := range kills {
		said += killed(t, y.folder, 2+kill%5)
		p := y.open()
		hours := 0
		each(t, func(q outturn.ListQuery) (outturn.List[outturn.Generator], error) {
			return p.ledger.Generators(t.Context(), y.tenant.ID, "*", q)
		}, func(g outturn.Generator) {
			hours += int(g.NextAt.Sub(day) / time.Hour)
			if !g.LastFiredAt.Equal(g.NextAt.Add(-time.Hour)) && !g.LastFiredAt.IsZero() {
				t.Errorf("kill %d: fired last for %s, and is due at %s", kill, g.LastFiredAt, g.NextAt)
			}
		})
		y.once(p.ledger, hours)
		if hours < said {
			t.Errorf("kill %d: %d firings were said, and %d are kept", kill, said, hours)
		}
		must(t, p.close())
	}
	if said == 0 {
		t.Error("nothing was fired")
	}
}

// killed starts a process that fires, kills it after so many ticks, and returns how much
// it has said to have fired by then.
func killed(t *testing.T, folder string, ticks int) (fired int) {
	t.Helper()
	self, err := os.Executable()
	must(t, err)
	cmd := exec.Command(self)
	cmd.Env = append(os.Environ(), toBeKilled+"="+folder)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	must(t, err)
	must(t, cmd.Start())
	lines := bufio.NewScanner(out)
	for seen := 0; lines.Scan(); {
		var n int
		_, err := fmt.Sscanf(strings.TrimSpace(lines.Text()), "fired %d", &n)
		must(t, err)
		fired += n
		if seen++; seen == ticks {
			must(t, cmd.Process.Kill())
		}
	}
	if cmd.Wait() == nil {
		t.Fatal("the process ended by itself")
	}
	return fired
}
