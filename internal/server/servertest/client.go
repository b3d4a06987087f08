package servertest

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"outturn"
	"outturn/internal/verify"
)

// A Client calls the API with plain HTTP and notes each call in its history. It
// repeats nothing by itself but a call whose token had expired. Any number of
// goroutines may use it.
type Client struct {
	h    *History
	who  string
	base func() string
	cred Credential
	http *http.Client

	mu    sync.Mutex
	token string
}

// callTime is how long a call may take that is no download.
const callTime = 20 * time.Second

// Client returns a client; base tells where the server answers now.
func (h *History) Client(who string, base func() string, c Credential) *Client {
	return &Client{h: h, who: who, base: base, cred: c, http: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 64}}}
}

// A Request asks for a run.
type Request struct {
	Dataset string   `json:"dataset"`
	Columns []string `json:"columns,omitempty"`
	Formats []Format `json:"formats,omitempty"`
	Window  *Window  `json:"window,omitempty"`
	Order   []Order  `json:"order,omitempty"`
	Name    string   `json:"name,omitempty"`
}

// A Format is a file that is asked for.
type Format struct {
	Format      string `json:"format"`
	Compression string `json:"compression,omitempty"`
}

// An Order is a field to sort by.
type Order struct {
	Field string `json:"field"`
	Desc  bool   `json:"desc,omitempty"`
}

// A Window is two days, the second exclusive.
type Window struct {
	From string `json:"from"`
	To   string `json:"to"`
}

// Create asks for a run, once. A request without a name is named after the key, by
// which the checker finds runs that were made though nobody was told.
func (c *Client) Create(ctx context.Context, r Request, key string) Call {
	if r.Name == "" {
		r.Name = key
	}
	call := Call{Op: OpCreate, Key: key}
	c.call(ctx, &call, http.MethodPost, "/v1/runs", r)
	return call
}

// CreateSure asks for a run with the same key until there is an answer that another
// attempt would not change.
func (c *Client) CreateSure(ctx context.Context, r Request, key string) Call {
	var call Call
	_ = Every(ctx, retryEvery, func() bool {
		call = c.Create(ctx, r, key)
		return call.OK() || call.Status >= 400 && call.Status < 500 && call.Status != http.StatusConflict && call.Status != http.StatusTooManyRequests
	})
	return call
}

const (
	retryEvery = 20 * time.Millisecond
	watchEvery = 25 * time.Millisecond
)

// Retry asks for a run again.
func (c *Client) Retry(ctx context.Context, id, key string) Call {
	call := Call{Op: OpRetry, Key: key}
	c.call(ctx, &call, http.MethodPost, "/v1/runs/"+id+"/retry", nil)
	return call
}

// Show asks how a run is.
func (c *Client) Show(ctx context.Context, id string) Call {
	call := Call{Op: OpShow, Run: id}
	c.call(ctx, &call, http.MethodGet, "/v1/runs/"+id, nil)
	return call
}

// List asks for one page of all runs that the client may see; filter may be empty.
func (c *Client) List(ctx context.Context, filter, cursor string, limit int) (call Call, next string) {
	q := url.Values{"limit": {fmt.Sprint(limit)}, "tenant": {"*"}}
	if filter != "" {
		q.Set("filter", filter)
	}
	if cursor != "" {
		q.Set("cursor", cursor)
	}
	call = Call{Op: OpList}
	next = c.call(ctx, &call, http.MethodGet, "/v1/runs?"+q.Encode(), nil)
	return call, next
}

// ListAll asks for all runs, page by page, and reports whether it got them all.
func (c *Client) ListAll(ctx context.Context) bool {
	cursor := ""
	for {
		call, next := c.List(ctx, "", cursor, 200)
		if !call.OK() {
			return false
		}
		if cursor = next; cursor == "" {
			return true
		}
	}
}

// Cancel asks for a run to stop.
func (c *Client) Cancel(ctx context.Context, id string) Call {
	call := Call{Op: OpCancel, Run: id}
	c.call(ctx, &call, http.MethodPost, "/v1/runs/"+id+"/cancel", nil)
	return call
}

// Delete asks for the files of a run to go.
func (c *Client) Delete(ctx context.Context, id string) Call {
	call := Call{Op: OpDelete, Run: id}
	c.call(ctx, &call, http.MethodDelete, "/v1/runs/"+id, nil)
	return call
}

// Manifest asks for a run's manifest.
func (c *Client) Manifest(ctx context.Context, id string) Call {
	call := Call{Op: OpManifest, Run: id}
	c.call(ctx, &call, http.MethodGet, "/v1/runs/"+id+"/manifest", nil)
	return call
}

// Watch asks how a run is, again and again, until it is in a final state, and
// downloads at once what it then lists. Its error is why ctx ended before that.
func (c *Client) Watch(ctx context.Context, id string) (last Run, err error) {
	err = Every(ctx, watchEvery, func() bool {
		call := c.Show(ctx, id)
		if call.OK() && len(call.Runs) == 1 {
			last = call.Runs[0]
		}
		return last.State.Final()
	})
	for _, f := range last.Files {
		c.Download(ctx, last, f)
	}
	return last, err
}

// call sends a request with a JSON body and reads the answer into call.
func (c *Client) call(ctx context.Context, call *Call, method, path string, body any) (next string) {
	ctx, cancel := context.WithTimeout(ctx, callTime)
	defer cancel()
	text, status := c.send(ctx, call, method, path, body)
	if status == http.StatusUnauthorized && c.forget() {
		text, _ = c.send(ctx, call, method, path, body)
	}
	next = call.read(text)
	c.h.add(*call)
	return next
}

func (c *Client) send(ctx context.Context, call *Call, method, path string, body any) (text []byte, status int) {
	call.Who = c.who
	header := http.Header{}
	if call.Key != "" {
		header.Set("Idempotency-Key", call.Key)
	}
	call.At = time.Now()
	res, err := c.do(ctx, method, path, body, header)
	if err == nil {
		text, err = io.ReadAll(res.Body)
		_ = res.Body.Close()
	}
	call.Done = time.Now()
	if err != nil {
		call.Status, call.Err = 0, err.Error()
		return nil, 0
	}
	call.Status, call.Err = res.StatusCode, ""
	return text, res.StatusCode
}

// read takes from an answer what is in it.
func (call *Call) read(text []byte) (next string) {
	fail := func(err error) {
		if err != nil {
			call.Err = fmt.Sprintf("the answer cannot be read: %v", err)
		}
	}
	switch {
	case call.Status == 0:
	case !call.OK():
		var problem struct{ Code string }
		fail(json.Unmarshal(text, &problem))
		call.Code = problem.Code
	case call.Op == OpList:
		var list struct {
			Items []Run  `json:"items"`
			Next  string `json:"next"`
		}
		fail(json.Unmarshal(text, &list))
		call.Runs, next = list.Items, list.Next
	case call.Op == OpManifest:
		call.Manifest = &outturn.Manifest{}
		fail(json.Unmarshal(text, call.Manifest))
	case call.Op == OpDelete:
	default:
		if call.makes() {
			call.Answer = string(text)
		}
		var r Run
		fail(json.Unmarshal(text, &r))
		call.Runs = []Run{r}
		if call.Run == "" {
			call.Run = r.ID
		}
	}
	return next
}

func (c *Client) do(ctx context.Context, method, path string, body any, header http.Header) (*http.Response, error) {
	token, err := c.bearer(ctx)
	if err != nil {
		return nil, err
	}
	var in io.Reader
	if body != nil {
		text, err := json.Marshal(body)
		if err != nil {
			return nil, err
		}
		in = bytes.NewReader(text)
		header.Set("Content-Type", "application/json")
	}
	req, err := http.NewRequestWithContext(ctx, method, c.base()+path, in)
	if err != nil {
		return nil, err
	}
	req.Header = header
	req.Header.Set("Authorization", "Bearer "+token)
	return c.http.Do(req)
}

// forget drops the token, and reports whether there was one.
func (c *Client) forget() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	had := c.token != ""
	c.token = ""
	return had
}

// bearer returns the access token, which it asks for when there is none.
func (c *Client) bearer(ctx context.Context) (string, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.token != "" {
		return c.token, nil
	}
	call := Call{Op: OpToken, Who: c.who, At: time.Now()}
	token, err := c.askToken(ctx, &call)
	call.Done = time.Now()
	if err != nil {
		call.Err = err.Error()
	}
	c.h.add(call)
	c.token = token
	return token, err
}

func (c *Client) askToken(ctx context.Context, call *Call) (string, error) {
	form := url.Values{"grant_type": {"client_credentials"}}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, c.base()+"/oauth2/token", strings.NewReader(form.Encode()))
	if err != nil {
		return "", err
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.SetBasicAuth(c.cred.ID, c.cred.Secret)
	res, err := c.http.Do(req)
	if err != nil {
		return "", err
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		return "", err
	}
	call.Status = res.StatusCode
	var answer struct {
		AccessToken string `json:"access_token"`
	}
	if err := json.Unmarshal(text, &answer); err != nil || answer.AccessToken == "" {
		return "", fmt.Errorf("no token: status %d, %q", res.StatusCode, text)
	}
	return answer.AccessToken, nil
}

// Download takes a whole file and holds it against what is listed.
func (c *Client) Download(ctx context.Context, r Run, f File) Call {
	return c.fetch(ctx, r, f, 0, 0)
}

// DownloadPart takes the bytes from..to-1 of a file.
func (c *Client) DownloadPart(ctx context.Context, r Run, f File, from, to int64) Call {
	return c.fetch(ctx, r, f, from, to)
}

// Examine takes a whole file, has it read row by row by a reader that shares no code
// with the writers, and takes some stretches of it once more. Each call is noted.
func (c *Client) Examine(ctx context.Context, r Run, f File, m *outturn.Manifest, parts [][2]int64) error {
	folder, err := os.MkdirTemp("", "outturn-examine-*")
	if err != nil {
		return err
	}
	defer os.RemoveAll(folder)
	path := filepath.Join(folder, filepath.Base(f.Name))
	out, err := os.Create(path)
	if err != nil {
		return err
	}
	call, err := c.take(ctx, r, f, 0, 0, out)
	if err := errors.Join(err, out.Close()); err != nil {
		c.h.add(call)
		return err
	}
	if call.OK() {
		report, err := verify.File(ctx, path, verify.Options{Manifest: m})
		if err != nil {
			return err
		}
		call.Content.Rows, call.Content.Totals, call.Content.Faults = report.Rows, report.Totals, report.Faults
	}
	c.h.add(call)
	if !call.OK() {
		return fmt.Errorf("download of %s: status %d %s", f.Name, call.Status, call.Err)
	}
	whole, err := os.Open(path)
	if err != nil {
		return err
	}
	defer whole.Close()
	for _, part := range parts {
		call, err := c.take(ctx, r, f, part[0], part[1], nil)
		if err == nil && call.OK() {
			hash := sha256.New()
			if _, err = io.Copy(hash, io.NewSectionReader(whole, part[0], part[1]-part[0])); err == nil {
				call.Content.Whole = hex.EncodeToString(hash.Sum(nil))
			}
		}
		c.h.add(call)
		if err != nil {
			return err
		}
	}
	return nil
}

func (c *Client) fetch(ctx context.Context, r Run, f File, from, to int64) Call {
	call, _ := c.take(ctx, r, f, from, to, nil)
	c.h.add(call)
	return call
}

// take downloads without noting it.
func (c *Client) take(ctx context.Context, r Run, f File, from, to int64, out io.Writer) (Call, error) {
	call := Call{Who: c.who, Op: OpDownload, Run: r.ID, File: f.ID, At: time.Now()}
	err := c.takeInto(ctx, &call, from, to, out)
	if call.Status == http.StatusUnauthorized && c.forget() {
		call.At = time.Now()
		err = c.takeInto(ctx, &call, from, to, out)
	}
	call.Done = time.Now()
	if err != nil {
		call.Status, call.Err = 0, err.Error()
	}
	return call, err
}

func (c *Client) takeInto(ctx context.Context, call *Call, from, to int64, out io.Writer) error {
	header := http.Header{}
	if to > 0 {
		header.Set("Range", fmt.Sprintf("bytes=%d-%d", from, to-1))
	}
	res, err := c.do(ctx, http.MethodGet, "/v1/files/"+call.File+"/content", nil, header)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	hash := sha256.New()
	sinks := []io.Writer{hash}
	if out != nil && res.StatusCode < 300 {
		sinks = append(sinks, out)
	}
	n, err := io.Copy(io.MultiWriter(sinks...), res.Body)
	if err != nil {
		return err
	}
	call.Status = res.StatusCode
	if call.OK() {
		call.Content = &Content{From: from, To: to, Bytes: n, SHA256: hex.EncodeToString(hash.Sum(nil))}
	}
	return nil
}
