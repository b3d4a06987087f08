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
	"outturn/internal/queue"
	"outturn/internal/queue/local"
	"outturn/internal/reporting"
	"outturn/internal/store"
)

// Of a process that is to be killed, this names the folder of its ledger.
const toBeKilled = "OUTTURN_TEST_LEDGER"

// dieAt is the step of a firing at which it kills itself; "" is none.
const dieAt = "OUTTURN_TEST_DIE_AT"

// The steps of a firing.
const (
	dueRead = "due read"
	asked   = "asked"
	kept    = "kept"
	rung    = "rung"
)

// A dying ledger and queue kill the process, as kill -9 does, at one step.
type dying struct {
	*store.Store
	*local.Queue
	at string
}

func (d dying) die(step string) {
	if d.at == step {
		self, _ := os.FindProcess(os.Getpid())
		_ = self.Kill()
		select {}
	}
}

func (d dying) DueGenerators(ctx context.Context, most int) ([]outturn.Generator, error) {
	due, err := d.Store.DueGenerators(ctx, most)
	if len(due) > 0 {
		d.die(dueRead)
	}
	return due, err
}

func (d dying) Fire(ctx context.Context, in outturn.FireInput) ([]outturn.Run, error) {
	d.die(asked)
	made, err := d.Store.Fire(ctx, in)
	d.die(kept)
	return made, err
}

func (d dying) Ring(ctx context.Context, j queue.Job) error {
	err := d.Queue.Ring(ctx, j)
	d.die(rung)
	return err
}

// TestFaultKilledAtEachStep: wherever in a firing the process dies, the next one finds it
// not begun or kept whole.
func TestFaultKilledAtEachStep(t *testing.T) {
	for _, step := range []string{dueRead, asked, kept, rung} {
		t.Run(step, func(t *testing.T) {
			y := newYard(t)
			const generators = 5
			y.generators(generators, func(int) outturn.Recurrence { return outturn.Recurrence{Every: outturn.UnitDay} })
			cmd := exec.Command(os.Args[0])
			cmd.Env = append(os.Environ(), toBeKilled+"="+y.folder, dieAt+"="+step)
			out, err := cmd.CombinedOutput()
			if cmd.ProcessState.ExitCode() != -1 {
				t.Fatalf("the process ended with %v\n%s", err, out)
			}
			y.clock.advance(time.Minute)
			p := y.open()
			before := len(y.fired(p.ledger)) // others fired beside the one that died
			if step == dueRead && before > 0 || (step == kept || step == rung) && before == 0 {
				t.Errorf("%d firings are kept", before)
			}
			n, _, err := p.service.FireDue(t.Context(), 100)
			must(t, err)
			if n != generators-before {
				t.Errorf("%d fired after it, want %d", n, generators-before)
			}
			y.once(p.ledger, generators)
			must(t, p.close())
		})
	}
}

// fireForEver fires what is due, hour after hour by a clock of its own, and says how
// much of it was kept.
func fireForEver(folder string) {
	ctx := context.Background()
	c := &clock{now: day}
	p, err := open(ctx, folder, c.Now, func(p *process, config *reporting.Config) {
		d := dying{Store: p.ledger, Queue: local.New(local.Config{}), at: os.Getenv(dieAt)}
		config.Ledger, config.Queue = d, d
	})
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
