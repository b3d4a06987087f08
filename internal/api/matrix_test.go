package api_test

import (
	"archive/zip"
	"bytes"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"outturn"
	"outturn/client"
	"outturn/internal/reporting"
	"outturn/internal/seed"
	"outturn/internal/server"
	"outturn/internal/server/servertest"
	"outturn/internal/source/duckdb/duckdbtest"
)

// A matrix is a server over data in which every row says whose it is. Of six
// tenants, each sees itself and those below:
//
//	provider ─┬─ parent ─┬─ own ── child
//	          │          └─ sibling
//	          └─ foreign
type matrix struct {
	*servertest.Local
	t        testing.TB
	log      servertest.Log
	metrics  string
	holdings map[string]*holding
	callers  map[string]map[outturn.Role]caller // by tenant
	random   *rand.Rand
}

// A holding is what one tenant has. Its marker stands in its rows, its names and its
// settings, and in nothing of anybody else's.
type holding struct {
	name, above string
	account     string
	marker      string
	// trade stands in the account's name alone, which its customers may know: data
	// sets tell them who sells to them.
	trade string
	outturn.Tenant
	run      outturn.Run
	view     outturn.SavedView
	standing string // a generator
	webhook  string
	delivery string // of a test of it
	client   string
	linkID   string
	linkPath string
	leaf     string // a tenant right below
}

var family = []holding{
	{name: "provider", account: "1"},
	{name: "parent", above: "provider", account: "1000002"},
	{name: "own", above: "parent", account: "1000013"},
	{name: "child", above: "own"}, // the first customer of own
	{name: "sibling", above: "parent", account: "1000016"},
	{name: "foreign", above: "provider", account: "1000001"},
}

func newMatrix(t *testing.T) *matrix {
	m := &matrix{
		t: t, metrics: servertest.FreeAddress(t), holdings: map[string]*holding{}, callers: map[string]map[outturn.Role]caller{},
		random: rand.New(rand.NewPCG(36, 40)),
	}
	folder := t.TempDir()
	m.mark(filepath.Join(folder, "commerce.duckdb"))
	var err error
	m.Local, err = servertest.Serve(t.Context(), folder, server.Config{
		Metrics: m.metrics, Drain: time.Second, Version: "test", Log: slog.New(slog.NewJSONHandler(&m.log, &slog.HandlerOptions{Level: slog.LevelDebug})),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = m.Close() })
	operator, err := m.Folder.Operator(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for i := range family {
		h := m.holdings[family[i].name]
		if h.above == "" {
			if h.Tenant, err = m.Reporting().UpdateTenant(t.Context(), operator, operator.Tenant, reporting.TenantUpdate{Name: &h.marker}); err != nil {
				t.Fatal(err)
			}
		} else {
			if h.Tenant, err = m.Reporting().CreateTenant(t.Context(), operator, outturn.Tenant{
				Parent: m.holdings[h.above].ID, Kind: outturn.KindReseller, Name: h.marker, ExternalID: h.account,
			}); err != nil {
				t.Fatal(err)
			}
		}
		m.callers[h.name] = map[outturn.Role]caller{}
		for _, role := range outturn.Roles {
			if role != outturn.RoleOperator || h.above == "" {
				m.callers[h.name][role] = m.caller(h, role)
			}
		}
		m.furnish(h)
	}
	return m
}

// mark makes the sample data, in which every account and its people have the marker
// of the tenant that they belong to.
func (m *matrix) mark(file string) {
	t := m.t
	t.Helper()
	if _, err := seed.Run(t.Context(), seed.Config{To: "duckdb:" + file}); err != nil {
		t.Fatal(err)
	}
	db, done := duckdbtest.Open(t, file)
	defer done()
	db.Exec(`CREATE TEMP TABLE marks (account BIGINT, mark TEXT, trade TEXT)`)
	for _, h := range family {
		h.marker, h.trade = fmt.Sprintf("mk%016x", m.random.Uint64()), fmt.Sprintf("tr%016x", m.random.Uint64())
		if h.name == "child" {
			h.account = db.Rows(`SELECT min(id)::VARCHAR FROM accounts WHERE parent_id = 1000013 AND type = 'Customer' AND
				id IN (SELECT buyer_id FROM invoices)`)[0][0]
		}
		m.holdings[h.name] = &h
		db.Exec(`INSERT INTO marks VALUES (` + h.account + `, '` + h.marker + `', '` + h.trade + `')`)
	}
	db.Exec(`CREATE TEMP TABLE whose AS
		WITH RECURSIVE up AS (
			SELECT id AS account, id AS above, 0 AS steps FROM accounts
			UNION ALL SELECT up.account, a.parent_id, steps + 1 FROM up JOIN accounts a ON a.id = up.above WHERE a.parent_id IS NOT NULL
		) SELECT up.account, arg_min(mark, steps) AS mark, arg_min(trade, steps) AS trade FROM up JOIN marks ON marks.account = up.above GROUP BY 1`,
		`UPDATE accounts SET name = name || ' ' || trade, tax_registration_id = mark, city = city || ' ' || mark,
			attributes = json('[["mark","' || mark || '"]]') FROM whose WHERE account = id`,
		`UPDATE contacts SET last_name = mark, email = mark || '@example.com' FROM whose WHERE account = account_id`)
}

func (m *matrix) caller(h *holding, role outturn.Role) caller {
	m.t.Helper()
	c, err := m.AddClient(m.t.Context(), h.ID, role)
	if err != nil {
		m.t.Fatal(err)
	}
	who := caller{Config: client.Config{URL: m.URL(), ClientID: c.ID, ClientSecret: c.Secret}}
	who.token = who.newToken(m.t)
	return who
}

// furnish gives a tenant one of everything.
func (m *matrix) furnish(h *holding) {
	m.t.Helper()
	h.run = m.newRun(h)
	h.view = m.newView(h)
	h.standing = m.newGenerator(h)
	h.webhook = m.newWebhook(h)
	h.delivery = m.newDelivery(h)
	h.linkID, h.linkPath = m.newLink(h)
	h.client = m.newClient(h)
	h.leaf = m.newLeaf(h)
}

// newLeaf makes a tenant right below one, to do to it what nobody does to himself.
func (m *matrix) newLeaf(h *holding) (id string) {
	m.t.Helper()
	var t outturn.Tenant
	m.operator().do(m.t, "POST", "/v1/tenants", fmt.Sprintf(`{"parent":"%s","kind":"customer","name":"%s"}`, h.ID, h.marker)).decode(m.t, http.StatusCreated, &t)
	return t.ID
}

func (m *matrix) operator() caller { return m.callers["provider"][outturn.RoleOperator] }

func (m *matrix) admin(h *holding) caller { return m.callers[h.name][outturn.RoleAdmin] }

func (m *matrix) newRun(h *holding) outturn.Run {
	m.t.Helper()
	return m.operator().run(m.t, client.RunInput{Dataset: "accounts", Name: h.marker, Tenant: h.ID, Formats: []outturn.Output{{Format: "csv"}}})
}

func (m *matrix) newView(h *holding) (v outturn.SavedView) {
	m.t.Helper()
	body := fmt.Sprintf(`{"name":"%s_%x","dataset":"accounts","description":"%s","columns":[{"field":"ACCOUNT_ID","header":"%s"}]}`, h.marker, m.random.Uint64(), h.marker, h.marker)
	m.admin(h).do(m.t, "POST", "/v1/views", body).decode(m.t, http.StatusCreated, &v)
	return v
}

// generatorOf is a generator of a tenant, and tells whose it is.
func (m *matrix) generatorOf(h *holding) string {
	return fmt.Sprintf(`{"name":"%s %x","dataset":"accounts","formats":["csv"],"tenant":"%s","window":{"kind":"previous","unit":"day"},"trigger":{"kind":"schedule","schedule":{"every":"day","at":"06:00"}},
		"deliveries":[{"kind":"email","to":["%s@example.com"]}]}`, h.marker, m.random.Uint64(), h.ID, h.marker)
}

func (m *matrix) newGenerator(h *holding) string {
	m.t.Helper()
	var g client.Generator
	m.admin(h).do(m.t, "POST", "/v1/generators", m.generatorOf(h)).decode(m.t, http.StatusCreated, &g)
	return g.ID
}

// webhookOf leads nowhere: no name ends so (RFC 2606).
func (m *matrix) webhookOf(h *holding) string {
	return fmt.Sprintf(`{"name":"hook %x","url":"https://hooks.invalid/%s","tenant":"%s"}`, m.random.Uint64(), h.marker, h.ID)
}

func (m *matrix) newWebhook(h *holding) string {
	m.t.Helper()
	var w outturn.Webhook
	m.admin(h).do(m.t, "POST", "/v1/webhooks", m.webhookOf(h)).decode(m.t, http.StatusCreated, &w)
	return w.ID
}

func (m *matrix) newDelivery(h *holding) string {
	m.t.Helper()
	var d outturn.Delivery
	m.admin(h).do(m.t, "POST", "/v1/webhooks/"+h.webhook+"/test", "").decode(m.t, http.StatusAccepted, &d)
	for id := d.ID; d.EndedAt.IsZero(); time.Sleep(5 * time.Millisecond) { // until it is not being sent
		d = outturn.Delivery{}
		m.admin(h).do(m.t, "GET", "/v1/deliveries/"+id, "").decode(m.t, http.StatusOK, &d)
	}
	return d.ID
}

func (m *matrix) newLink(h *holding) (id, path string) {
	m.t.Helper()
	var link struct{ ID, URL string }
	m.admin(h).do(m.t, "POST", "/v1/files/"+h.run.Files[0].ID+"/links", `{}`).decode(m.t, http.StatusCreated, &link)
	return link.ID, strings.TrimPrefix(link.URL, m.URL())
}

func (m *matrix) newClient(h *holding) string {
	m.t.Helper()
	var c outturn.Client
	m.admin(h).do(m.t, "POST", "/v1/clients", fmt.Sprintf(`{"name":"%s","role":"viewer"}`, h.marker)).decode(m.t, http.StatusCreated, &c)
	return c.ID
}

// sees says whether viewer sees what of has: it is that tenant, or above it.
func (m *matrix) sees(viewer, of *holding) bool {
	for of != nil {
		if of == viewer {
			return true
		}
		of = m.holdings[of.above]
	}
	return false
}

// A cell is a route of the matrix.
type cell struct {
	// least is the least role that may; "" where nobody says who they are.
	least outturn.Role
	// ask makes the request about what a tenant has. Its objects are fresh where the
	// request uses them up.
	ask func(m *matrix, of *holding, spent bool) ask
	// status is that of the positive twin.
	status int
	// silent: the positive answer does not tell what it is about.
	silent bool
	// self: it is about the caller's own tenant, whoever of is.
	self bool
	// above: it takes somebody above the tenant that it is about.
	above bool
}

type ask struct {
	path, body string
	header     []string
}

// unowned are the routes that tell everybody the same.
var unowned = []string{
	"GET /.well-known/jwks.json", "GET /healthz", "GET /readyz", "GET /version", "POST /oauth2/token",
}

// about fills a path with the id of an object that a tenant has.
func about(path string, id func(*matrix, *holding, bool) string, body string, header ...string) func(*matrix, *holding, bool) ask {
	return func(m *matrix, of *holding, spent bool) ask {
		return ask{strings.Replace(path, "{id}", id(m, of, spent), 1), strings.ReplaceAll(body, "{tenant}", of.ID), header}
	}
}

// ids of what a tenant has; a request that uses it up gets another.
func runID(m *matrix, of *holding, spent bool) string {
	if spent {
		return m.newRun(of).ID
	}
	return of.run.ID
}

func fileID(_ *matrix, of *holding, _ bool) string { return of.run.Files[0].ID }

func freshFileID(m *matrix, of *holding, spent bool) string {
	if spent {
		return m.newRun(of).Files[0].ID
	}
	return of.run.Files[0].ID
}

func viewID(m *matrix, of *holding, spent bool) string {
	if spent {
		return m.newView(of).ID
	}
	return of.view.ID
}

func generatorID(m *matrix, of *holding, spent bool) string {
	if spent {
		return m.newGenerator(of)
	}
	return of.standing
}

// freshGenerator makes one, or says what one would be.
func freshGenerator(path string) func(*matrix, *holding, bool) ask {
	return func(m *matrix, of *holding, _ bool) ask { return ask{path: path, body: m.generatorOf(of)} }
}

func linkID(m *matrix, of *holding, spent bool) string {
	if spent {
		id, _ := m.newLink(of)
		return id
	}
	return of.linkID
}

func webhookID(m *matrix, of *holding, spent bool) string {
	if spent {
		return m.newWebhook(of)
	}
	return of.webhook
}

func deliveryID(m *matrix, of *holding, spent bool) string {
	if spent {
		return m.newDelivery(of)
	}
	return of.delivery
}

func clientOf(m *matrix, of *holding, spent bool) string {
	if spent {
		return m.newClient(of)
	}
	return of.client
}

func tenantID(_ *matrix, of *holding, _ bool) string { return of.ID }

func leafID(m *matrix, of *holding, spent bool) string {
	if spent {
		return m.newLeaf(of)
	}
	return of.leaf
}

func deletedLeafID(m *matrix, of *holding, spent bool) string {
	id := leafID(m, of, spent)
	if spent {
		if a := m.operator().do(m.t, "DELETE", "/v1/tenants/"+id, ""); a.status != http.StatusNoContent {
			m.t.Fatalf("the tenant was not deleted: %d %s", a.status, a.body)
		}
	}
	return id
}

const select1 = `"dataset":"accounts","formats":["csv"],"tenant":"{tenant}"`

// cells is the matrix: every route, the least role that may, and what it is about.
var cells = map[string]cell{
	"GET /v1/datasets":                 {least: outturn.RoleViewer, ask: about("/v1/datasets", tenantID, ""), status: 200, self: true, silent: true},
	"GET /v1/datasets/{name}":          {least: outturn.RoleViewer, ask: about("/v1/datasets/accounts", tenantID, ""), status: 200, self: true, silent: true},
	"POST /v1/datasets/{name}/preview": {least: outturn.RoleViewer, ask: about("/v1/datasets/accounts/preview", tenantID, `{"tenant":"{tenant}"}`), status: 200},

	"GET /v1/views":         {least: outturn.RoleViewer, ask: about("/v1/views", tenantID, ""), status: 200, self: true},
	"POST /v1/views":        {least: outturn.RoleManager, ask: freshView, status: 201, self: true, silent: true},
	"GET /v1/views/{id}":    {least: outturn.RoleViewer, ask: about("/v1/views/{id}", viewID, ""), status: 200},
	"PATCH /v1/views/{id}":  {least: outturn.RoleManager, ask: about("/v1/views/{id}", viewID, `{"columns":[{"field":"ACCOUNT_ID"}]}`, "If-Match", "*"), status: 200},
	"DELETE /v1/views/{id}": {least: outturn.RoleManager, ask: about("/v1/views/{id}", viewID, "", "If-Match", "*"), status: 204, silent: true},

	"POST /v1/generators":              {least: outturn.RoleManager, ask: freshGenerator("/v1/generators"), status: 201, silent: true},
	"PUT /v1/generators":               {least: outturn.RoleManager, ask: freshGenerator("/v1/generators?dry_run=true"), status: 200, silent: true},
	"GET /v1/generators":               {least: outturn.RoleViewer, ask: about("/v1/generators?tenant={id}&limit=1000", tenantID, ""), status: 200},
	"GET /v1/generators/{id}":          {least: outturn.RoleViewer, ask: about("/v1/generators/{id}", generatorID, ""), status: 200},
	"PATCH /v1/generators/{id}":        {least: outturn.RoleManager, ask: about("/v1/generators/{id}", generatorID, `{"zone":"Europe/Warsaw"}`, "If-Match", "*"), status: 200},
	"DELETE /v1/generators/{id}":       {least: outturn.RoleManager, ask: about("/v1/generators/{id}", generatorID, "", "If-Match", "*"), status: 204, silent: true},
	"POST /v1/generators/{id}/enable":  {least: outturn.RoleManager, ask: about("/v1/generators/{id}/enable", generatorID, ""), status: 200},
	"POST /v1/generators/{id}/disable": {least: outturn.RoleManager, ask: about("/v1/generators/{id}/disable", generatorID, ""), status: 200},
	"POST /v1/generators/{id}/run":     {least: outturn.RoleManager, ask: about("/v1/generators/{id}/run", generatorID, ""), status: 202},
	"POST /v1/generators/{id}/backfill": {
		least: outturn.RoleManager, ask: about("/v1/generators/{id}/backfill?dry_run=true", generatorID, `{"from":"2026-10-01","to":"2026-10-03"}`), status: 200, silent: true,
	},
	"GET /v1/generators/{id}/upcoming": {least: outturn.RoleViewer, ask: about("/v1/generators/{id}/upcoming", generatorID, ""), status: 200, silent: true},
	"GET /v1/generators/{id}/runs":     {least: outturn.RoleViewer, ask: about("/v1/generators/{id}/runs", generatorID, ""), status: 200, silent: true},
	"GET /v1/generators/{id}/firings":  {least: outturn.RoleViewer, ask: about("/v1/generators/{id}/firings", generatorID, ""), status: 200, silent: true},

	"POST /v1/runs":                {least: outturn.RoleManager, ask: about("/v1/runs", tenantID, `{`+select1+`}`), status: 202, silent: true},
	"GET /v1/runs":                 {least: outturn.RoleViewer, ask: about("/v1/runs?tenant={id}&filter=name+like+mk%25", tenantID, ""), status: 200},
	"GET /v1/runs/{id}":            {least: outturn.RoleViewer, ask: about("/v1/runs/{id}", runID, ""), status: 200},
	"POST /v1/runs/{id}/cancel":    {least: outturn.RoleManager, ask: about("/v1/runs/{id}/cancel", runID, ""), status: 409, silent: true}, // it has ended
	"POST /v1/runs/{id}/retry":     {least: outturn.RoleManager, ask: about("/v1/runs/{id}/retry", runID, ""), status: 202},
	"DELETE /v1/runs/{id}":         {least: outturn.RoleManager, ask: about("/v1/runs/{id}", runID, ""), status: 204, silent: true},
	"GET /v1/runs/{id}/manifest":   {least: outturn.RoleViewer, ask: about("/v1/runs/{id}/manifest", runID, ""), status: 200},
	"GET /v1/runs/{id}/events":     {least: outturn.RoleViewer, ask: about("/v1/runs/{id}/events", runID, ""), status: 200},
	"GET /v1/files/{id}/content":   {least: outturn.RoleViewer, ask: about("/v1/files/{id}/content", fileID, ""), status: 200},
	"HEAD /v1/files/{id}/content":  {least: outturn.RoleViewer, ask: about("/v1/files/{id}/content", fileID, ""), status: 200},
	"POST /v1/files/{id}/links":    {least: outturn.RoleManager, ask: about("/v1/files/{id}/links", fileID, `{}`), status: 201, silent: true},
	"DELETE /v1/files/{id}/links":  {least: outturn.RoleManager, ask: about("/v1/files/{id}/links", freshFileID, ""), status: 204, silent: true},
	"DELETE /v1/links/{id}":        {least: outturn.RoleManager, ask: about("/v1/links/{id}", linkID, ""), status: 204, silent: true},
	"GET /v1/clients":              {least: outturn.RoleAdmin, ask: about("/v1/clients", tenantID, ""), status: 200, self: true},
	"POST /v1/clients":             {least: outturn.RoleAdmin, ask: about("/v1/clients", tenantID, `{"name":"new","role":"viewer","kind":"apikey","tenant":"{tenant}"}`), status: 201, silent: true},
	"GET /v1/clients/{id}":         {least: outturn.RoleAdmin, ask: about("/v1/clients/{id}", clientOf, ""), status: 200},
	"POST /v1/clients/{id}/rotate": {least: outturn.RoleAdmin, ask: about("/v1/clients/{id}/rotate", clientOf, `{"overlap":60}`), status: 200},
	"DELETE /v1/clients/{id}":      {least: outturn.RoleAdmin, ask: about("/v1/clients/{id}", clientOf, ""), status: 204, silent: true},

	"POST /v1/events": {least: outturn.RoleManager, ask: func(m *matrix, of *holding, _ bool) ask {
		body := fmt.Sprintf(`[{"specversion":"1.0","id":"%x","source":"billing","type":"invoice.issued","subject":"1","account":"%s"}]`, m.random.Uint64(), of.account)
		return ask{"/v1/events", body, []string{"Content-Type", "application/cloudevents-batch+json"}}
	}, status: 202, silent: true, self: true}, // whose accounts: see TestPostEvents

	"GET /v1/webhooks":                {least: outturn.RoleViewer, ask: about("/v1/webhooks?limit=1000", tenantID, ""), status: 200, self: true},
	"POST /v1/webhooks":               {least: outturn.RoleManager, ask: freshWebhook, status: 201},
	"GET /v1/webhooks/{id}":           {least: outturn.RoleViewer, ask: about("/v1/webhooks/{id}", webhookID, ""), status: 200},
	"PATCH /v1/webhooks/{id}":         {least: outturn.RoleManager, ask: about("/v1/webhooks/{id}", webhookID, `{"events":["run.failed"]}`, "If-Match", "*"), status: 200},
	"DELETE /v1/webhooks/{id}":        {least: outturn.RoleManager, ask: about("/v1/webhooks/{id}", webhookID, "", "If-Match", "*"), status: 204, silent: true},
	"POST /v1/webhooks/{id}/rotate":   {least: outturn.RoleManager, ask: about("/v1/webhooks/{id}/rotate", webhookID, `{"overlap":60}`), status: 200},
	"POST /v1/webhooks/{id}/test":     {least: outturn.RoleManager, ask: about("/v1/webhooks/{id}/test", webhookID, ""), status: 202},
	"GET /v1/deliveries":              {least: outturn.RoleViewer, ask: about("/v1/deliveries?limit=1000", tenantID, ""), status: 200, self: true},
	"GET /v1/deliveries/{id}":         {least: outturn.RoleViewer, ask: about("/v1/deliveries/{id}", deliveryID, ""), status: 200},
	"POST /v1/deliveries/{id}/resend": {least: outturn.RoleManager, ask: about("/v1/deliveries/{id}/resend", deliveryID, ""), status: 202, silent: true},

	"GET /v1/usage": {least: outturn.RoleViewer, ask: about("/v1/usage?tenant={id}", tenantID, ""), status: 200, silent: true},
	"GET /v1/audit": {least: outturn.RoleAdmin, ask: about("/v1/audit?limit=1000&filter=action+eq+view.create", tenantID, ""), status: 200, self: true},

	// APS: one path, four kinds of resources; another's is 404 with the same words.
	"GET /aps/2/resources/{id}, a template": {least: outturn.RoleViewer, ask: about("/aps/2/resources/{id}", generatorID, ""), status: 200},
	"GET /aps/2/resources/{id}, a file":     {least: outturn.RoleViewer, ask: about("/aps/2/resources/{id}", runID, ""), status: 200},
	"GET /aps/2/resources/{id}, a tenant":   {least: outturn.RoleViewer, ask: about("/aps/2/resources/{id}?select(account)", tenantID, ""), status: 200},
	"GET /aps/2/resources/{id}, a view":     {least: outturn.RoleViewer, ask: about("/aps/2/resources/{id}", viewID, ""), status: 200},
	"GET /aps/2/resources":                  {least: outturn.RoleViewer, ask: about("/aps/2/resources", tenantID, ""), status: 200, self: true},
	"GET /aps/2/resources, accounts": {
		least: outturn.RoleViewer, ask: about("/aps/2/resources?implementing(http://parallels.com/aps/types/pa/account/1.2)", tenantID, ""), status: 200, self: true,
	},
	"GET /aps/2/collections/{name}, files":         {least: outturn.RoleViewer, ask: about("/aps/2/collections/rde-report-files", tenantID, ""), status: 200, self: true},
	"GET /aps/2/collections/{name}, views":         {least: outturn.RoleViewer, ask: about("/aps/2/collections/rde-report-customizations", tenantID, ""), status: 200, self: true},
	"GET /aps/2/resources/{id}/reportTemplates":    {least: outturn.RoleViewer, ask: about("/aps/2/resources/{id}/reportTemplates", tenantID, ""), status: 200},
	"GET /aps/2/resources/{id}/reportFiles":        {least: outturn.RoleViewer, ask: about("/aps/2/resources/{id}/reportFiles?like(name,mk*)", tenantID, ""), status: 200},
	"GET /aps/2/resources/{id}/aps/links":          {least: outturn.RoleViewer, ask: about("/aps/2/resources/{id}/aps/links", generatorID, ""), status: 200, silent: true},
	"GET /aps/2/resources/{id}/run-scheduled-task": {least: outturn.RoleManager, ask: about("/aps/2/resources/{id}/run-scheduled-task", generatorID, ""), status: 200},
	"PUT /aps/2/resources/{id}, a template":        {least: outturn.RoleManager, ask: about("/aps/2/resources/{id}", generatorID, `{"format":"XML"}`), status: 200},
	"PUT /aps/2/resources/{id}, a tenant":          {least: outturn.RoleAdmin, ask: about("/aps/2/resources/{id}", tenantID, `{"reportType":"PROVIDER"}`), status: 200, silent: true},
	"PUT /aps/2/resources/{id}, a view":            {least: outturn.RoleManager, ask: about("/aps/2/resources/{id}", viewID, `{"columns":[{"name":"ACCOUNT_ID","alias":"id"}]}`), status: 200},
	"DELETE /aps/2/resources/{id}, a template":     {least: outturn.RoleManager, ask: about("/aps/2/resources/{id}", generatorID, ""), status: 204, silent: true},
	"DELETE /aps/2/resources/{id}, a file":         {least: outturn.RoleManager, ask: about("/aps/2/resources/{id}", runID, ""), status: 204, silent: true},
	"DELETE /aps/2/resources/{id}, a view":         {least: outturn.RoleManager, ask: about("/aps/2/resources/{id}", viewID, ""), status: 204, silent: true},
	"POST /aps/2/resources": {least: outturn.RoleManager, ask: about("/aps/2/resources", tenantID,
		`{"aps":{"type":"http://www.odin.com/rde/report-template/1.5"},"commonName":"new","format":"CSV","eventType":"DAILY","tenant":{"aps":{"id":"{tenant}"}}}`), status: 202, silent: true},
	"POST /aps/2/resources/{id}/reportTemplates": {least: outturn.RoleManager, ask: about("/aps/2/resources/{id}/reportTemplates", tenantID,
		`{"commonName":"new","format":"CSV","eventType":"DAILY"}`), status: 202, silent: true},

	"GET /f/{token}":         {ask: func(_ *matrix, of *holding, _ bool) ask { return ask{path: of.linkPath} }, status: 200},
	"HEAD /f/{token}":        {ask: func(_ *matrix, of *holding, _ bool) ask { return ask{path: of.linkPath} }, status: 200},
	"GET /f/{token}/{name}":  {ask: namedLink, status: 200},
	"HEAD /f/{token}/{name}": {ask: namedLink, status: 200},

	"GET /v1/tenants":               {least: outturn.RoleViewer, ask: about("/v1/tenants", tenantID, ""), status: 200, self: true},
	"POST /v1/tenants":              {least: outturn.RoleAdmin, ask: about("/v1/tenants", tenantID, `{"parent":"{tenant}","kind":"customer","name":"new"}`), status: 201, silent: true},
	"GET /v1/tenants/{id}":          {least: outturn.RoleViewer, ask: about("/v1/tenants/{id}", tenantID, ""), status: 200},
	"PATCH /v1/tenants/{id}":        {least: outturn.RoleAdmin, ask: about("/v1/tenants/{id}", tenantID, `{"currency":"EUR"}`), status: 200},
	"DELETE /v1/tenants/{id}":       {least: outturn.RoleAdmin, ask: about("/v1/tenants/{id}", leafID, ""), status: 204, silent: true},
	"POST /v1/tenants/{id}/move":    {least: outturn.RoleAdmin, ask: about("/v1/tenants/{id}/move", leafID, `{"parent":"{tenant}"}`), status: 200},
	"POST /v1/tenants/{id}/suspend": {least: outturn.RoleAdmin, ask: about("/v1/tenants/{id}/suspend", leafID, ""), status: 200},
	"POST /v1/tenants/{id}/resume":  {least: outturn.RoleAdmin, ask: about("/v1/tenants/{id}/resume", leafID, ""), status: 200},
	"POST /v1/tenants/{id}/restore": {least: outturn.RoleAdmin, ask: about("/v1/tenants/{id}/restore", deletedLeafID, ""), status: 200, silent: true},
}

func namedLink(_ *matrix, of *holding, _ bool) ask {
	return ask{path: of.linkPath + "/" + url.PathEscape(of.run.Files[0].Name)}
}

func freshWebhook(m *matrix, of *holding, _ bool) ask {
	return ask{path: "/v1/webhooks", body: m.webhookOf(of)}
}

func freshView(m *matrix, _ *holding, _ bool) ask {
	return ask{path: "/v1/views", body: fmt.Sprintf(`{"name":"view_%x","dataset":"accounts","columns":[{"field":"ACCOUNT_ID"}]}`, m.random.Uint64())}
}

// Every route, for every role of every tenant, about what each tenant has: what the
// caller sees is answered, what is another's is 404 with the words of what never
// was, a role that is too small is 403 for one's own, and no answer has a marker of
// somebody else's (P36; catalogue S1).
func TestTenantMatrix(t *testing.T) {
	d := openapi(t)
	for _, o := range d.operations {
		_, listed := cells[o.String()]
		if !listed && !slices.Contains(unowned, o.String()) {
			t.Errorf("%s is not in the matrix: say who may, and whose it is about", o)
		}
	}
	if t.Failed() {
		t.FailNow()
	}
	m := newMatrix(t)
	full := os.Getenv("OUTTURN_TEST_FULL") != ""
	asked := 0
	for _, route := range slices.Sorted(maps.Keys(cells)) {
		c := cells[route]
		for _, viewer := range slices.Sorted(maps.Keys(m.callers)) {
			for role, who := range m.callers[viewer] {
				for _, of := range slices.Sorted(maps.Keys(m.holdings)) {
					if full || viewer == "own" && role != outturn.RoleManager || m.random.IntN(12) == 0 {
						m.check(route, c, m.holdings[viewer], role, who, m.holdings[of])
						asked++
					}
				}
			}
		}
		m.checkNobody(route, c)
	}
	t.Logf("%d requests", asked)
	m.similarTime()
	m.scanRest(full)
}

// check asks once, and holds the answer against what it has to be.
func (m *matrix) check(route string, c cell, viewer *holding, role outturn.Role, who caller, of *holding) {
	t := m.t
	t.Helper()
	method, _, _ := strings.Cut(route, " ")
	may := c.least == "" || slices.Index(outturn.Roles, role) <= slices.Index(outturn.Roles, c.least)
	sees := c.least == "" || c.self || m.sees(viewer, of)
	if c.above && viewer == of {
		may = false
	}
	want := c.status
	switch {
	case !sees:
		want = http.StatusNotFound
	case !may:
		want = http.StatusForbidden
	}
	r := c.ask(m, of, want == c.status && c.silent)
	if c.least == "" {
		who.token = ""
	}
	a := who.do(t, method, r.path, r.body, r.header...)
	what := fmt.Sprintf("%s by %s of %s about %s's", route, role, viewer.name, of.name)
	if a.status != want {
		t.Errorf("%s: %d, want %d: %.300s", what, a.status, want, a.body)
		return
	}
	text := string(a.body) + fmt.Sprint(a.header)
	switch {
	case !sees:
		m.sameAsAbsent(what, method, c, r, a, who, of)
	case want == c.status && !c.silent:
		whose := of
		if c.self {
			whose = viewer
		}
		if !strings.Contains(text, whose.marker) {
			t.Errorf("%s: the answer shows nothing of it: %.300s", what, text)
		}
	}
	if c.least != "" {
		m.scan(what, viewer, []byte(text))
	}
}

// sameAsAbsent asks for what never was: the answer differs in the id alone.
func (m *matrix) sameAsAbsent(what, method string, c cell, r ask, a answer, who caller, of *holding) {
	m.t.Helper()
	never := *of
	never.ID, never.run.ID, never.view.ID, never.standing, never.linkID, never.leaf = absent, absent, absent, absent, absent, absent
	never.client = "ot_" + strings.Repeat("0", 24)
	never.run.Files = []outturn.File{{ID: absent}}
	n := c.ask(m, &never, false)
	b := who.do(m.t, method, n.path, n.body, n.header...)
	ids := regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f-]{27}|ot_[0-9a-f]+|SU-[0-9-]+`)
	strip := func(a answer) string {
		header := maps.Clone(a.header)
		delete(header, "Date")
		return fmt.Sprint(a.status, ids.ReplaceAllString(string(a.body)+fmt.Sprint(header), "ID"))
	}
	if strip(a) != strip(b) {
		m.t.Errorf("%s: it can be told from what never was:\n%s\n%s", what, strip(a), strip(b))
	}
}

// checkNobody asks without a credential.
func (m *matrix) checkNobody(route string, c cell) {
	if c.least == "" {
		return
	}
	method, _, _ := strings.Cut(route, " ")
	r := c.ask(m, m.holdings["own"], false)
	a := caller{Config: client.Config{URL: m.URL()}}.do(m.t, method, r.path, r.body, r.header...)
	if a.status != http.StatusUnauthorized || a.header.Get("WWW-Authenticate") == "" {
		m.t.Errorf("%s by nobody: %d %v", route, a.status, a.header)
	}
	m.scan(route+" by nobody", nil, append(a.body, fmt.Sprint(a.header)...))
}

// scan looks in what viewer was given for the marker of somebody whom it does not
// see. Where viewer is nil there may be none at all.
func (m *matrix) scan(what string, viewer *holding, text []byte) {
	m.t.Helper()
	for _, h := range m.holdings {
		if viewer != nil && m.sees(viewer, h) {
			continue
		}
		for _, mark := range []string{h.marker, h.trade} {
			if mark == h.trade && viewer != nil && viewer.above == h.name {
				continue
			}
			if bytes.Contains(text, []byte(mark)) {
				m.t.Errorf("%s: there is something of %s in it: %s", what, h.name, around(text, mark))
			}
		}
	}
}

func around(text []byte, marker string) []byte {
	i := bytes.Index(text, []byte(marker))
	return text[max(0, i-300):min(len(text), i+100)]
}

// similarTime asks in turn for what is another's and for what never was: neither is
// answered sooner to a degree that could be measured from outside.
func (m *matrix) similarTime() {
	who := m.callers["own"][outturn.RoleViewer]
	var foreign, never []time.Duration
	for range 101 {
		for _, of := range []struct {
			id   string
			took *[]time.Duration
		}{{m.holdings["foreign"].run.ID, &foreign}, {outturn.NewID(time.Now()), &never}} {
			started := time.Now()
			who.do(m.t, "GET", "/v1/runs/"+of.id, "")
			*of.took = append(*of.took, time.Since(started))
		}
	}
	slices.Sort(foreign)
	slices.Sort(never)
	a, b := foreign[len(foreign)/2], never[len(never)/2]
	m.t.Logf("a foreign run takes %s, one that never was %s", a, b)
	if max(a, b) > 2*min(a, b)+time.Millisecond {
		m.t.Errorf("a foreign run takes %s, one that never was %s", a, b)
	}
}

// scanRest looks at every format of every data set, each tenant's list of the audit,
// the log and the metrics.
func (m *matrix) scanRest(full bool) {
	t := m.t
	sets := []string{"accounts", "payments", "audit"}
	if full {
		sets = append(sets, "invoices", "provisioned_orders", "service_users", "subscriptions", "service_plans", "service_plan_resource_rates", "subscription_resources")
	}
	formats := []outturn.Output{{Format: "csv"}, {Format: "json"}, {Format: "xml"}, {Format: "xlsx"}}
	for name, h := range m.holdings {
		for _, set := range sets {
			in := client.RunInput{Dataset: set, Formats: formats, Window: &client.Window{From: "2026-11-01", To: "2027-01-01"}}
			if !slices.Contains([]string{"payments", "invoices", "provisioned_orders"}, set) {
				in.Window = nil
			}
			run := m.admin(h).run(t, in)
			for _, f := range run.Files {
				a := m.admin(h).do(t, "GET", "/v1/files/"+f.ID+"/content", "")
				text := a.body
				if f.Format == "xlsx" {
					text = unzip(t, text)
				}
				what := fmt.Sprintf("%s of %s as %s", set, name, f.Format)
				if a.status != http.StatusOK || slices.Contains([]string{"accounts", "audit"}, set) && !bytes.Contains(text, []byte(h.marker)) {
					t.Errorf("%s: %d, and it has nothing of its own", what, a.status)
				}
				m.scan(what, h, text)
			}
		}
	}
	m.scan("the log", nil, []byte(m.log.String()))
	resp, err := plain.Get("http://" + m.metrics + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil || !bytes.Contains(text, []byte("outturn_runs")) {
		t.Errorf("the metrics: %v, %.100s", err, text)
	}
	m.scan("the metrics", nil, text)
}

func unzip(t testing.TB, body []byte) []byte {
	t.Helper()
	z, err := zip.NewReader(bytes.NewReader(body), int64(len(body)))
	if err != nil {
		t.Fatal(err)
	}
	var all []byte
	for _, f := range z.File {
		r, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		part, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, part...)
	}
	return all
}
