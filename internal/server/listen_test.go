package server

import (
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// pipes is a listener whose connections are pipes, which know the time of a bubble.
type pipes chan net.Conn

func (p pipes) Accept() (net.Conn, error) {
	if c, ok := <-p; ok {
		return c, nil
	}
	return nil, net.ErrClosed
}
func (pipes) Close() error   { return nil }
func (pipes) Addr() net.Addr { return &net.TCPAddr{} }

// Whoever sends a byte a second holds a connection for no longer than a request may
// take, whether somebody reads what it sends or not; and whoever has sent its
// request may wait for the answer.
func TestSlowClients(t *testing.T) {
	handlers := http.NewServeMux()
	handlers.HandleFunc("/read", func(_ http.ResponseWriter, r *http.Request) { _, _ = io.Copy(io.Discard, r.Body) })
	handlers.HandleFunc("/unread", func(http.ResponseWriter, *http.Request) {})
	handlers.HandleFunc("/long", func(w http.ResponseWriter, r *http.Request) {
		time.Sleep(time.Hour)
		if r.Context().Err() == nil {
			_, _ = io.WriteString(w, "done")
		}
	})
	for _, c := range []struct {
		name, head string
		slow       string // what is sent over and over, a second apart
		within     time.Duration
		answer     string // what is in it
	}{
		{"Header", "GET /read HTTP/1.1\r\nHost: a\r\nX: ", "a", headerTime, ""},
		{"Body", "POST /read HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\n", "a", requestTime, ""},
		{"UnreadBody", "POST /unread HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\n", "a", requestTime, ""},
		{"LongAnswer", "POST /long HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 1\r\n\r\na", "", time.Hour, "done"},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				here, there := net.Pipe()
				listener := make(pipes, 1)
				listener <- there
				s := newHTTPServer(handlers, Config{}.withDefaults())
				var going sync.WaitGroup
				going.Go(func() { _ = s.Serve(listener) })
				started := time.Now()
				going.Go(func() {
					_, err := io.WriteString(here, c.head)
					for err == nil && c.slow != "" {
						time.Sleep(time.Second)
						_, err = io.WriteString(here, c.slow)
					}
				})
				answer, _ := io.ReadAll(here)
				if took := time.Since(started); took > c.within+2*time.Second || !strings.Contains(string(answer), c.answer) {
					t.Errorf("the connection ended after %s, with %q", took, answer)
				}
				_ = here.Close()
				close(listener)
				_ = s.Close()
				going.Wait()
			})
		})
	}
}
