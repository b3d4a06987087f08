package cmp

import (
	"errors"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"time"

	"outturn"
	"outturn/internal/edge"
)

// Config says how to speak it. Gate must be set; the zero value of each other is its
// default.
type Config struct {
	Gate *edge.Gate
	// BasePath is what the paths begin with; /marketplace. With "/" they begin with
	// nothing.
	BasePath string
	// NoRoot takes the paths away that do not begin with BasePath.
	NoRoot bool
	// Paging obeys offset and limit of a list, as the specification has it. Else all
	// reports come at once, as the how-to pages have it.
	Paging bool
	// UpperCase says JSON in answers, and not json.
	UpperCase bool
	// MaxPeriod is how long the period of a report may be; 366 days.
	MaxPeriod time.Duration
	// Retention is how far back a list goes that does not say from when; 90 days.
	Retention time.Duration
	Now       func() time.Time
}

const day = 24 * time.Hour

func (c Config) withDefaults() Config {
	if c.BasePath == "" {
		c.BasePath = "/marketplace"
	}
	c.BasePath = strings.TrimSuffix(c.BasePath, "/")
	if c.MaxPeriod <= 0 {
		c.MaxPeriod = 366 * day
	}
	if c.Retention <= 0 {
		c.Retention = 90 * day
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	return c
}

// taken are the first parts of paths that others answer at.
var taken = []string{"v1", "f", "docs", "oauth2", "aps", "auth", "reports", "token", "healthz", "readyz", "version", "openapi.json"}

var basePath = regexp.MustCompile(`^(/[A-Za-z0-9_~-][A-Za-z0-9._~-]*)*$`)

func (c Config) validate() error {
	if c.Gate == nil {
		return errors.New("cmp: a gate is needed")
	}
	first, _, _ := strings.Cut(strings.TrimPrefix(c.BasePath, "/"), "/")
	switch {
	case !basePath.MatchString(c.BasePath):
		return outturn.InField("cmp-base-path", outturn.Errorf(outturn.CodeInvalid, "%s is no path. Write it like /marketplace, or / for none.", outturn.Shown(c.BasePath)))
	case slices.Contains(taken, first):
		return outturn.InField("cmp-base-path", outturn.Errorf(outturn.CodeInvalid, "Others answer at /%s. Choose another path.", first))
	case c.BasePath == "" && c.NoRoot:
		return outturn.InField("cmp-root", outturn.Errorf(outturn.CodeInvalid, "Without a base path, and not at the root either, CMP would be nowhere."))
	}
	return nil
}

// An API answers as CMP does.
type API struct {
	Config
	mux     *http.ServeMux
	handler http.Handler
}

// New makes an API.
func New(c Config) (*API, error) {
	a := &API{Config: c.withDefaults(), mux: http.NewServeMux()}
	if err := a.validate(); err != nil {
		return nil, err
	}
	for _, base := range slices.Compact([]string{a.BasePath, ""}) {
		for route, handler := range map[string]http.HandlerFunc{
			"POST /token":       a.wrap(a.createToken, basicChallenge),
			"POST /auth/token":  a.wrap(a.createToken, basicChallenge),
			"POST " + realm:     a.grantToken,
			"GET /reports":      a.wrap(a.listReports, bearerChallenge),
			"POST /reports":     a.wrap(a.createReport, bearerChallenge),
			"GET /reports/{id}": a.wrap(a.getReport, bearerChallenge),
		} {
			method, path, _ := strings.Cut(route, " ")
			a.mux.HandleFunc(method+" "+base+path, handler)
		}
	}
	a.handler = c.Gate.Wrap(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		correlate(w, r)
		edge.Route(a.mux, w, r, refuse)
	}), refuse, nil)
	return a, nil
}

// realm is where Keycloak gives out tokens.
const realm = "/auth/realms/{realm}/protocol/openid-connect/token"

// atRoot are the paths that are CMP's though they do not begin with its base path.
var atRoot = regexp.MustCompile(`^(/token|/auth/token|/reports|/reports/[^/]+|/auth/realms/[^/]+/protocol/openid-connect/token)$`)

// Serves says whether a path is CMP's.
func (a *API) Serves(path string) bool {
	if a.BasePath != "" && (path == a.BasePath || strings.HasPrefix(path, a.BasePath+"/")) {
		return true
	}
	return !a.NoRoot && atRoot.MatchString(path)
}

func (a *API) ServeHTTP(w http.ResponseWriter, r *http.Request) { a.handler.ServeHTTP(w, r) }

// wrap answers the error of a handler.
func (a *API) wrap(h func(http.ResponseWriter, *http.Request) error, challenge string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if err := h(w, r); err != nil {
			a.answerError(w, r, err, challenge)
		}
	}
}

// correlate gives each answer the id by which its request is in the log.
func correlate(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("X-Correlation-ID", edge.RequestOf(r.Context()).ID)
}

func answer(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = edge.WriteJSON(w, body) // whoever is gone needs no answer
}
