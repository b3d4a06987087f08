package delivery_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"io"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	"net"
	"net/http/httptest"
	"net/mail"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"

	"outturn"
	"outturn/internal/delivery"
)

// A mailServer is a real one that keeps what it gets.
type mailServer struct {
	host string
	port int

	mu      sync.Mutex
	got     []gotMail
	refuses func(n int) error // of the n-th recipient
	answers func(c net.Conn, text string) error
	taken   func(c net.Conn) // is called after the answer that a mail was taken; may be nil, as answers
	reached func(step int)   // is called when a mail has come so far; may be nil
	asked   int
	logins  []string
}

type gotMail struct {
	from, to string
	tls      bool
	text     string
}

type mailSession struct {
	server *mailServer
	conn   *smtp.Conn
	mail   gotMail
}

func (s *mailSession) Logout() error { return nil }
func (s *mailSession) Reset() {
	if s.mail.text != "" && s.server.taken != nil {
		s.server.taken(s.conn.Conn())
	}
	s.mail = gotMail{}
}

func (s *mailSession) Mail(from string, _ *smtp.MailOptions) error {
	s.mail.from = from
	return nil
}

func (s *mailSession) Rcpt(to string, _ *smtp.RcptOptions) error {
	s.reach(beforeSending)
	s.server.mu.Lock()
	defer s.server.mu.Unlock()
	s.server.asked++
	s.mail.to = to
	if s.server.refuses != nil {
		return s.server.refuses(s.server.asked)
	}
	return nil
}

func (s *mailSession) Data(r io.Reader) error {
	text, err := io.ReadAll(r)
	if err != nil { // a message that ended before its end is none
		return err
	}
	if s.server.answers != nil {
		if err := s.server.answers(s.conn.Conn(), string(text)); err != nil {
			return err
		}
	}
	_, s.mail.tls = s.conn.TLSConnectionState()
	s.mail.text = string(text)
	s.server.mu.Lock()
	s.server.got = append(s.server.got, s.mail)
	s.server.mu.Unlock()
	s.reach(afterSending)
	return nil
}

func (s *mailSession) reach(step int) {
	s.server.mu.Lock()
	reached := s.server.reached
	s.server.mu.Unlock()
	if reached != nil {
		reached(step)
	}
}

func (m *mailServer) onStep(reached func(step int)) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.reached = reached
}

func (s *mailSession) AuthMechanisms() []string { return []string{sasl.Plain} }

func (s *mailSession) Auth(string) (sasl.Server, error) {
	return sasl.NewPlainServer(func(_, user, password string) error {
		s.server.mu.Lock()
		defer s.server.mu.Unlock()
		s.server.logins = append(s.server.logins, user)
		if password != "right" {
			return errors.New("wrong password")
		}
		return nil
	}), nil
}

// newMailServer starts one, and returns who signs its certificate.
func newMailServer(tb testing.TB, security string) (*mailServer, *x509.CertPool) {
	tb.Helper()
	donor := httptest.NewUnstartedServer(nil) // it has a certificate for 127.0.0.1
	donor.StartTLS()
	roots := x509.NewCertPool()
	roots.AddCert(donor.Certificate())
	certificates := donor.TLS.Certificates
	donor.Close()

	m := &mailServer{}
	s := smtp.NewServer(smtp.BackendFunc(func(c *smtp.Conn) (smtp.Session, error) {
		return &mailSession{server: m, conn: c}, nil
	}))
	s.Domain, s.AllowInsecureAuth, s.ErrorLog = "mail.example", true, discard{}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	m.host, m.port = "127.0.0.1", ln.Addr().(*net.TCPAddr).Port
	switch security {
	case delivery.SecurityStartTLS:
		s.TLSConfig = &tls.Config{Certificates: certificates}
	case delivery.SecurityTLS:
		ln = tls.NewListener(ln, &tls.Config{Certificates: certificates})
	}
	done := make(chan struct{})
	go func() { defer close(done); _ = s.Serve(ln) }()
	tb.Cleanup(func() { s.Close(); <-done })
	return m, roots
}

type discard struct{}

func (discard) Printf(string, ...any) {}
func (discard) Println(...any)        {}

func (m *mailServer) mails() []gotMail {
	m.mu.Lock()
	defer m.mu.Unlock()
	return append([]gotMail(nil), m.got...)
}

func toAddress(d outturn.Destination) []outturn.Destination {
	d.Kind, d.To, d.On = outturn.DestinationEmail, []string{"finance@example.com"}, outturn.DeliveryEvents
	return []outturn.Destination{d}
}

// read takes a mail apart: its header, its texts and its attachments by name.
func read(tb testing.TB, text string) (h mail.Header, plain, html string, attached map[string]string) {
	tb.Helper()
	m, err := mail.ReadMessage(strings.NewReader(text))
	if err != nil {
		tb.Fatal(err)
	}
	attached = map[string]string{}
	var walk func(kind string, encoding, name string, body io.Reader)
	walk = func(kind, encoding, name string, body io.Reader) {
		media, params, err := mime.ParseMediaType(kind)
		if err != nil {
			tb.Fatal(err)
		}
		if strings.HasPrefix(media, "multipart/") {
			parts := multipart.NewReader(body, params["boundary"])
			for {
				p, err := parts.NextRawPart()
				if err == io.EOF {
					return
				}
				if err != nil {
					tb.Fatal(err)
				}
				walk(p.Header.Get("Content-Type"), p.Header.Get("Content-Transfer-Encoding"), p.FileName(), p)
			}
		}
		switch strings.ToLower(encoding) {
		case "quoted-printable":
			body = quotedprintable.NewReader(body)
		case "base64":
			body = base64.NewDecoder(base64.StdEncoding, body) // which passes over line ends
		}
		all, err := io.ReadAll(body)
		if err != nil {
			tb.Fatal(err)
		}
		switch {
		case name != "":
			attached[name] = string(all)
		case media == "text/plain":
			plain = string(all)
		case media == "text/html":
			html = string(all)
		}
	}
	walk(m.Header.Get("Content-Type"), m.Header.Get("Content-Transfer-Encoding"), "", m.Body)
	return m.Header, plain, html, attached
}

// TestMail sends by real servers, with each kind of security, what people read.
func TestMail(t *testing.T) {
	for _, security := range []string{delivery.SecurityStartTLS, delivery.SecurityTLS, delivery.SecurityNone} {
		t.Run(security, func(t *testing.T) {
			b := newBench(t)
			server, roots := newMailServer(t, security)
			c := b.config()
			c.SMTP = &delivery.SMTP{
				Host: server.host, Port: server.port, Security: security, RootCAs: roots,
				From: "reports@example.com", User: "outturn", Password: "right",
			}
			run := b.ended(runEnd{to: toAddress(outturn.Destination{LinkHours: 3})})
			b.work(c)
			d := b.await(b.message(run.ID).ID, 1)
			got := server.mails()
			if d.State != outturn.DeliveryDelivered || len(got) != 1 {
				t.Fatalf("it is %+v, and the server has %d", d, len(got))
			}
			if got[0].from != "reports@example.com" || got[0].to != "finance@example.com" || got[0].tls == (security == delivery.SecurityNone) {
				t.Errorf("the envelope is %+v", got[0])
			}
			h, plain, html, attached := read(t, got[0].text)
			for name, want := range map[string]string{
				"From": `"Northwind" <reports@example.com>`, "To": "<finance@example.com>", "Subject": "July orders is ready",
				"Message-Id": "<" + d.ID + "@example.com>", "Auto-Submitted": "auto-generated",
			} {
				if h.Get(name) != want {
					t.Errorf("%s is %q, want %q", name, h.Get(name), want)
				}
			}
			for _, text := range []string{plain, html} {
				for _, want := range []string{"July orders is ready", "https://reports.example.com/f/otl_", "orders.csv", "1 July 2026 to 31 July 2026 (UTC)"} {
					if !strings.Contains(text, want) {
						t.Errorf("%q is not in %s", want, text)
					}
				}
			}
			if len(attached) != 0 {
				t.Errorf("attached: %v", attached)
			}
			if dir := os.Getenv("OUTTURN_TEST_MAIL"); dir != "" {
				b.ok(os.WriteFile(dir+"/mail.html", []byte(html), 0o600))
			}
		})
	}
}

// TestP34 asks for the file itself: it goes where it is small enough as it is encoded,
// else a link does that says so; and a failure is told with its reason.
func TestP34Attachments(t *testing.T) {
	b := newBench(t)
	server, _ := newMailServer(t, delivery.SecurityNone)
	c := b.config()
	c.SMTP = &delivery.SMTP{Host: server.host, Port: server.port, Security: delivery.SecurityNone, From: "reports@example.com"}
	c.MostAttached = 1 << 20
	b.work(c)
	attach := toAddress(outturn.Destination{Attach: true})
	reason := outturn.NewReason(outturn.Errorf(outturn.CodeRowLimit, "The report has more than 10 rows."), "c-1")
	const fits = (1 << 20) / 4 * 3 * 76 / 78 // of a mebibyte, without what base64 and its line breaks add
	for _, tt := range []struct {
		name     string
		end      runEnd
		attached bool
		want     []string
		not      []string
	}{
		{"Fits", runEnd{text: strings.Repeat("x", fits-100), to: attach}, true, []string{"attached", "/f/otl_"}, []string{"too large"}},
		{"TooLargeEncoded", runEnd{text: strings.Repeat("x", fits+100), to: attach}, false, []string{"too large for an e-mail", "/f/otl_"}, nil},
		{"NotAsked", runEnd{to: toAddress(outturn.Destination{})}, false, []string{"/f/otl_"}, []string{"attached", "too large"}},
		{"Invoice", runEnd{invoice: "0042", to: toAddress(outturn.Destination{})}, false, []string{"July orders is ready", "Invoice", "0042"}, nil},
		{"Failed", runEnd{reason: &reason, to: attach}, false, []string{"July orders failed", reason.Message, "needs a change"}, []string{"/f/"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			before := len(server.mails())
			run := b.ended(tt.end)
			if d := b.await(b.message(run.ID).ID, 1); d.State != outturn.DeliveryDelivered {
				t.Fatalf("it is %+v", d)
			}
			h, plain, html, attached := read(t, server.mails()[before].text)
			if subject := h.Get("Subject"); strings.HasSuffix(subject, ": invoice 0042") != (tt.end.invoice != "") {
				t.Errorf("the subject is %q", subject)
			}
			if got, is := attached["orders.csv"]; is != tt.attached || is && got != tt.end.text {
				t.Errorf("attached is %d bytes, %v", len(got), is)
			}
			for _, text := range []string{plain, html} {
				for _, want := range tt.want {
					if !strings.Contains(text, want) {
						t.Errorf("%q is not in %s", want, text)
					}
				}
				for _, not := range tt.not {
					if strings.Contains(text, not) {
						t.Errorf("%q is in %s", not, text)
					}
				}
			}
		})
	}
}

// What the server finds too large, though it is no larger than Outturn may send, goes as
// a link within the same attempt: else nobody would hear of it.
func TestP34ServerTakesLess(t *testing.T) {
	b := newBench(t)
	server, _ := newMailServer(t, delivery.SecurityNone)
	tooLarge := &smtp.SMTPError{Code: 552, EnhancedCode: smtp.EnhancedCode{5, 3, 4}, Message: "Message too large"}
	server.answers = func(_ net.Conn, text string) error {
		if len(text) > 100_000 {
			return tooLarge
		}
		return nil
	}
	c := b.config()
	c.SMTP = &delivery.SMTP{Host: server.host, Port: server.port, Security: delivery.SecurityNone, From: "reports@example.com"}
	b.work(c)
	attach := toAddress(outturn.Destination{Attach: true})
	run := b.ended(runEnd{text: strings.Repeat("x", 200_000), to: attach})
	if d := b.await(b.message(run.ID).ID, 1); d.State != outturn.DeliveryDelivered || len(d.Log) != 1 {
		t.Fatalf("it is %+v", d)
	}
	_, plain, _, attached := read(t, server.mails()[0].text)
	if len(attached) > 0 || !strings.Contains(plain, "too large for an e-mail") || !strings.Contains(plain, "/f/otl_") {
		t.Errorf("it says %s, with %d files", plain, len(attached))
	}

	// Where there is nothing to leave out it is an answer as any other.
	server.answers = func(net.Conn, string) error { return tooLarge }
	run = b.ended(runEnd{to: toAddress(outturn.Destination{})})
	if d := b.await(b.message(run.ID).ID, 1); d.State != outturn.DeliveryPending || d.Log[0].Status != 552 {
		t.Errorf("without a file it is %+v", d)
	}
}

// TestMailInjection has line ends and markup in every name that a tenant gives.
func TestMailInjection(t *testing.T) {
	b := newBench(t)
	server, _ := newMailServer(t, delivery.SecurityNone)
	c := b.config()
	c.SMTP = &delivery.SMTP{Host: server.host, Port: server.port, Security: delivery.SecurityNone, From: "reports@example.com"}
	evil := "x\r\nBcc: all@example.com\r\n\r\n<script>alert(1)</script>\u2028\"é"
	_, err := b.store.UpdateTenant(t.Context(), b.tenant.ID, b.tenant.ID, func(n *outturn.Tenant) error { n.Name = evil; return nil }, none)
	b.ok(err)
	run := b.ended(runEnd{name: evil, invoice: evil, to: toAddress(outturn.Destination{})})
	b.work(c)
	b.await(b.message(run.ID).ID, 1)
	h, _, html, _ := read(t, server.mails()[0].text)
	if h.Get("Bcc") != "" || len(h["Subject"]) != 1 || strings.Contains(html, "<script>") {
		t.Errorf("header %v, html %s", h, html)
	}
	from, err := mail.ParseAddress(h.Get("From"))
	if err != nil || from.Address != "reports@example.com" || strings.ContainsAny(from.Name, "\r\n") || !strings.Contains(from.Name, "é") {
		t.Errorf("from %q: %v", h.Get("From"), err)
	}
	for address, good := range map[string]bool{
		"finance@example.com": true, "a.b+c@mail.example.co": true, "o'neil@example.com": true,
		"": false, "finance": false, "finance@": false, "@example.com": false, "a@b": false, "a@example.com,b@example.com": false,
		"Finance <a@example.com>": false, "<a@example.com>": false, "a@example.com\r\nBcc: b@example.com": false, "a b@example.com": false,
		`"a b"@example.com`: false, "a@exam\nple.com": false, "a@[127.0.0.1]": false, "ä@example.com": false, "a@example.com ": false,
		"a@-example.com": false, strings.Repeat("a", 65) + "@example.com": false, "a(comment)@example.com": false,
	} {
		if err := outturn.CheckAddress(address); (err == nil) != good {
			t.Errorf("%q: %v", address, err)
		}
	}
}

// TestMailOutcomes: what becomes of mail that the server does not take.
func TestMailOutcomes(t *testing.T) {
	answer := func(code int) func(int) error {
		return func(n int) error {
			if n > 1 {
				return nil
			}
			return &smtp.SMTPError{Code: code, EnhancedCode: smtp.EnhancedCode{code / 100, 0, 0}, Message: "internal-secret"}
		}
	}
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { silent.Close() })
	_, nothing, _ := net.SplitHostPort(unused(t))
	port := func(text string) int { n, _ := strconv.Atoi(text); return n }
	for _, tt := range []struct {
		name     string
		refuses  func(int) error
		answers  func(net.Conn, string) error
		taken    func(net.Conn)
		change   func(*delivery.SMTP)
		state    outturn.DeliveryState
		status   int
		class    string
		arriving bool
	}{
		{name: "NoSuchAddress", refuses: answer(550), state: outturn.DeliveryFailed, status: 550, class: "status"},
		{name: "Later", refuses: answer(451), state: outturn.DeliveryPending, status: 451, class: "status", arriving: true},
		{name: "WrongPassword", change: func(s *delivery.SMTP) { s.User, s.Password = "outturn", "wrong" }, state: outturn.DeliveryPending, status: 454, class: "status"},
		{name: "Refuses", change: func(s *delivery.SMTP) { s.Port = port(nothing) }, state: outturn.DeliveryPending, class: "connect"},
		{name: "Hangs", change: func(s *delivery.SMTP) { s.Port = silent.Addr().(*net.TCPAddr).Port }, state: outturn.DeliveryPending, class: "timeout"},
		{name: "ClosesInMidAnswer", answers: func(c net.Conn, _ string) error {
			_, _ = c.Write([]byte("25"))
			return c.Close()
		}, state: outturn.DeliveryPending, class: "protocol"},
		{name: "ClosesAfterItsAnswer", taken: func(c net.Conn) { c.Close() }, state: outturn.DeliveryDelivered, status: 250},
		{name: "NoTLS", change: func(s *delivery.SMTP) { s.Security = delivery.SecurityStartTLS }, state: outturn.DeliveryPending, class: "protocol"},
		{name: "NotSigned", change: func(s *delivery.SMTP) {
			other, _ := newMailServer(t, delivery.SecurityTLS)
			s.Port, s.Security = other.port, delivery.SecurityTLS
		}, state: outturn.DeliveryPending, class: "tls"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b := newBench(t)
			server, _ := newMailServer(t, delivery.SecurityNone)
			server.refuses, server.answers, server.taken = tt.refuses, tt.answers, tt.taken
			c := b.config()
			c.Timeout = 3 * time.Second
			c.SMTP = &delivery.SMTP{Host: server.host, Port: server.port, Security: delivery.SecurityNone, From: "reports@example.com"}
			if tt.change != nil {
				tt.change(c.SMTP)
			}
			run := b.ended(runEnd{to: toAddress(outturn.Destination{})})
			b.work(c)
			d := b.await(b.message(run.ID).ID, 1)
			if a := d.Log[0]; d.State != tt.state || a.Status != tt.status || a.Class != tt.class {
				t.Errorf("got %s %+v, want %s %d %s", d.State, a, tt.state, tt.status, tt.class)
			}
			if !tt.arriving {
				return
			}
			b.pass(11 * time.Second)
			b.await(d.ID, 2)
			if h, _, _, _ := read(t, server.mails()[0].text); h.Get("Message-Id") != "<"+d.ID+"@example.com>" {
				t.Errorf("the second try has the id %s", h.Get("Message-Id"))
			}
		})
	}

	b := newBench(t)
	run := b.ended(runEnd{to: toAddress(outturn.Destination{})})
	b.work(b.config())
	if d := b.await(b.message(run.ID).ID, 1); d.State != outturn.DeliveryPending || d.Log[0].Class != "no_mail_server" {
		t.Errorf("without a server: %+v", d)
	}
}

// TestMailOfOthers: a server that takes mail to some addresses later is not one that is
// down, so mail to others goes.
func TestMailOfOthers(t *testing.T) {
	b := newBench(t)
	server, _ := newMailServer(t, delivery.SecurityNone)
	server.refuses = func(n int) error {
		if n > 6 {
			return nil
		}
		return &smtp.SMTPError{Code: 450, EnhancedCode: smtp.EnhancedCode{4, 1, 2}, Message: "Domain not found"}
	}
	c := b.config()
	c.SMTP = &delivery.SMTP{Host: server.host, Port: server.port, Security: delivery.SecurityNone, From: "reports@example.com"}
	w := b.work(c)
	for range 6 {
		run := b.ended(runEnd{to: toAddress(outturn.Destination{})})
		w.Wake()
		if d := b.await(b.message(run.ID).ID, 1); d.State != outturn.DeliveryPending || d.Log[0].Status != 450 {
			t.Fatalf("got %+v", d)
		}
	}
	run := b.ended(runEnd{to: toAddress(outturn.Destination{})})
	w.Wake()
	if d := b.await(b.message(run.ID).ID, 1); d.State != outturn.DeliveryDelivered {
		t.Errorf("got %+v", d)
	}
}

func TestSMTPSettings(t *testing.T) {
	b := newBench(t)
	for want, s := range map[string]delivery.SMTP{
		"":                    {Host: "mail.example.com", From: "a@example.com"},
		"Name the mail":       {From: "a@example.com"},
		"is no port":          {Host: "mail.example.com", Port: 70000, From: "a@example.com"},
		"one of starttls":     {Host: "mail.example.com", Security: "ssl", From: "a@example.com"},
		"travels unencrypted": {Host: "mail.example.com", Security: "none", From: "a@example.com"},
		"is no e-mail":        {Host: "mail.example.com", From: "Outturn"},
		"needs a password":    {Host: "mail.example.com", From: "a@example.com", User: "u"},
	} {
		c := b.config()
		c.SMTP = &s
		_, err := delivery.New(context.Background(), c)
		if (want == "") != (err == nil) || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
}
