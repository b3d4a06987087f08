// Package client speaks the native API of an Outturn server.
//
//	c, err := client.New(client.Config{URL: "https://reports.example.com", ClientID: id, ClientSecret: secret})
//	run, err := c.CreateRun(ctx, client.RunInput{
//		Dataset: "payments",
//		Window:  &client.Window{From: "2026-09-01", To: "2026-10-01", Zone: "Europe/Berlin"},
//		Formats: []outturn.Output{{Format: "csv", Compression: "gzip"}},
//	})
//	run, err = c.WaitRun(ctx, run.ID)
//	err = c.Download(ctx, run.Files[0], w)
//
// Methods are named as the server's use cases are. What a server refuses is an
// *outturn.Error with the server's code; of several faults outturn.Faults lists
// each with the field it is about. A Client may be used by any number of
// goroutines.
package client

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"

	"outturn"
)

// Config says which server, and who asks.
type Config struct {
	URL          string // such as http://127.0.0.1:8080, with a path where a proxy adds one
	ClientID     string
	ClientSecret string
	// HTTP makes the calls; nil is http.DefaultClient. Its Timeout, if it has one,
	// also ends downloads and watches.
	HTTP *http.Client
	// Retries is how often a call that may be repeated is tried again when the
	// server cannot be reached or says that it will be able to soon; 0 is 3, less is
	// never.
	Retries int
}

// A Client is one identity at one server.
type Client struct {
	config Config
	base   *url.URL

	mu      sync.Mutex
	token   string
	renewAt time.Time
}

// New returns a client. It calls nobody yet.
func New(c Config) (*Client, error) {
	base, err := url.Parse(strings.TrimRight(c.URL, "/"))
	if err != nil || base.Host == "" || base.Scheme != "http" && base.Scheme != "https" {
		return nil, outturn.Errorf(outturn.CodeInvalid, "%q is no address of a server. Write it like http://127.0.0.1:8080.", c.URL)
	}
	if c.HTTP == nil {
		c.HTTP = http.DefaultClient
	}
	if c.Retries == 0 {
		c.Retries = 3
	}
	return &Client{config: c, base: base}, nil
}

// A call is one request to the API.
type call struct {
	method string
	path   string
	query  url.Values
	body   any // sent as JSON; nil is none
	header http.Header
	// again says that the server does it once, however often it is asked.
	again bool
}

// do makes a call and reads its answer into out, if that is not nil.
func (c *Client) do(ctx context.Context, call call, out any) (http.Header, error) {
	for attempt := 0; ; attempt++ {
		resp, err := c.send(ctx, call)
		if err != nil {
			return nil, err
		}
		if err = readAnswer(resp, out); err == nil {
			return resp.Header, nil
		}
		err = fmt.Errorf("%s %s: read the answer: %w", call.method, call.path, err)
		if !call.again || !brokeOff(err) || attempt >= c.config.Retries {
			return nil, err
		}
		if err := sleep(ctx, (&retryable{}).pause(attempt)); err != nil {
			return nil, err
		}
	}
}

func readAnswer(resp *http.Response, out any) error {
	defer resp.Body.Close()
	if out == nil {
		_, err := io.Copy(io.Discard, resp.Body)
		return err
	}
	return json.NewDecoder(resp.Body).Decode(out)
}

// brokeOff says of an error in reading an answer that the connection ended before
// the answer did.
func brokeOff(err error) bool {
	var net net.Error
	return errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) || errors.As(err, &net)
}

// send makes a call and returns its answer, which is no refusal. The caller closes
// the body.
func (c *Client) send(ctx context.Context, call call) (*http.Response, error) {
	var body []byte
	if call.body != nil {
		var err error
		if body, err = json.Marshal(call.body); err != nil {
			return nil, err
		}
	}
	renewed := false
	for attempt := 0; ; attempt++ {
		var resp *http.Response
		token, err := c.bearer(ctx)
		if err == nil {
			if resp, err = c.sendOnce(ctx, call, body, token); err == nil {
				return resp, nil
			}
			if outturn.ErrorCode(err) == outturn.CodeUnauthenticated && !renewed {
				renewed = true // the server may have been restored, or its key changed
				c.forgetToken(token)
				continue
			}
		}
		var later *retryable
		if !errors.As(err, &later) || !call.again && !later.refused || attempt >= c.config.Retries {
			return nil, err
		}
		if err := sleep(ctx, later.pause(attempt)); err != nil {
			return nil, err
		}
	}
}

func (c *Client) sendOnce(ctx context.Context, call call, body []byte, token string) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, call.method, c.address(call.path, call.query), bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	for name, values := range call.header {
		req.Header[name] = values
	}
	req.Header.Set("Authorization", "Bearer "+token)
	if body != nil && req.Header.Get("Content-Type") == "" {
		req.Header.Set("Content-Type", "application/json")
	}
	return c.roundTrip(req)
}

func (c *Client) address(path string, query url.Values) string {
	u := *c.base
	u.Path += path
	u.RawQuery = query.Encode()
	return u.String()
}

// roundTrip returns an answer that is no refusal, and of a refusal the error.
func (c *Client) roundTrip(req *http.Request) (*http.Response, error) {
	resp, err := c.config.HTTP.Do(req)
	if err != nil {
		if req.Context().Err() != nil {
			return nil, req.Context().Err()
		}
		return nil, &retryable{err: outturn.Errorf(outturn.CodeUnavailable, "The server %s cannot be reached: %w.", c.base.Host, errors.Unwrap(err))}
	}
	if resp.StatusCode < 400 {
		return resp, nil
	}
	defer resp.Body.Close()
	refusal := readProblem(resp)
	switch resp.StatusCode {
	case http.StatusTooManyRequests, http.StatusServiceUnavailable, http.StatusBadGateway, http.StatusGatewayTimeout:
		return nil, &retryable{
			err: refusal, after: retryAfter(resp.Header.Get("Retry-After")),
			refused: resp.StatusCode == http.StatusTooManyRequests || resp.StatusCode == http.StatusServiceUnavailable,
		}
	}
	return nil, refusal
}

// A retryable error may be gone the next time.
type retryable struct {
	err     error
	after   time.Duration // the server's advice
	refused bool          // the server did nothing, and says so
}

func (e *retryable) Error() string { return e.err.Error() }
func (e *retryable) Unwrap() error { return e.err }

// retryAfter understands the header of that name: seconds, or a time.
func retryAfter(text string) time.Duration {
	if seconds, err := strconv.ParseUint(text, 10, 16); err == nil {
		return time.Duration(seconds) * time.Second
	}
	if at, err := http.ParseTime(text); err == nil {
		return time.Until(at)
	}
	return 0
}

// mostPause bounds how long the server may have a client wait between two tries.
const mostPause = 30 * time.Second

func (e *retryable) pause(attempt int) time.Duration {
	return min(max(e.after, 200*time.Millisecond<<attempt), mostPause)
}

func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
