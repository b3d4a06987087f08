package runner_test

import (
	"testing"

	"outturn"
)

// A process that proves to be alone takes back at once what the one before it held
// when it died; each time counts, as when a lease runs out.
func TestAlone(t *testing.T) {
	for _, tt := range []struct {
		name   string
		deaths int // of processes, each with the run in its hands
		alone  bool
		state  outturn.RunState
	}{
		{"OK", 1, true, outturn.RunSucceeded},
		{"Twice", 2, true, outturn.RunSucceeded},
		{"KillsEveryProcess", 3, true, outturn.RunFailed},
		{"NotAlone", 1, false, outturn.RunRunning},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b := newBench(t)
			b.config.Alone = tt.alone
			id := b.create("numbers")
			for range tt.deaths {
				_, err := b.ledger.ClaimRun(t.Context(), id, "one that dies", lease)
				must(t, err)
				b.faults.begin = untilStopped
				b.start("one that starts after it").stopAtOnce(t) // and gives back what it took
			}
			b.faults.begin = nil
			w := b.start("the last")
			run := b.run(id)
			if tt.alone {
				run, _ = b.finish(id)
			}
			if run.State != tt.state {
				t.Fatalf("the run is %s, want %s", run.State, tt.state)
			}
			if tt.alone && run.Lapses != tt.deaths {
				t.Errorf("%d lapses, want %d", run.Lapses, tt.deaths)
			}
			if tt.state == outturn.RunFailed && run.Reason.Code != outturn.CodeWorkerLost {
				t.Errorf("the reason is %s", run.Reason.Code)
			}
			w.stopAtOnce(t)
		})
	}
}
