package client_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"outturn"
	"outturn/client"
)

var accounts = client.RunInput{Dataset: "accounts", Formats: []outturn.Output{{Format: "csv"}}}

// newRun makes a run that has ended well.
func newRun(t testing.TB) outturn.Run {
	t.Helper()
	c := newClient(t, shop.URL())
	run, err := c.CreateRun(t.Context(), accounts)
	if err != nil {
		t.Fatal(err)
	}
	if run, err = c.WaitRun(t.Context(), run.ID); err != nil || run.State != outturn.RunSucceeded {
		t.Fatalf("%s, %v", run.State, err)
	}
	return run
}

func newView(t testing.TB, name string) outturn.SavedView {
	t.Helper()
	v, err := newClient(t, shop.URL()).CreateView(t.Context(), outturn.View{Name: name, Dataset: "accounts", Columns: []outturn.ViewColumn{{Field: "ACCOUNT_ID"}}})
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func uniqueName() string { return "v" + strings.ReplaceAll(outturn.NewID(time.Now()), "-", "_") }

// A call that fails in a way that may pass is made again when it does no harm: always
// when the server said that it did nothing, and when nobody knows, only where asking
// twice is doing once.
func TestRetries(t *testing.T) {
	run := newRun(t)
	file := run.Files[0]
	// VIEW is one that the call has for itself.
	type calls = map[string]func(ctx context.Context, c *client.Client, v outturn.SavedView) error
	safe := calls{
		"GET /v1/datasets": func(ctx context.Context, c *client.Client, _ outturn.SavedView) error {
			_, err := c.Datasets(ctx)
			return err
		},
		"GET /v1/runs": func(ctx context.Context, c *client.Client, _ outturn.SavedView) error {
			_, err := c.Runs(ctx, client.ListInput{})
			return err
		},
		"GET /v1/runs/" + run.ID: func(ctx context.Context, c *client.Client, _ outturn.SavedView) error {
			_, err := c.Run(ctx, run.ID)
			return err
		},
		"POST /v1/runs": func(ctx context.Context, c *client.Client, _ outturn.SavedView) error {
			_, err := c.CreateRun(ctx, accounts)
			return err
		},
		"POST /v1/runs/" + run.ID + "/retry": func(ctx context.Context, c *client.Client, _ outturn.SavedView) error {
			_, err := c.RetryRun(ctx, run.ID)
			return err
		},
		"POST /v1/datasets/accounts/preview": func(ctx context.Context, c *client.Client, _ outturn.SavedView) error {
			_, err := c.Preview(ctx, accounts)
			return err
		},
		"GET /v1/views/VIEW": func(ctx context.Context, c *client.Client, v outturn.SavedView) error {
			_, err := c.View(ctx, v.ID)
			return err
		},
		"GET /v1/files/" + file.ID + "/content": func(ctx context.Context, c *client.Client, _ outturn.SavedView) error {
			return c.Download(ctx, file, io.Discard)
		},
		"POST /oauth2/token": func(ctx context.Context, c *client.Client, v outturn.SavedView) error {
			_, err := c.UpdateView(ctx, v)
			return err
		},
	}
	unsafe := calls{
		"POST /v1/views": func(ctx context.Context, c *client.Client, _ outturn.SavedView) error {
			_, err := c.CreateView(ctx, outturn.View{Name: uniqueName(), Dataset: "accounts", Columns: []outturn.ViewColumn{{Field: "ACCOUNT_ID"}}})
			return err
		},
		"POST /v1/files/" + file.ID + "/links": func(ctx context.Context, c *client.Client, _ outturn.SavedView) error {
			_, err := c.CreateLink(ctx, file.ID, time.Hour)
			return err
		},
		"DELETE /v1/files/" + file.ID + "/links": func(ctx context.Context, c *client.Client, _ outturn.SavedView) error {
			return c.EndLinks(ctx, file.ID)
		},
		"POST /v1/clients": func(ctx context.Context, c *client.Client, _ outturn.SavedView) error {
			_, _, err := c.CreateClient(ctx, client.ClientInput{Name: "x", Role: outturn.RoleViewer})
			if outturn.ErrorCode(err) == outturn.CodeForbidden { // a manager's: it came through
				return nil
			}
			return err
		},
		"PATCH /v1/views/VIEW": func(ctx context.Context, c *client.Client, v outturn.SavedView) error {
			_, err := c.UpdateView(ctx, v)
			return err
		},
		"DELETE /v1/views/VIEW": func(ctx context.Context, c *client.Client, v outturn.SavedView) error {
			return c.DeleteView(ctx, v)
		},
	}
	answer := func(status int, retryAfter string) func(http.ResponseWriter) http.ResponseWriter {
		return func(w http.ResponseWriter) http.ResponseWriter {
			if retryAfter != "" {
				w.Header().Set("Retry-After", retryAfter)
			}
			w.WriteHeader(status)
			return nil
		}
	}
	faults := []struct {
		name    string
		spoil   func(http.ResponseWriter) http.ResponseWriter // returns how to deliver the answer; nil: it has answered
		refused bool                                          // the server said that it did nothing
		least   time.Duration                                 // between two calls
	}{
		{"503", answer(503, ""), true, 200 * time.Millisecond},
		{"503AfterASecond", answer(503, "1"), true, time.Second},
		{"429AtATime", answer(429, time.Now().UTC().Add(-time.Hour).Format(http.TimeFormat)), true, 200 * time.Millisecond},
		{"502", answer(502, ""), false, 200 * time.Millisecond},
		{"Reset", func(w http.ResponseWriter) http.ResponseWriter { reset(w); return nil }, false, 200 * time.Millisecond},
		{"AnswerLost", func(w http.ResponseWriter) http.ResponseWriter { return &lost{ResponseWriter: w} }, false, 0},
		{"AnswerCut", func(w http.ResponseWriter) http.ResponseWriter { return &lost{ResponseWriter: w, after: 5} }, false, 0},
	}
	for _, kind := range []struct {
		calls calls
		again bool
	}{{safe, true}, {unsafe, false}} {
		for name, call := range kind.calls {
			for _, f := range faults {
				t.Run(strings.ReplaceAll(name, "/", "_")+"/"+f.name, func(t *testing.T) {
					t.Parallel()
					view := newView(t, uniqueName())
					method, path, _ := strings.Cut(strings.Replace(name, "VIEW", view.ID, 1), " ")
					p := through(t, func(w http.ResponseWriter, r *http.Request, before int) (bool, http.ResponseWriter) {
						if r.Method != method || r.URL.Path != path || before > 0 {
							return false, nil
						}
						spoilt := f.spoil(w)
						return spoilt == nil, spoilt
					})
					begun := time.Now()
					err := call(t.Context(), newClient(t, p.URL), view)
					seen := p.requests(method, path)
					if kind.again || f.refused {
						if err != nil || len(seen) != 2 {
							t.Errorf("%d calls, %v; want two and no error", len(seen), err)
						}
						if took := time.Since(begun); took < f.least {
							t.Errorf("again after %s, want %s at least", took, f.least)
						}
					} else if err == nil || len(seen) != 1 {
						t.Errorf("%d calls, %v; want one that fails", len(seen), err)
					}
					keys := map[string]bool{}
					for _, h := range seen {
						keys[h.Get("Idempotency-Key")] = true
					}
					if len(keys) != 1 {
						t.Errorf("the calls had the keys %v", keys)
					}
				})
			}
		}
	}
}

// An answer that is lost makes no second run.
func TestCreateOnce(t *testing.T) {
	c := newClient(t, through(t, func(w http.ResponseWriter, r *http.Request, before int) (bool, http.ResponseWriter) {
		if r.URL.Path == "/v1/runs" && r.Method == http.MethodPost && before < 2 {
			return false, &lost{ResponseWriter: w}
		}
		return false, nil
	}).URL)
	in := accounts
	in.Name = "only once"
	run, err := c.CreateRun(t.Context(), in)
	if err != nil {
		t.Fatal(err)
	}
	var ids []string
	for cursor := ""; ; {
		list, err := c.Runs(t.Context(), client.ListInput{Cursor: cursor, Limit: 7})
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range list.Items {
			if r.Name == in.Name {
				ids = append(ids, r.ID)
			}
		}
		if cursor = list.Next; cursor == "" {
			break
		}
	}
	if len(ids) != 1 || ids[0] != run.ID {
		t.Errorf("made %v, was told %s", ids, run.ID)
	}
}

// It gives up in the end, says why, and ends at once when its context does.
func TestGivesUp(t *testing.T) {
	t.Parallel()
	busy := through(t, func(w http.ResponseWriter, r *http.Request, _ int) (bool, http.ResponseWriter) {
		if r.URL.Path != "/v1/runs" {
			return false, nil
		}
		w.Header().Set("Retry-After", "30")
		w.WriteHeader(http.StatusServiceUnavailable)
		return true, nil
	})
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	begun := time.Now()
	if _, err := newClient(t, busy.URL).Runs(ctx, client.ListInput{}); !errors.Is(err, context.DeadlineExceeded) || time.Since(begun) > 10*time.Second {
		t.Errorf("%v after %s", err, time.Since(begun))
	}
	down := through(t, func(w http.ResponseWriter, _ *http.Request, _ int) (bool, http.ResponseWriter) {
		reset(w)
		return true, nil
	})
	c, err := client.New(client.Config{URL: down.URL, Retries: 1})
	if err != nil {
		t.Fatal(err)
	}
	_, err = c.Datasets(t.Context())
	if outturn.ErrorCode(err) != outturn.CodeUnavailable || !strings.Contains(err.Error(), "cannot be reached") || len(down.requests("POST", "/oauth2/token")) != 2 {
		t.Errorf("%v after %d calls", err, len(down.requests("POST", "/oauth2/token")))
	}
	for _, address := range []string{"", "reports.example.com", "ftp://a", "http://"} {
		if _, err := client.New(client.Config{URL: address}); outturn.ErrorCode(err) != outturn.CodeInvalid {
			t.Errorf("%q: %v", address, err)
		}
	}
}

// One token serves all calls, and is renewed when the server takes it no more.
func TestToken(t *testing.T) {
	refuse := false
	var mu sync.Mutex
	p := through(t, func(w http.ResponseWriter, r *http.Request, _ int) (bool, http.ResponseWriter) {
		mu.Lock()
		defer mu.Unlock()
		if refuse && r.URL.Path != "/oauth2/token" {
			refuse = false
			r.Header.Set("Authorization", "Bearer old") // and the shop refuses it
		}
		return false, nil
	})
	c := newClient(t, p.URL)
	var all sync.WaitGroup
	for range 20 {
		all.Go(func() {
			if _, err := c.Datasets(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if n := len(p.requests("POST", "/oauth2/token")); n != 1 {
		t.Errorf("%d tokens for 20 calls", n)
	}
	mu.Lock()
	refuse = true
	mu.Unlock()
	if _, err := c.CreateView(t.Context(), outturn.View{Name: "token", Dataset: "accounts", Columns: []outturn.ViewColumn{{Field: "ACCOUNT_ID"}}}); err != nil {
		t.Error(err)
	}
	if n := len(p.requests("POST", "/oauth2/token")); n != 2 {
		t.Errorf("%d tokens after one was refused", n)
	}

	// The server's clock goes past the token's end.
	shop.Ahead(20 * time.Minute)
	defer shop.Ahead(0)
	if _, err := c.Datasets(t.Context()); err != nil {
		t.Error(err)
	}
	wrong, err := client.New(client.Config{URL: p.URL, ClientID: shop.cred.ID, ClientSecret: "wrong"})
	if err != nil {
		t.Fatal(err)
	}
	before := len(p.requests("POST", "/oauth2/token"))
	if _, err := wrong.Datasets(t.Context()); outturn.ErrorCode(err) != outturn.CodeUnauthenticated {
		t.Errorf("with a wrong secret: %v", err)
	}
	if n := len(p.requests("POST", "/oauth2/token")) - before; n != 1 {
		t.Errorf("a wrong secret was tried %d times", n)
	}
}

// A flipper spoils what passes.
type flipper struct{ http.ResponseWriter }

func (w flipper) Write(p []byte) (int, error) {
	spoilt := bytes.Clone(p)
	spoilt[0] ^= 1
	return w.ResponseWriter.Write(spoilt)
}

// A download that is cut goes on where it stopped, whatever comes is held against
// the manifest, and what is not there is not asked for again.
func TestDownload(t *testing.T) {
	run := newRun(t)
	file := run.Files[0]
	path := "/v1/files/" + file.ID + "/content"
	var whole bytes.Buffer
	if err := newClient(t, shop.URL()).Download(t.Context(), file, &whole); err != nil {
		t.Fatal(err)
	}
	if whole.Len() < 20_000 {
		t.Fatalf("only %d bytes to cut", whole.Len())
	}
	content := func(w http.ResponseWriter, r *http.Request, spoil func(http.ResponseWriter) http.ResponseWriter) (bool, http.ResponseWriter) {
		if r.URL.Path != path {
			return false, nil
		}
		return false, spoil(w)
	}
	t.Run("Cut", func(t *testing.T) {
		t.Parallel()
		p := through(t, func(w http.ResponseWriter, r *http.Request, before int) (bool, http.ResponseWriter) {
			return content(w, r, func(w http.ResponseWriter) http.ResponseWriter {
				if before == 5 {
					return w
				}
				return &lost{ResponseWriter: w, after: 3000}
			})
		})
		var got bytes.Buffer
		if err := newClient(t, p.URL).Download(t.Context(), file, &got); err != nil || !bytes.Equal(got.Bytes(), whole.Bytes()) {
			t.Errorf("%d of %d bytes, %v", got.Len(), whole.Len(), err)
		}
		seen := p.requests("GET", path)
		if len(seen) != 6 || seen[0].Get("Range") != "" || seen[1].Get("Range") != "bytes=3000-" || seen[5].Get("Range") != "bytes=15000-" || seen[5].Get("If-Range") != `"`+file.SHA256+`"` {
			t.Errorf("%d requests: %v", len(seen), seen)
		}
	})
	t.Run("NeverMoves", func(t *testing.T) {
		t.Parallel()
		p := through(t, func(w http.ResponseWriter, r *http.Request, _ int) (bool, http.ResponseWriter) {
			return content(w, r, func(w http.ResponseWriter) http.ResponseWriter { return &lost{ResponseWriter: w} })
		})
		if err := newClient(t, p.URL).Download(t.Context(), file, io.Discard); outturn.ErrorCode(err) != outturn.CodeUnavailable {
			t.Error(err)
		}
		if n := len(p.requests("GET", path)); n > 16 {
			t.Errorf("%d requests", n)
		}
	})
	t.Run("Damaged", func(t *testing.T) {
		t.Parallel()
		p := through(t, func(w http.ResponseWriter, r *http.Request, _ int) (bool, http.ResponseWriter) {
			return content(w, r, func(w http.ResponseWriter) http.ResponseWriter { return flipper{w} })
		})
		if err := newClient(t, p.URL).Download(t.Context(), file, io.Discard); outturn.ErrorCode(err) != outturn.CodeFileDamaged {
			t.Error(err)
		}
	})
	t.Run("NotThere", func(t *testing.T) {
		t.Parallel()
		p := through(t, func(http.ResponseWriter, *http.Request, int) (bool, http.ResponseWriter) { return false, nil })
		other := file
		other.ID = "0199a000-0000-7000-8000-000000000000"
		if err := newClient(t, p.URL).Download(t.Context(), other, io.Discard); outturn.ErrorCode(err) != outturn.CodeNotFound {
			t.Error(err)
		}
		if n := len(p.requests("GET", "/v1/files/"+other.ID+"/content")); n != 1 {
			t.Errorf("%d requests", n)
		}
	})
	t.Run("WriterFails", func(t *testing.T) {
		t.Parallel()
		full := errors.New("the disk is full")
		if err := newClient(t, shop.URL()).Download(t.Context(), file, failing{full}); !errors.Is(err, full) {
			t.Error(err)
		}
	})
	t.Run("Cancelled", func(t *testing.T) {
		t.Parallel()
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		p := through(t, func(w http.ResponseWriter, r *http.Request, _ int) (bool, http.ResponseWriter) {
			return content(w, r, func(w http.ResponseWriter) http.ResponseWriter { return &lost{ResponseWriter: w, after: 3000} })
		})
		if err := newClient(t, p.URL).Download(ctx, file, cancels{cancel}); !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
		if n := len(p.requests("GET", path)); n != 1 {
			t.Errorf("%d requests", n)
		}
	})
}

type failing struct{ err error }

func (w failing) Write([]byte) (int, error) { return 0, w.err }

// cancels ends its reader's context when the first bytes come.
type cancels struct{ cancel func() }

func (w cancels) Write(p []byte) (int, error) {
	w.cancel()
	return len(p), nil
}

// A refusal has the server's code, and each fault its field.
func TestRefusals(t *testing.T) {
	c := newClient(t, shop.URL())
	_, err := c.CreateRun(t.Context(), client.RunInput{Dataset: "payments", Filter: "a b", Zone: "Mars", Columns: []string{"NOPE"}, Formats: []outturn.Output{{Format: "csv"}}})
	if outturn.ErrorCode(err) != outturn.CodeInvalid {
		t.Error(err)
	}
	_, err = c.CreateRun(t.Context(), client.RunInput{Dataset: "payments", Zone: "Mars", Columns: []string{"NOPE"}, Formats: []outturn.Output{{Format: "cvs"}}})
	var fields []string
	for _, f := range outturn.Faults(err) {
		fields = append(fields, f.Field)
		if f.Code != outturn.CodeInvalid || f.Message == "" {
			t.Errorf("%+v", f)
		}
	}
	if got := strings.Join(fields, " "); got != "zone columns formats[0].format" {
		t.Errorf("faults of %q in %v", got, err)
	}
	view := newView(t, "refusals")
	if _, err := c.UpdateView(t.Context(), view); err != nil {
		t.Error(err)
	}
	if err := c.DeleteView(t.Context(), view); outturn.ErrorCode(err) != outturn.CodeVersionChanged {
		t.Errorf("an old version: %v", err)
	}
	if _, err := c.Run(t.Context(), "0199a000-0000-7000-8000-000000000000"); outturn.ErrorCode(err) != outturn.CodeNotFound {
		t.Error(err)
	}
	// What lies between may answer with anything.
	for status, want := range map[int]outturn.Code{404: outturn.CodeNotFound, 403: outturn.CodeForbidden, 418: outturn.CodeInvalid, 500: outturn.CodeInternal} {
		p := through(t, func(w http.ResponseWriter, r *http.Request, _ int) (bool, http.ResponseWriter) {
			if r.URL.Path != "/v1/datasets" {
				return false, nil
			}
			w.WriteHeader(status)
			_, _ = io.WriteString(w, "<html>nginx</html>")
			return true, nil
		})
		if _, err := newClient(t, p.URL).Datasets(t.Context()); outturn.ErrorCode(err) != want {
			t.Errorf("%d: %v", status, err)
		}
	}
}

// A watch ends with the final state, also where events are cut or do not come at all.
func TestWatch(t *testing.T) {
	cut := func(w http.ResponseWriter, r *http.Request, before int) (bool, http.ResponseWriter) {
		if strings.HasSuffix(r.URL.Path, "/events") && before == 0 {
			return false, &lost{ResponseWriter: w, after: 400}
		}
		return false, nil
	}
	none := func(w http.ResponseWriter, r *http.Request, _ int) (bool, http.ResponseWriter) {
		if strings.HasSuffix(r.URL.Path, "/events") {
			w.WriteHeader(http.StatusBadGateway)
			return true, nil
		}
		return false, nil
	}
	for name, spoil := range map[string]func(http.ResponseWriter, *http.Request, int) (bool, http.ResponseWriter){"Cut": cut, "None": none} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := newClient(t, through(t, spoil).URL)
			run, err := c.CreateRun(t.Context(), accounts)
			if err != nil {
				t.Fatal(err)
			}
			var states []outturn.RunState
			for seen, err := range c.WatchRun(t.Context(), run.ID) {
				if err != nil {
					t.Fatal(err)
				}
				states = append(states, seen.State)
			}
			if last := states[len(states)-1]; last != outturn.RunSucceeded {
				t.Errorf("it ended with %v", states)
			}
		})
	}
	t.Run("StopsWhenAsked", func(t *testing.T) {
		t.Parallel()
		run := newRun(t)
		n := 0
		for range newClient(t, shop.URL()).WatchRun(t.Context(), run.ID) {
			n++
			break
		}
		if n != 1 {
			t.Errorf("%d states", n)
		}
	})
}
