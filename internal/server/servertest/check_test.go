package servertest

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"outturn"
)

var start = time.Date(2026, 11, 25, 8, 0, 0, 0, time.UTC)

// at is a moment of a forged history, in milliseconds.
func at(ms int) time.Time { return start.Add(time.Duration(ms) * time.Millisecond) }

// lease of the forged histories.
const lease = time.Second

func ptr[T any](v T) *T { return &v }

// sightOf is an answer that shows a run: which took ten milliseconds.
func sightOf(ms int, r Run) Call {
	return Call{At: at(ms), Done: at(ms + 10), Who: "a", Op: OpShow, Run: r.ID, Status: 200, Runs: []Run{r}}
}

// run is a run in a state, in an attempt.
func run(state outturn.RunState, attempt int, phase, furthest outturn.RunPhase, alive int) Run {
	r := Run{ID: "r1", Tenant: "t", Name: "k1", State: state, Phase: phase, Furthest: furthest, Attempt: attempt}
	r.Progress.At = at(alive)
	return r
}

var theFile = File{ID: "f1", Name: "k1.csv", Format: "csv", Rows: 2, Bytes: 20, SHA256: "abc"}

func succeeded() Run {
	r := run(outturn.RunSucceeded, 2, "", outturn.PhaseStoring, 2000)
	r.Files = []File{theFile}
	return r
}

func failed(code string) Run {
	r := run(outturn.RunFailed, 2, "", outturn.PhaseRendering, 2000)
	r.Reason = ptr(struct {
		Code    string `json:"code"`
		Message string `json:"message"`
	}{code, "It did not work."})
	return r
}

var totals = map[string]map[string]string{"AMOUNT": {"EUR": "3.50"}}

func theManifest() *outturn.Manifest {
	return &outturn.Manifest{
		Files:  []outturn.ManifestFile{{Name: theFile.Name, Format: "csv", Rows: 2, Bytes: 20, SHA256: "abc"}},
		Totals: totals,
	}
}

func download(ms int, c Content) Call {
	return Call{At: at(ms), Done: at(ms + 10), Who: "a", Op: OpDownload, Run: "r1", File: "f1", Status: 200, Content: &c}
}

// asMade is how a create shows the run, whenever it is asked.
func asMade() Run { return Run{ID: "r1", Tenant: "t", Name: "k1", State: outturn.RunQueued} }

// theAnswer stands for the bytes with which a create was answered.
const theAnswer = "r1, queued"

// good is the history of a run that was created by two connections at once, whose
// server was killed, and which then succeeded and was read.
func good() []Call {
	return []Call{
		{At: at(0), Done: at(5), Op: OpCreate, Key: "k1", Status: 0, Err: "connection reset"},
		{At: at(6), Done: at(20), Op: OpCreate, Key: "k1", Run: "r1", Status: 202, Answer: theAnswer, Runs: []Run{asMade()}},
		{At: at(7), Done: at(20), Op: OpCreate, Key: "k1", Status: 409, Code: "idempotency_key_in_flight"},
		sightOf(30, run(outturn.RunRunning, 1, outturn.PhaseStarting, outturn.PhaseStarting, 25)),
		sightOf(100, run(outturn.RunRunning, 1, outturn.PhaseRendering, outturn.PhaseRendering, 90)),
		{At: at(200), Done: at(201), Op: OpShow, Run: "r1", Err: "connection refused"},
		sightOf(2500, run(outturn.RunRunning, 1, outturn.PhaseRendering, outturn.PhaseRendering, 90)), // the server came back at 1,500
		sightOf(2600, run(outturn.RunQueued, 1, "", outturn.PhaseRendering, 90)),
		sightOf(2700, run(outturn.RunRunning, 2, outturn.PhaseStarting, outturn.PhaseRendering, 2690)),
		sightOf(3000, succeeded()),
		{At: at(3011), Done: at(3012), Op: OpDownload, Run: "r1", File: "f1", Err: "unexpected EOF"},
		{At: at(3020), Done: at(3030), Op: OpManifest, Run: "r1", Status: 200, Manifest: theManifest()},
		download(3040, Content{Bytes: 20, SHA256: "abc", Rows: ptr(int64(2)), Totals: totals}),
		download(3060, Content{From: 5, To: 8, Bytes: 3, SHA256: "def", Whole: "def"}),
		{At: at(3100), Done: at(3110), Op: OpList, Status: 200, Runs: []Run{run(outturn.RunSucceeded, 2, "", outturn.PhaseStoring, 2000)}},
	}
}

func history(calls []Call) *History {
	h := NewHistory()
	h.calls = calls
	h.marks = []Mark{{at(-100), "ready"}, {at(150), "killed"}, {at(1500), "ready"}}
	return h
}

func TestGoodHistory(t *testing.T) {
	for name, calls := range map[string][]Call{
		"OK": good(),
		"Deleted": append(good(),
			Call{At: at(3200), Done: at(3210), Op: OpDelete, Run: "r1", Status: 204},
			Call{At: at(3220), Done: at(3230), Op: OpDownload, Run: "r1", File: "f1", Status: 404},
			sightOf(3240, run(outturn.RunSucceeded, 2, "", outturn.PhaseStoring, 2000)),
		),
		"PermittedFailure": append(good()[:9], sightOf(3000, failed("worker_lost"))),
		"AnswersCross": append(good(), // asked before the end, answered after it
			Call{At: at(2750), Done: at(3300), Op: OpShow, Run: "r1", Status: 200, Runs: []Run{run(outturn.RunRunning, 2, outturn.PhaseStoring, outturn.PhaseStoring, 2740)}}),
		// A server that was killed before it answered is asked again when the run is under way.
		"AskedAgain": append(good(), Call{At: at(2750), Done: at(2760), Op: OpCreate, Key: "k1", Run: "r1", Status: 202, Answer: theAnswer, Runs: []Run{asMade()}}),
		"NotReady":   append(good(), Call{At: at(3200), Done: at(3210), Op: OpDownload, Run: "r1", File: "f1", Status: 503}),
	} {
		t.Run(name, func(t *testing.T) {
			limits := Limits{Lease: lease, Failures: []outturn.Code{outturn.CodeWorkerLost}, Rows: func(Run) (int64, bool) { return 2, true }}
			for _, fault := range history(calls).Faults(limits) {
				t.Error(fault)
			}
		})
	}
}

// A run is as it was last seen, whatever a create that came again tells of how it was made.
func TestLastSeen(t *testing.T) {
	again := Call{At: at(3200), Done: at(3210), Op: OpCreate, Key: "k1", Run: "r1", Status: 202, Runs: []Run{asMade()}}
	if last := history(append(good(), again)).Last(); len(last) != 1 || last["r1"].State != outturn.RunSucceeded {
		t.Errorf("got %+v", last)
	}
}

// Each forged history has one thing in it that must not be.
func TestBadHistory(t *testing.T) {
	without := func(op Op) []Call {
		return slices.DeleteFunc(good(), func(c Call) bool { return c.Op == op })
	}
	changed := func(i int, change func(*Call)) []Call {
		calls := good()
		change(&calls[i])
		return calls
	}
	for _, tt := range []struct {
		name  string
		calls []Call
		want  string
	}{
		{"Lost", append(good(), Call{At: at(3200), Done: at(3210), Op: OpShow, Run: "r1", Status: 404}), "then there was none"},
		{"LostAtFirst", slices.Insert(good(), 3, Call{At: at(25), Done: at(28), Op: OpShow, Run: "r1", Status: 404}), "then there was none"},
		{"AnsweredAnew", append(good(), Call{At: at(3200), Done: at(3210), Op: OpCreate, Key: "k1", Run: "r1", Status: 202, Answer: "r1, succeeded", Runs: []Run{asMade()}}), "answered otherwise"},
		{"TwoKeysForARun", append(good(), Call{At: at(3200), Done: at(3210), Op: OpCreate, Key: "k2", Run: "r1", Status: 202, Answer: theAnswer}), "then the create with key k2"},
		{"AttemptOfANewRun", changed(1, func(c *Call) { c.Runs[0].Attempt = 1 }), "not as it was made"},
		{"StateOfANewRun", changed(1, func(c *Call) { c.Runs[0].State = outturn.RunCancelled }), "not as it was made"},
		{"FurthestOfANewRun", changed(1, func(c *Call) { c.Runs[0].Furthest = outturn.PhaseStarting }), "not as it was made"},
		{"FilesOfANewRun", changed(1, func(c *Call) { c.Runs[0].Files = []File{theFile} }), "not as it was made"},
		{"NewRunThatIsARetry", changed(1, func(c *Call) { c.Runs[0].RetryOf = "r0" }), "not as it was made"},
		{"StateOfANewRetry", append(good(), Call{At: at(3200), Done: at(3210), Op: OpRetry, Key: "k2", Run: "r2", Status: 202, Runs: []Run{{ID: "r2", State: outturn.RunRunning, RetryOf: "r1"}}}), "the retry with key k2 was answered with its run not as"},
		{"EndedWithoutAnAttempt", append(good()[:3], sightOf(3000, func() Run { r := failed("worker_lost"); r.Attempt = 0; return r }())), "was queued (attempt 0) when it was made and then failed"},
		{"LostBeforeItWasTold", []Call{
			good()[0], sightOf(30, run(outturn.RunRunning, 1, outturn.PhaseStarting, outturn.PhaseStarting, 25)),
			{At: at(50), Done: at(51), Op: OpShow, Run: "r1", Status: 404},
			{At: at(60), Done: at(61), Op: OpCreate, Key: "k1", Run: "r1", Status: 202, Answer: theAnswer},
		}, "then there was none"},
		{"ToldWithWhatWasDone", slices.Insert(good(), 6, sightOf(1600, run(outturn.RunQueued, 0, "", "", 0))), "by a (show); killed at 08:00:00.150; ready at 08:00:01.500"},
		{"NeverSeen", []Call{{At: at(0), Done: at(9), Op: OpCreate, Key: "k1", Run: "r1", Status: 202}}, "never seen again"},
		{"Unfinished", good()[:9], "came to no end"},
		{"TwoRunsToldForAKey", append(good(), Call{At: at(3200), Done: at(3210), Op: OpCreate, Key: "k1", Run: "r2", Status: 202}), "made two runs"},
		{"TwoRunsMadeForAKey", append(good(), sightOf(3200, func() Run { r := failed("worker_lost"); r.ID = "r2"; return r }())), "made two runs"},
		{"Unasked", append(good(), sightOf(3200, func() Run { r := failed("worker_lost"); r.ID, r.Name = "r2", "else"; return r }())), "asked for by nobody"},
		{"OutOfAFinalState", append(good(), sightOf(3200, run(outturn.RunRunning, 2, outturn.PhaseStoring, outturn.PhaseStoring, 3190))), "which is final"},
		{"AnotherFinalState", append(good(), sightOf(3200, failed("worker_lost"))), "which is final"},
		{"QueuedToSucceeded", slices.Delete(changed(9, func(c *Call) { c.Runs[0].Attempt = 1 }), 8, 9), "and then succeeded"},
		{"RunningAgainInTheSameAttempt", changed(8, func(c *Call) { c.Runs[0].Attempt = 1 }), "and then running"},
		{"RunningInNoAttempt", changed(3, func(c *Call) { c.Runs[0].Attempt = 0 }), "without an attempt"},
		{"AttemptsFall", changed(9, func(c *Call) { c.Runs[0].Attempt = 1 }), "in an earlier attempt"},
		{"FurthestFalls", changed(8, func(c *Call) { c.Runs[0].Furthest = outturn.PhaseStarting }), "and then only to"},
		{"PhaseBeyondFurthest", changed(4, func(c *Call) { c.Runs[0].Phase = outturn.PhaseStoring }), "the furthest it came"},
		{"PhaseOfAQueuedRun", changed(7, func(c *Call) { c.Runs[0].Phase = outturn.PhaseStoring; c.Runs[0].Furthest = outturn.PhaseStoring }), "belongs to a running run"},
		{"UnknownState", changed(3, func(c *Call) { c.Runs[0].State = "lurking"; c.Runs[0].Phase = "" }), "which there is none"},
		{"LeaseLongOver", changed(6, func(c *Call) { c.At, c.Done = at(3510), at(3515) })[:7], "last sign of life was"},
		{"FilesOfARunningRun", changed(8, func(c *Call) { c.Runs[0].Files = []File{theFile} }), "lists files and is running"},
		{"NoFile", changed(9, func(c *Call) { c.Runs[0].Files = nil }), "lists no file"},
		{"TheSameFileTwice", changed(9, func(c *Call) {
			c.Runs[0].Files = append(c.Runs[0].Files, File{ID: "f2", Name: "k1 (2).csv", Format: "csv"})
		}), "lists csv twice"},
		{"FileChanges", append(good(), sightOf(3200, func() Run { r := succeeded(); r.Files[0].SHA256 = "abd"; return r }())), "changed, from"},
		{"FileReplaced", append(good(), sightOf(3200, func() Run { r := succeeded(); r.Files[0].ID = "f2"; return r }())), "other files than before"},
		{"NoManifest", without(OpManifest), "nobody was given its manifest"},
		{"ManifestOfOtherBytes", changed(11, func(c *Call) { c.Manifest.Files[0].Bytes = 21 }), "its list of files does not"},
		{"ManifestOfAnotherFile", changed(11, func(c *Call) { c.Manifest.Files[0].Name = "x.csv" }), "does not tell of"},
		{"ManifestOfMoreFiles", changed(11, func(c *Call) { c.Manifest.Files = append(c.Manifest.Files, outturn.ManifestFile{Name: "x"}) }), "and its manifest 2"},
		{"ManifestChanges", append(good(), Call{At: at(3200), Done: at(3210), Op: OpManifest, Run: "r1", Status: 200, Manifest: &outturn.Manifest{}}), "its manifest changed"},
		{"Unread", without(OpDownload), "nobody read"},
		{"Short", append(good(), download(3200, Content{Bytes: 19, SHA256: "abc"})), "listed with 20 bytes and came with 19"},
		{"Different", append(good(), download(3200, Content{Bytes: 20, SHA256: "abd"})), "came with abd"},
		{"Missing", append(good(), Call{At: at(3200), Done: at(3210), Op: OpDownload, Run: "r1", File: "f1", Status: 404}), "answered with status 404"},
		{"MissingAtFirst", slices.Insert(good(), 10, Call{At: at(3011), Done: at(3012), Op: OpDownload, Run: "r1", File: "f1", Status: 410}), "answered with status 410"},
		{"Unlisted", append(good(), Call{At: at(3200), Done: at(3210), Op: OpDownload, Run: "r1", File: "f9", Status: 200, Content: &Content{}}), "listed nowhere"},
		{"ShortRange", append(good(), download(3200, Content{From: 5, To: 8, Bytes: 2})), "came as 2 bytes"},
		{"OtherRange", append(good(), download(3200, Content{From: 5, To: 8, Bytes: 3, SHA256: "abc", Whole: "abd"})), "not those of the whole file"},
		{"OtherRows", changed(12, func(c *Call) { c.Content.Rows = ptr(int64(3)) }), "listed with 2 rows and has 3"},
		{"OtherTotals", changed(12, func(c *Call) { c.Content.Totals = map[string]map[string]string{"AMOUNT": {"EUR": "3.51"}} }), "adds up to"},
		{"Damaged", changed(12, func(c *Call) { c.Content.Rows, c.Content.Faults = nil, []string{"The file is cut off."} }), "cut off"},
		{"ServerError", append(good(), Call{At: at(3200), Done: at(3210), Op: OpList, Status: 500, Code: "internal"}), "status 500"},
		{"NotJSON", append(good(), Call{At: at(3200), Done: at(3210), Op: OpList, Status: 200, Err: "the answer cannot be read"}), "cannot be read"},
		{"UnexpectedFailure", append(good()[:9], sightOf(3000, failed("disk_full"))), "failed with disk_full"},
		{"FailureWithoutReason", append(good()[:9], sightOf(3000, func() Run { r := failed(""); r.Reason = nil; return r }())), "says no reason"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			faults := history(tt.calls).Faults(Limits{Lease: lease, Failures: []outturn.Code{outturn.CodeWorkerLost}})
			if !slices.ContainsFunc(faults, func(f string) bool { return strings.Contains(f, tt.want) }) {
				t.Errorf("got %q, want one with %q", faults, tt.want)
			}
		})
	}
	t.Run("RowsOfTheSource", func(t *testing.T) {
		faults := history(good()).Faults(Limits{Lease: lease, Rows: func(Run) (int64, bool) { return 3, true }})
		if len(faults) != 1 || !strings.Contains(faults[0], "has 2 rows, want 3") {
			t.Errorf("got %q", faults)
		}
	})
}

// place writes a file below a data folder.
func place(t *testing.T, data, name, text string) {
	t.Helper()
	path := filepath.Join(data, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestLeftovers(t *testing.T) {
	whole := strings.Repeat("x", 20)
	runs := map[string]Run{"r1": succeeded(), "r2": failed("worker_lost")}
	for _, tt := range []struct {
		name  string
		files map[string]string
		want  string // in the one fault; empty: none
	}{
		{"OK", map[string]string{"files/t/r1.2.k1.csv": whole}, ""},
		{"Unpublished", map[string]string{"files/t/r1.2.k1.csv": whole, "files/t/r2.1.k2.csv": "x"}, "files/t/r2.1.k2.csv"},
		{"EarlierAttempt", map[string]string{"files/t/r1.1.k1.csv": whole, "files/t/r1.2.k1.csv": whole}, "a second time"},
		{"Temporary", map[string]string{"files/t/r1.2.k1.csv": whole, "files/.outturn-1.part": "x"}, "files/.outturn-1.part"},
		{"Short", map[string]string{"files/t/r1.2.k1.csv": "x"}, "with 1 bytes, not 20"},
		{"Missing", map[string]string{"files/t/r1.2.k2.csv": whole}, "files/t/r1.2.k2.csv"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			data := t.TempDir()
			for name, text := range tt.files {
				place(t, data, name, text)
			}
			faults := Leftovers(data, runs)
			if tt.want == "" && len(faults) > 0 || tt.want != "" && (len(faults) == 0 || !strings.Contains(faults[0], tt.want)) {
				t.Errorf("got %q, want %q", faults, tt.want)
			}
		})
	}
	t.Run("NothingAtAll", func(t *testing.T) {
		if faults := Leftovers(t.TempDir(), runs); len(faults) != 1 || !strings.Contains(faults[0], "a run lists r1/k1.csv") {
			t.Errorf("got %q", faults)
		}
	})
	t.Run("TemporaryLeft", func(t *testing.T) {
		data := t.TempDir()
		if left := TemporaryLeft(data); len(left) > 0 {
			t.Errorf("got %q of an empty folder", left)
		}
		place(t, data, "tmp/outturn-duckdb-1/x", "x")
		place(t, data, "files/.outturn-1.part", "x")
		if left := TemporaryLeft(data); len(left) != 2 {
			t.Errorf("got %q, want two", left)
		}
	})
}

// pretender answers as a server would, of one run with one file.
func pretender(text string) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /oauth2/token", func(w http.ResponseWriter, r *http.Request) {
		if id, secret, _ := r.BasicAuth(); id != "id" || secret != "secret" || r.FormValue("grant_type") != "client_credentials" {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		fmt.Fprint(w, `{"access_token":"good","token_type":"Bearer","expires_in":900}`)
	})
	shown := func(w http.ResponseWriter, status int) {
		r := succeeded()
		r.Files[0].Bytes = int64(len(text))
		w.WriteHeader(status)
		_ = json.NewEncoder(w).Encode(r)
	}
	mux.HandleFunc("POST /v1/runs", func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Idempotency-Key") == "taken" {
			w.WriteHeader(http.StatusUnprocessableEntity)
			fmt.Fprint(w, `{"code":"idempotency_key_reused"}`)
			return
		}
		shown(w, http.StatusAccepted)
	})
	mux.HandleFunc("GET /v1/runs/r1", func(w http.ResponseWriter, r *http.Request) { shown(w, http.StatusOK) })
	mux.HandleFunc("GET /v1/files/f1/content", func(w http.ResponseWriter, r *http.Request) {
		http.ServeContent(w, r, "", time.Time{}, strings.NewReader(text))
	})
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/oauth2/token" && r.Header.Get("Authorization") != "Bearer good" {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		mux.ServeHTTP(w, r)
	})
}

// What a client is told is in the history, word for word.
func TestClientNotes(t *testing.T) {
	const text = "A,B\r\n1,2\r\n3,4\r\n"
	s := httptest.NewServer(pretender(text))
	defer s.Close()
	h := NewHistory()
	c := h.Client("a", func() string { return s.URL }, Credential{"id", "secret"})
	c.token = "old" // is renewed
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()

	if call := c.CreateSure(ctx, Request{Dataset: "payments"}, "taken"); call.Status != 422 || call.Code != "idempotency_key_reused" {
		t.Errorf("a reused key came as %+v", call)
	}
	if call := c.CreateSure(ctx, Request{Dataset: "payments"}, "k1"); !call.OK() || call.Run != "r1" || call.Key != "k1" {
		t.Errorf("create came as %+v", call)
	}
	r, err := c.Watch(ctx, "r1")
	if err != nil || r.State != outturn.RunSucceeded {
		t.Fatalf("got %v, %v", r, err)
	}
	if err := c.Examine(ctx, r, r.Files[0], nil, [][2]int64{{2, 7}}); err != nil {
		t.Error(err)
	}
	var ops []Op
	for _, c := range h.Calls() {
		ops = append(ops, c.Op)
	}
	want := []Op{OpToken, OpCreate, OpCreate, OpShow, OpDownload, OpDownload, OpDownload}
	if !slices.Equal(ops, want) {
		t.Errorf("noted %v, want %v", ops, want)
	}
	calls := h.Calls()
	if answer := calls[2].Answer; !strings.HasPrefix(answer, `{"id":"r1"`) {
		t.Errorf("the answer to the create is %q", answer)
	}
	if whole := calls[5].Content; whole.Rows == nil || *whole.Rows != 2 || whole.Bytes != int64(len(text)) || len(whole.Faults) > 0 {
		t.Errorf("the whole file came as %+v", whole)
	}
	if part := calls[6].Content; part.Bytes != 5 || part.Whole == "" || part.Whole != part.SHA256 {
		t.Errorf("bytes 2-6 came as %+v", part)
	}
	s.Close()
	if call := c.Show(ctx, "r1"); call.Status != 0 || call.Err == "" {
		t.Errorf("a call to nobody came as %+v", call)
	}
}
