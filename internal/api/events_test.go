package api_test

import (
	"bufio"
	"context"
	"errors"
	"net/http"
	"runtime"
	"strings"
	"testing"
	"time"

	"outturn"
	"outturn/internal/catalog"
	"outturn/internal/reporting"
	"outturn/internal/server/servertest"
)

// Nobody who watches and goes leaves anything behind.
func TestWatcherLeaves(t *testing.T) {
	who := callerOf(t, "Northwind", outturn.RoleManager)
	run := waitingRun(t)
	for _, leave := range []string{"cancels", "cuts"} {
		ctx, cancel := context.WithCancel(t.Context())
		req := request(t, "GET", "/v1/runs/"+run.ID+"/events", "", "Authorization", "Bearer "+who.token).WithContext(ctx)
		connections := &http.Transport{}
		resp, err := connections.RoundTrip(req)
		if err != nil {
			t.Fatal(err)
		}
		if line, err := bufio.NewReader(resp.Body).ReadString('\n'); err != nil || line != "event: run\n" {
			t.Fatalf("%q, %v", line, err)
		}
		if n := watching(); n == 0 {
			t.Fatal("nothing is seen to watch")
		}
		if leave == "cancels" {
			cancel()
		} else {
			resp.Body.Close()
			connections.CloseIdleConnections()
		}
		most, stop := context.WithTimeout(t.Context(), 8*time.Second)
		if err := servertest.Every(most, 5*time.Millisecond, func() bool { return watching() == 0 }); err != nil {
			t.Errorf("%s: %d goroutines still watch", leave, watching())
		}
		stop()
		cancel()
	}

	// The Go client ends with its context too.
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	for seen, err := range who.client(t).WatchRun(ctx, run.ID) {
		switch {
		case err == nil && seen.ID == run.ID:
			cancel()
		case !errors.Is(err, context.Canceled):
			t.Fatalf("%+v, %v", seen, err)
		}
	}
	if a := who.do(t, "POST", "/v1/runs/"+run.ID+"/cancel", ""); a.status != http.StatusOK {
		t.Errorf("cancel: %d %s", a.status, a.body)
	}
}

// watching counts the goroutines that serve events.
func watching() int {
	stacks := make([]byte, 4<<20)
	stacks = stacks[:runtime.Stack(stacks, true)]
	return strings.Count(string(stacks), "api.(*eventStream)") + strings.Count(string(stacks), "api.(*API).watchRun")
}

// waitingRun makes a run that no worker hears of, so that it waits until the next
// sweep.
func waitingRun(t testing.TB) outturn.Run {
	t.Helper()
	cat, err := catalog.Builtin("duckdb")
	if err != nil {
		t.Fatal(err)
	}
	silent, err := shop.Folder.Reporting(cat, nil)
	if err != nil {
		t.Fatal(err)
	}
	p, err := shop.Folder.Operator(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	run, err := silent.CreateRun(t.Context(), p, reporting.CreateRunInput{
		Tenant: shop.tenants["Northwind"].ID, Request: outturn.RunRequest{Dataset: "accounts", Outputs: accounts.Formats},
	})
	if err != nil {
		t.Fatal(err)
	}
	return run
}
