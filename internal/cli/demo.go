package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"slices"
	"strings"
	"time"

	"outturn"
	"outturn/internal/reporting"
	"outturn/internal/server"
	"outturn/internal/source"
)

// demoCmd is the first thing a new user runs: a made-up shop, an operator, two of
// the shop's resellers, and a server.
type demoCmd struct {
	serveCmd
	JSON bool `name:"json" help:"Print URL and credentials as JSON."`
}

func (c *demoCmd) Run(ctx context.Context, streams IO, settings *Settings) error {
	if err := c.validate(); err != nil {
		return err
	}
	if err := server.CheckFolder(settings.DataDir); err != nil { // the sample data are put there first
		return err
	}
	if err := seedOnce(ctx, streams, settings, time.Now().UTC().AddDate(0, 0, -1)); err != nil {
		return err
	}
	own := *settings
	own.Source, own.Datasets, own.Names = "duckdb:"+settings.seedFile(), "", ""
	return c.serve(ctx, streams, &own, func(s *server.Server) error {
		d := demo{URL: s.URL()}
		err := own.withFolder(ctx, func(f *server.Folder, p outturn.Principal) (err error) {
			d.Clients, err = own.demoClients(ctx, s.Reporting(), p)
			return err
		})
		if err != nil {
			return err
		}
		if c.JSON {
			return printJSON(streams.Out, d)
		}
		return d.print(streams.Out, own.DataDir, time.Now().UTC())
	})
}

// A demo is what a new user needs to know.
type demo struct {
	URL     string       `json:"url"`
	Clients []demoClient `json:"clients"`
}

// A demoClient has a secret the first time only: it is not kept.
type demoClient struct {
	Name string `json:"name"`
	credential
}

// demoClients makes an operator and a manager for each of two resellers, those
// that are not there yet.
func (s *Settings) demoClients(ctx context.Context, r *reporting.Service, p outturn.Principal) ([]demoClient, error) {
	known, err := allOf(func(page outturn.Page) (outturn.List[outturn.Client], error) {
		return r.Clients(ctx, p, outturn.ListQuery{Page: page})
	})
	if err != nil {
		return nil, err
	}
	tenants, err := s.demoTenants(ctx, r, p)
	if err != nil {
		return nil, err
	}
	provider, err := r.Tenant(ctx, p, p.Tenant)
	if err != nil {
		return nil, err
	}
	var clients []demoClient
	for _, t := range append([]outturn.Tenant{provider}, tenants...) {
		role := outturn.RoleManager
		if t.ID == p.Tenant {
			role = outturn.RoleOperator
		}
		name := "demo: " + string(role) + " of " + t.Name
		i := slices.IndexFunc(known, func(c outturn.Client) bool { return c.Name == name && c.RevokedAt.IsZero() })
		if i >= 0 {
			clients = append(clients, demoClient{name, newCredential(known[i], outturn.Credential{ClientID: known[i].ID})})
			continue
		}
		c, shown, err := r.CreateClient(ctx, p, outturn.Client{Tenant: t.ID, Role: role, Name: name})
		if err != nil {
			return nil, err
		}
		clients = append(clients, demoClient{name, newCredential(c, shown)})
	}
	return clients, nil
}

// demoTenants makes tenants of the sample shop's first two resellers.
func (s *Settings) demoTenants(ctx context.Context, r *reporting.Service, p outturn.Principal) (tenants []outturn.Tenant, err error) {
	known, err := allOf(func(page outturn.Page) (outturn.List[outturn.Tenant], error) {
		return r.Tenants(ctx, p, outturn.ListQuery{Page: page})
	})
	if err != nil {
		return nil, err
	}
	resellers, err := s.firstResellers(ctx, 2)
	if err != nil {
		return nil, err
	}
	for _, a := range resellers {
		i := slices.IndexFunc(known, func(t outturn.Tenant) bool { return t.ExternalID == a.ID })
		if i >= 0 {
			tenants = append(tenants, known[i])
			continue
		}
		t, err := r.CreateTenant(ctx, p, outturn.Tenant{Parent: p.Tenant, Kind: outturn.KindReseller, Name: a.Name, ExternalID: a.ID, Zone: a.Zone})
		if err != nil {
			return nil, err
		}
		tenants = append(tenants, t)
	}
	return tenants, nil
}

// firstResellers returns resellers right below the provider.
func (s *Settings) firstResellers(ctx context.Context, most int) (resellers []outturn.Account, err error) {
	cat, err := s.openCatalog()
	if err != nil {
		return nil, err
	}
	tree, err := cat.Tree()
	if err != nil {
		return nil, err
	}
	err = withSnapshot(ctx, s, func(snapshot source.Database) error {
		roots, err := source.RootAccounts(ctx, snapshot, tree)
		if err != nil || len(roots) == 0 {
			return errors.Join(err, outturn.Errorf(outturn.CodeDatasetInvalid, "The sample data have no provider."))
		}
		resellers, err = source.Children(ctx, snapshot, tree, roots[0].ID)
		return err
	})
	resellers = slices.DeleteFunc(resellers, func(a outturn.Account) bool { return a.Kind != string(outturn.KindReseller) })
	return resellers[:min(most, len(resellers))], err
}

// print prints d for people. folder is its data folder, which commands that look after it
// have to be told.
func (d demo) print(w io.Writer, folder string, today time.Time) error {
	month := time.Date(today.Year(), today.Month()-1, 1, 0, 0, 0, 0, time.UTC)
	window := "--from " + month.Format(time.DateOnly) + " --to " + month.AddDate(0, 1, 0).Format(time.DateOnly)
	fmt.Fprintf(w, "\nOutturn answers at %s, documentation at %s/docs\n\n", d.URL, d.URL)
	try := d.Clients[len(d.Clients)-1]
	for _, c := range d.Clients {
		fmt.Fprintf(w, "  %s\n    client_id      %s\n", c.Name, c.ClientID)
		if c.ClientSecret == "" {
			fmt.Fprintf(w, "    client_secret  was shown when it was made; for another: %s client rotate %s --data %s\n", os.Args[0], c.ClientID, shellWord(readable(folder)))
			continue
		}
		fmt.Fprintf(w, "    client_secret  %s\n", c.ClientSecret)
		try = c
	}
	once := "Each secret is shown this once. "
	if try.ClientSecret == "" {
		try.ClientSecret, once = "SECRET", ""
	}
	_, err := fmt.Fprintf(w, `
%sIn another terminal:

  export OUTTURN_URL=%s OUTTURN_CLIENT_ID=%s OUTTURN_CLIENT_SECRET=%s
  %s run create payments %s --format xlsx --download .
  %s run list

A generator makes such reports by itself: %s generator create --help, docs/generators.md.
Ctrl-C stops the server.
`, once, d.URL, try.ClientID, try.ClientSecret, os.Args[0], window, os.Args[0], os.Args[0])
	return err
}

// plainWord is a text that no shell takes for anything else.
var plainWord = regexp.MustCompile(`^[A-Za-z0-9_./:=@%+-]+$`)

// shellWord is a text as one word of a POSIX shell.
func shellWord(text string) string {
	if plainWord.MatchString(text) {
		return text
	}
	return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'"
}
