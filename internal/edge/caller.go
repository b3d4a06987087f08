package edge

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
	"mime"
	"net/http"
	"time"

	"outturn"
	"outturn/internal/auth"
	"outturn/internal/reporting"
)

// MostBody is the size of the largest body that is taken.
const MostBody = 1 << 20

// Faults of a body, whatever the edge.
var (
	ErrTooLarge = outturn.Errorf(outturn.CodeTooLarge, "The body is larger than 1 MiB, which is the most that is taken.")
	ErrCutOff   = outturn.Errorf(outturn.CodeInvalid, "The body could not be read: it was cut off.")
)

// Caller finds out who sends r, and whether it may now: its credential, its tenant's
// standing, and how often it has asked, of which the answer's head tells. A form is read
// for it, as a signature covers what it has, and is there again for the handler.
func (g *Gate) Caller(w http.ResponseWriter, r *http.Request) (outturn.Principal, error) {
	return g.caller(w, r, false)
}

// Subscriber is Caller where who has a subscription key must show it with each request.
func (g *Gate) Subscriber(w http.ResponseWriter, r *http.Request) (outturn.Principal, error) {
	return g.caller(w, r, true)
}

func (g *Gate) caller(w http.ResponseWriter, r *http.Request, subscribed bool) (outturn.Principal, error) {
	known := RequestOf(r.Context())
	shown, err := g.shown(r, known)
	if err != nil {
		return outturn.Principal{}, err
	}
	shown.Subscribed = subscribed
	p, err := g.Auth.Authenticate(r.Context(), shown)
	if err != nil {
		return outturn.Principal{}, err
	}
	known.Principal = p.Subject
	quota, err := g.Service.Admit(r.Context(), p)
	tellQuota(w.Header(), quota)
	return p, err
}

// shown is what of a request says who sends it.
func (g *Gate) shown(r *http.Request, known *Request) (auth.Request, error) {
	scheme, host := g.calledAs(known.Origin)
	shown := auth.Request{
		Method: r.Method, Scheme: scheme, Host: host, Path: r.URL.EscapedPath(), Query: r.URL.RawQuery,
		Header: r.Header, From: known.Origin.Address, ID: known.ID,
	}
	if media, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type")); media != "application/x-www-form-urlencoded" {
		return shown, nil
	}
	form, err := ReadBody(r)
	shown.Form, r.Body = string(form), io.NopCloser(bytes.NewReader(form))
	return shown, err
}

// ReadBody reads the body of a request; ErrTooLarge, ErrCutOff.
func ReadBody(r *http.Request) ([]byte, error) {
	text, err := io.ReadAll(http.MaxBytesReader(nil, r.Body, MostBody))
	if errors.As(err, new(*http.MaxBytesError)) {
		return nil, ErrTooLarge
	}
	if err != nil {
		return nil, ErrCutOff
	}
	return text, nil
}

// tellQuota says how many requests are left, in the fields of
// draft-ietf-httpapi-ratelimit-headers-10.
func tellQuota(h http.Header, q reporting.Quota) {
	if !q.Limited {
		return
	}
	policy := "tenant"
	if q.Above {
		policy = "above"
	}
	h.Set("RateLimit-Policy", fmt.Sprintf(`"%s";q=%d;w=60`, policy, q.PerMinute))
	h.Set("RateLimit", fmt.Sprintf(`"%s";r=%d;t=%d`, policy, q.Remaining, Seconds(q.Reset)))
}

// Seconds rounds up: who waits so long has waited long enough.
func Seconds(d time.Duration) int64 { return int64(math.Ceil(d.Seconds())) }
