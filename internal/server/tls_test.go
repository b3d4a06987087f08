package server_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"io"
	"math/big"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"outturn"
	"outturn/internal/server"
)

// A pair is a certificate of 127.0.0.1 and its key, as files.
type pair struct{ cert, key string }

// newPair writes a pair that is good until then, from a while before now or then.
func newPair(t testing.TB, until time.Time) pair {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	from := time.Now()
	if until.Before(from) {
		from = until
	}
	serial, err := rand.Int(rand.Reader, big.NewInt(1<<62))
	must(t, err)
	form := &x509.Certificate{
		SerialNumber: serial, Subject: pkix.Name{CommonName: "Outturn test"}, NotBefore: from.Add(-time.Hour), NotAfter: until,
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
	}
	cert, err := x509.CreateCertificate(rand.Reader, form, form, key.Public(), key)
	must(t, err)
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	must(t, err)
	folder := t.TempDir()
	p := pair{filepath.Join(folder, "cert.pem"), filepath.Join(folder, "key.pem")}
	must(t, os.WriteFile(p.cert, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert}), 0o600))
	must(t, os.WriteFile(p.key, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret}), 0o600))
	return p
}

// replace puts the files of another pair in the place of p's.
func (p pair) replace(t testing.TB, with pair) {
	t.Helper()
	for from, to := range map[string]string{with.cert: p.cert, with.key: p.key} {
		text, err := os.ReadFile(from)
		must(t, err)
		must(t, os.WriteFile(to, text, 0o600))
	}
}

// shakeHands returns the certificate that the server shows to a client that trusts p,
// and what was agreed.
func shakeHands(url string, p pair, c *tls.Config) (tls.ConnectionState, error) {
	text, err := os.ReadFile(p.cert)
	if err != nil {
		return tls.ConnectionState{}, err
	}
	c.RootCAs = x509.NewCertPool()
	c.RootCAs.AppendCertsFromPEM(text)
	conn, err := tls.Dial("tcp", strings.TrimPrefix(url, "https://"), c)
	if err != nil {
		return tls.ConnectionState{}, err
	}
	defer conn.Close()
	return conn.ConnectionState(), nil
}

func withPair(p pair) func(*server.Config) {
	return func(c *server.Config) { c.TLSCert, c.TLSKey = p.cert, p.key }
}

// A server with a certificate answers by TLS alone, by HTTP/1.1 and HTTP/2, and says
// that it will go on to.
func TestTLS(t *testing.T) {
	until := time.Now().Add(90 * 24 * time.Hour)
	p := newPair(t, until)
	metrics := ""
	s := open(t, filepath.Join(t.TempDir(), "data"), withPair(p), func(c *server.Config) { metrics = c.Metrics })
	defer s.stop()
	if !strings.HasPrefix(s.URL(), "https://127.0.0.1:") {
		t.Errorf("it is at %s", s.URL())
	}
	for _, version := range []string{"--http1.1", "--http2"} {
		out, err := exec.CommandContext(t.Context(), "curl", "-sS", "-i", version, "--cacert", p.cert, s.URL()+"/healthz").CombinedOutput()
		text := strings.ToLower(string(out))
		if err != nil || !strings.HasPrefix(text, "http/"+strings.TrimSuffix(version[len("--http"):], ".0")) || !strings.Contains(text, `"ok"`) ||
			!strings.Contains(text, "strict-transport-security: max-age=") {
			t.Errorf("curl %s: %v\n%s", version, err, out)
		}
	}
	if out, err := exec.CommandContext(t.Context(), "curl", "-sS", s.URL()+"/healthz").CombinedOutput(); err == nil {
		t.Errorf("curl does not know the certificate and yet got %s", out)
	}
	if status, text := get(t, strings.Replace(s.URL(), "https", "http", 1)+"/healthz"); status != http.StatusBadRequest {
		t.Errorf("without TLS: %d %s", status, text)
	}
	for version, want := range map[uint16]bool{tls.VersionTLS11: false, tls.VersionTLS12: true, tls.VersionTLS13: true} {
		if _, err := shakeHands(s.URL(), p, &tls.Config{MinVersion: tls.VersionTLS10, MaxVersion: version}); (err == nil) != want {
			t.Errorf("%s: %v", tls.VersionName(version), err)
		}
	}
	if status, text := get(t, "http://"+metrics+"/metrics"); status != http.StatusOK || !strings.Contains(text, "outturn_tls_expiry_timestamp_seconds "+strconv.FormatFloat(float64(until.Unix()), 'g', -1, 64)) {
		t.Errorf("metrics: %d, without %d", status, until.Unix())
	}
	if !strings.Contains(s.log.String(), until.UTC().Format(time.RFC3339)) || strings.Contains(s.log.String(), "expires in") {
		t.Errorf("the log has %s", s.log)
	}
}

// Files that were renewed are in force from the next handshake on, for connections
// that are new. A pair that is no good changes nothing but the log.
func TestReload(t *testing.T) {
	year := time.Now().Add(365 * 24 * time.Hour)
	p, second := newPair(t, year), newPair(t, time.Now().Add(13*24*time.Hour+time.Hour))
	first := newPair(t, year)
	first.replace(t, p)
	s := open(t, filepath.Join(t.TempDir(), "data"), withPair(p))
	defer s.stop()
	shown := func() string {
		t.Helper()
		for name, known := range map[string]pair{"first": first, "second": second} {
			if _, err := shakeHands(s.URL(), known, &tls.Config{}); err == nil {
				return name
			}
		}
		return "none"
	}
	roots := x509.NewCertPool()
	text, err := os.ReadFile(first.cert)
	must(t, err)
	roots.AppendCertsFromPEM(text)
	kept := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}}}
	defer kept.CloseIdleConnections()
	alive := func() error {
		resp, err := kept.Get(s.URL() + "/healthz")
		if err != nil {
			return err
		}
		_, err = io.Copy(io.Discard, resp.Body)
		return errors.Join(err, resp.Body.Close())
	}
	must(t, alive())
	for _, step := range []struct {
		name   string
		change func()
		fails  string // is in the error and in the log
		shown  string
	}{
		{"Unchanged", func() {}, "", "first"},
		{"Mismatched", func() { p.replace(t, pair{second.cert, first.key}) }, "do not work together", "first"},
		{"Expired", func() { p.replace(t, newPair(t, time.Now().Add(-time.Minute))) }, "expired at", "first"},
		{"Missing", func() { must(t, os.Remove(p.key)) }, "There is no file " + p.key, "first"},
		{"Renewed", func() { p.replace(t, second) }, "", "second"},
	} {
		step.change()
		err := s.Reload()
		if step.fails == "" {
			must(t, err)
		} else {
			wantError(t, step.name, err, outturn.CodeInvalid, step.fails)
			if log := s.log.String(); !strings.Contains(log, step.fails) || !strings.Contains(log, "stays in force") {
				t.Errorf("%s: the log has %s", step.name, log)
			}
		}
		if got := shown(); got != step.shown {
			t.Errorf("%s: the certificate shown is the %s, want the %s", step.name, got, step.shown)
		}
	}
	if err := alive(); err != nil {
		t.Errorf("a connection from before: %v", err)
	}
	if !strings.Contains(s.log.String(), "expires in 13 days") {
		t.Errorf("no warning of a certificate that ends soon: %s", s.log)
	}
	plain := start(t, filepath.Join(t.TempDir(), "data"))
	defer plain.stop()
	must(t, plain.Reload()) // of nothing
}

// A pair that is no good is refused at the start, and by doctor, with what is wrong.
func TestBrokenPair(t *testing.T) {
	good, other := newPair(t, time.Now().Add(time.Hour*24*365)), newPair(t, time.Now().Add(time.Hour))
	expired := newPair(t, time.Now().Add(-time.Minute))
	folder := t.TempDir()
	garbage := filepath.Join(folder, "garbage")
	must(t, os.WriteFile(garbage, []byte("no PEM, canary"), 0o600))
	absent := filepath.Join(folder, "absent")
	src, cat := newSource(t)
	path := filepath.Join(t.TempDir(), "data")
	data, err := server.OpenFolder(t.Context(), path, time.Now)
	must(t, err)
	defer data.Close()
	for _, c := range []struct {
		name, cert, key string
		listen          string
		says            []string
	}{
		{"Good", good.cert, good.key, "0.0.0.0:0", nil},
		{"NoKey", good.cert, "", "127.0.0.1:0", []string{"--tls-cert and --tls-key go together"}},
		{"NoCert", "", good.key, "127.0.0.1:0", []string{"--tls-cert and --tls-key go together"}},
		{"AbsentCert", absent, good.key, "127.0.0.1:0", []string{"no file " + absent}},
		{"AbsentKey", good.cert, absent, "127.0.0.1:0", []string{"no file " + absent}},
		{"Folder", folder, good.key, "127.0.0.1:0", []string{"cannot be read", folder}},
		{"Garbage", garbage, good.key, "127.0.0.1:0", []string{"do not work together", garbage}},
		{"Swapped", good.key, good.cert, "127.0.0.1:0", []string{"do not work together"}},
		{"Mismatched", good.cert, other.key, "127.0.0.1:0", []string{"do not work together", good.cert, other.key}},
		{"Expired", expired.cert, expired.key, "127.0.0.1:0", []string{"expired at", expired.cert, "Renew"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			config := server.Config{Source: src, Catalog: cat, Listen: c.listen, TLSCert: c.cert, TLSKey: c.key}
			s, err := server.New(t.Context(), data, config)
			if c.says == nil {
				must(t, err)
				must(t, s.Stop(t.Context()))
			} else {
				wantError(t, "start", err, outturn.CodeInvalid, c.says...)
			}
			for _, f := range server.Doctor(t.Context(), path, config) {
				if f.Check == "certificate" && f.Sound != (c.says == nil) {
					t.Errorf("doctor: %t, %s", f.Sound, f.Detail)
				}
				for _, text := range c.says {
					if f.Check == "certificate" && !strings.Contains(f.Detail, text) {
						t.Errorf("doctor says %q, not %q", f.Detail, text)
					}
				}
			}
		})
	}
}
