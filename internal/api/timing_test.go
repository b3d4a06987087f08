package api_test

import (
	"net/http"
	"net/url"
	"slices"
	"testing"
	"time"

	"outturn"
	"outturn/internal/server"
	"outturn/internal/server/servertest"
)

// Whoever tries names and secrets is not told by how long it takes which clients there are.
func TestRefusalsTakeAsLong(t *testing.T) {
	s, _ := servertest.ServeNoted(t, shop.Local, server.Config{Drain: time.Millisecond})
	credential, err := s.AddClient(t.Context(), "", outturn.RoleViewer)
	if err != nil {
		t.Fatal(err)
	}
	took := map[string][]time.Duration{}
	for i := range 101 {
		s.Ahead(time.Duration(i) * 10 * time.Minute) // so that they are not too many
		for name, id := range map[string]string{"a wrong secret": credential.ID, "no such client": outturn.NewID(time.Now())} {
			form := url.Values{"grant_type": {"client_credentials"}, "client_id": {id}, "client_secret": {"wrong"}}
			req := request(t, http.MethodPost, s.URL()+"/oauth2/token", form.Encode(), "Content-Type", "application/x-www-form-urlencoded")
			began := time.Now()
			a := send(t, req)
			took[name] = append(took[name], time.Since(began))
			if a.status != http.StatusUnauthorized {
				t.Fatalf("%s: %d %s", name, a.status, a.body)
			}
		}
	}
	median := func(name string) time.Duration {
		slices.Sort(took[name])
		return took[name][len(took[name])/2]
	}
	wrong, none := median("a wrong secret"), median("no such client")
	t.Logf("a wrong secret takes %s, no such client %s", wrong, none)
	if max(wrong, none) > 2*min(wrong, none)+time.Millisecond {
		t.Errorf("a wrong secret takes %s, no such client %s", wrong, none)
	}
}
