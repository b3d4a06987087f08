package edge

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// once is a listener with one connection.
type once struct {
	conn  chan net.Conn
	close func()
}

func (l once) Accept() (net.Conn, error) {
	if c, ok := <-l.conn; ok {
		return c, nil
	}
	return nil, net.ErrClosed
}
func (l once) Close() error { l.close(); return nil }
func (once) Addr() net.Addr { return &net.TCPAddr{} }

// A client that reads nothing is dropped after a while, however the answer is
// written; one that reads slowly gets all of it, however long it takes.
func TestStall(t *testing.T) {
	const size = 2 << 20
	for how, write := range map[string]func(w *recorder) error{
		"Write": func(w *recorder) error { _, err := w.Write(make([]byte, size)); return err },
		"ReadFrom": func(w *recorder) error {
			_, err := w.ReadFrom(io.LimitReader(strings.NewReader(strings.Repeat("a", size)), size))
			return err
		},
		"Endless": func(w *recorder) error {
			_, err := w.ReadFrom(strings.NewReader(strings.Repeat("a", size)))
			return err
		},
	} {
		for _, slow := range []bool{false, true} {
			name := how + "Nothing"
			if slow {
				name = how + "Slowly"
			}
			t.Run(name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					here, there := net.Pipe()
					l := once{conn: make(chan net.Conn, 1)}
					l.close = sync.OnceFunc(func() { close(l.conn) })
					l.conn <- there
					var took time.Duration
					var failed error
					s := &http.Server{ReadHeaderTimeout: time.Second, Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
						started := time.Now()
						failed = write(&recorder{ResponseWriter: w, stall: 2 * time.Minute})
						took = time.Since(started)
					})}
					var going sync.WaitGroup
					going.Go(func() { _ = s.Serve(l) })
					_, _ = io.WriteString(here, "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
					got := int64(0)
					if slow {
						resp, err := http.ReadResponse(bufio.NewReaderSize(here, 4096), nil)
						if err != nil {
							t.Fatal(err)
						}
						for err == nil {
							var n int64
							n, err = io.CopyN(io.Discard, resp.Body, 4096)
							got += n
							time.Sleep(time.Second)
						}
						_ = resp.Body.Close()
					}
					time.Sleep(time.Hour)
					if slow && (got != size || failed != nil || took < 8*time.Minute) {
						t.Errorf("a slow client got %d bytes in %s, %v", got, took, failed)
					}
					if !slow && (failed == nil || took > 3*time.Minute) {
						t.Errorf("one that reads nothing was served for %s: %v", took, failed)
					}
					_ = here.Close()
					_ = s.Close()
					going.Wait()
				})
			})
		}
	}
}

// By HTTP/2 one answer of which nothing is read ends, and the others of the
// connection go on.
func TestStallHTTP2(t *testing.T) {
	ended := make(chan error, 1)
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		rec := &recorder{ResponseWriter: w, stall: 100 * time.Millisecond}
		if r.URL.Path == "/large" {
			_, err := rec.Write(make([]byte, 32<<20))
			ended <- err
			return
		}
		_, _ = io.WriteString(rec, "small")
	}))
	s.EnableHTTP2 = true
	s.StartTLS()
	defer s.Close()
	fetch := func(path string) *http.Response {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.URL+path, http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := s.Client().Do(req)
		if err != nil {
			t.Fatal(err)
		}
		return resp
	}
	large := fetch("/large")
	defer large.Body.Close()
	if large.ProtoMajor != 2 {
		t.Fatal(large.Proto)
	}
	if err := <-ended; err == nil {
		t.Error("an answer of which nothing was read was written whole")
	}
	if _, err := io.Copy(io.Discard, large.Body); err == nil {
		t.Error("what was cut off seems whole")
	}
	small := fetch("/small")
	defer small.Body.Close()
	if text, err := io.ReadAll(small.Body); err != nil || string(text) != "small" {
		t.Errorf("another answer: %q, %v", text, err)
	}
}
