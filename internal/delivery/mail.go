package delivery

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	_ "embed"
	"errors"
	"fmt"
	htmltemplate "html/template"
	"io"
	"net"
	"net/mail"
	"net/netip"
	"net/textproto"
	"os"
	"slices"
	"strings"
	"text/template"
	"time"

	gomail "github.com/wneessen/go-mail"

	"outturn"
	"outturn/internal/guard"
	"outturn/internal/secret"
)

// How the connection to the mail server is secured.
const (
	SecurityStartTLS = "starttls" // the default: no mail goes without it
	SecurityTLS      = "tls"      // from the first byte, as at port 465
	SecurityNone     = "none"
)

// SMTP says by which server mail goes. It is the operator's, so it may stand anywhere.
type SMTP struct {
	Host     string
	Port     int    // 0: 587, or 465 for SecurityTLS
	Security string // one of the Security… words; "" is SecurityStartTLS
	// Insecure permits SecurityNone to another machine: whoever is on the way reads along.
	Insecure bool
	User     string
	Password secret.Text
	From     string // the address that mail comes from
	Name     string // and its name, where the tenant has none; "" is Outturn
	RootCAs  *x509.CertPool
}

func (s SMTP) withDefaults() SMTP {
	if s.Security == "" {
		s.Security = SecurityStartTLS
	}
	if s.Port == 0 {
		s.Port = 587
		if s.Security == SecurityTLS {
			s.Port = 465
		}
	}
	if s.Name == "" {
		s.Name = "Outturn"
	}
	return s
}

func (s SMTP) validate() error {
	var faults []error
	add := func(field, format string, args ...any) {
		faults = append(faults, outturn.InField(field, outturn.Errorf(outturn.CodeInvalid, format, args...)))
	}
	if s.Host == "" || strings.ContainsAny(s.Host, " /\r\n") {
		add("smtp", "Name the mail server as host:port.")
	}
	if s.Port < 1 || s.Port > 65535 {
		add("smtp", "%d is no port.", s.Port)
	}
	switch s.Security {
	case SecurityStartTLS, SecurityTLS:
	case SecurityNone:
		if !s.Insecure && !isLoopback(s.Host) {
			add("smtp-security", "Mail to another machine travels unencrypted with none. Use starttls or tls, or permit it with --insecure.")
		}
	default:
		add("smtp-security", "It is one of starttls, tls and none, not %s.", outturn.Shown(s.Security))
	}
	if err := outturn.CheckAddress(s.From); err != nil {
		faults = append(faults, outturn.InField("smtp-from", err))
	}
	if (s.User == "") != (s.Password == "") {
		add("smtp-user", "A user of the mail server needs a password, and a password a user.")
	}
	return outturn.JoinFaults(faults)
}

func isLoopback(host string) bool {
	addr, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && addr.IsLoopback()
}

// A mailer sends mail by one server, each over a connection of its own.
type mailer struct {
	SMTP
	domain string // of From
}

func newMailer(s SMTP) (*mailer, error) {
	s = s.withDefaults()
	if err := s.validate(); err != nil {
		return nil, err
	}
	_, domain, _ := strings.Cut(s.From, "@")
	return &mailer{s, domain}, nil
}

// classUnset is the class of an attempt at a mail where no mail server is set.
const classUnset = "no_mail_server"

func (w *Worker) sendMail(ctx context.Context, d outturn.Delivery) (result, error) {
	if w.mailer == nil {
		return result{class: classUnset, ours: true}, nil
	}
	l, err := w.composer.compose(ctx, d)
	if errors.Is(err, errNobody) {
		return result{class: outturn.DeliveryDisabled, final: true, ours: true}, nil
	}
	if err != nil {
		return result{}, err
	}
	attach, big := w.attachable(d, l)
	m, err := w.write(ctx, d, l, attach, big)
	if err != nil {
		return result{}, err
	}
	r := w.mailer.send(ctx, m)
	if !attach || !r.tooLarge {
		return r, nil
	}
	// The server takes less than --max-attachment, and would in every other try as well.
	if m, err = w.write(ctx, d, l, false, true); err != nil {
		return result{}, err
	}
	return w.mailer.send(ctx, m), nil
}

// write makes the mail of a letter: with its files, or saying that they are too big.
func (w *Worker) write(ctx context.Context, d outturn.Delivery, l letter, attach, big bool) (*gomail.Msg, error) {
	v := newMailView(d, l, attach, big)
	m := gomail.NewMsg()
	name := line(l.tenant.Name)
	if name == "" {
		name = w.mailer.Name
	}
	m.FromMailAddress(&mail.Address{Name: name, Address: w.mailer.From})
	m.ToMailAddress(&mail.Address{Address: d.Target})
	m.Subject(v.Subject)
	m.SetMessageIDWithValue(d.ID + "@" + w.mailer.domain)
	m.SetDateWithValue(d.CreatedAt)
	m.SetGenHeader("Auto-Submitted", "auto-generated")
	m.SetGenHeader("X-Auto-Response-Suppress", "All")
	text, html, err := v.render()
	if err != nil {
		return nil, err
	}
	m.SetBodyString(gomail.TypeTextPlain, text)
	m.AddAlternativeString(gomail.TypeTextHTML, html)
	if attach {
		for _, f := range l.run.Files {
			if err := w.attach(ctx, m, f); err != nil {
				return nil, err
			}
		}
	}
	return m, nil
}

// attachable says whether the files go with the mail, and whether they were to and are
// too big: base64 makes four bytes of three, and a line break of each 76 (P34).
func (w *Worker) attachable(d outturn.Delivery, l letter) (attach, big bool) {
	if !d.Destination.Attach || len(l.Data.Files) == 0 {
		return false, false
	}
	var encoded int64
	for _, f := range l.Data.Files {
		if f.URL == "" {
			return false, false
		}
		n := (f.Bytes + 2) / 3 * 4
		encoded += n + n/76*2 + 2
	}
	return encoded <= w.MostAttached, encoded > w.MostAttached
}

func (w *Worker) attach(ctx context.Context, m *gomail.Msg, f outturn.File) error {
	object, err := w.Blobs.Open(ctx, f.Key)
	if err != nil {
		return err
	}
	defer object.Close()
	return m.AttachReader(line(f.Name), io.LimitReader(object, f.Bytes), gomail.WithFileContentType(gomail.ContentType(f.MediaType)))
}

// send gives a mail to the server. It is sent when the server says so: what fails after
// that is no reason to send it again.
func (m *mailer) send(ctx context.Context, msg *gomail.Msg) result {
	tlsConfig := &tls.Config{ServerName: m.Host, MinVersion: tls.VersionTLS12, RootCAs: m.RootCAs}
	options := []gomail.Option{
		gomail.WithPort(m.Port), gomail.WithTimeout(mostTime), gomail.WithTLSConfig(tlsConfig), gomail.WithoutNoop(), gomail.WithHELO(helo()),
		gomail.WithDialContextFunc(func(dial context.Context, network, addr string) (net.Conn, error) {
			return m.dial(ctx, dial, network, addr, tlsConfig)
		}),
	}
	switch m.Security {
	case SecurityStartTLS:
		options = append(options, gomail.WithTLSPolicy(gomail.TLSMandatory))
	case SecurityTLS:
		options = append(options, gomail.WithSSL())
	default:
		options = append(options, gomail.WithTLSPolicy(gomail.NoTLS))
	}
	if m.User != "" {
		options = append(options, gomail.WithSMTPAuth(m.auth()), gomail.WithUsername(m.User), gomail.WithPassword(m.Password.Reveal()))
	}
	client, err := gomail.NewClient(m.Host, options...)
	if err != nil {
		return result{class: ClassInternal, ours: true}
	}
	conn, err := client.DialToSMTPClientWithContext(ctx)
	if err != nil {
		return mailFailed(ctx, err)
	}
	defer func() { _ = client.CloseWithSMTPClient(conn) }()
	if err := client.SendWithSMTPClient(conn, msg); err != nil && !msg.IsDelivered() {
		return mailFailed(ctx, err)
	}
	return result{ok: true, status: 250}
}

// auth is PLAIN over TLS, which every server has; in the clear nothing that shows the
// password.
func (m *mailer) auth() gomail.SMTPAuthType {
	switch {
	case m.Security != SecurityNone:
		return gomail.SMTPAuthPlain
	case isLoopback(m.Host):
		return gomail.SMTPAuthPlainNoEnc
	}
	return gomail.SMTPAuthCramMD5
}

func helo() string {
	host, err := os.Hostname()
	if err != nil || host == "" {
		return "localhost"
	}
	return host
}

// dial connects, and ends the connection with the attempt, whatever else is done to its
// deadlines.
func (m *mailer) dial(attempt, dial context.Context, network, addr string, config *tls.Config) (net.Conn, error) {
	var d net.Dialer
	conn, err := d.DialContext(dial, network, addr)
	if err != nil {
		return nil, classed{guard.ClassConnect, err}
	}
	context.AfterFunc(attempt, func() { _ = conn.Close() })
	if m.Security != SecurityTLS {
		return conn, nil
	}
	secured := tls.Client(conn, config)
	if err := secured.HandshakeContext(dial); err != nil {
		_ = conn.Close()
		return nil, classed{guard.ClassTLS, err}
	}
	return secured, nil
}

// classed is an error of a step whose class is known.
type classed struct {
	class guard.Class
	error
}

func (c classed) Unwrap() error { return c.error }

// mailFailed is what an error of the server means. That an address takes no mail is final.
func mailFailed(ctx context.Context, err error) result {
	var known classed
	var answer *textproto.Error
	var refused *gomail.SendError
	var verification *tls.CertificateVerificationError
	var record tls.RecordHeaderError
	var dns *net.DNSError
	var timeout net.Error
	r := result{class: string(guard.ClassProtocol)}
	switch {
	case ctx.Err() != nil, errors.As(err, &timeout) && timeout.Timeout():
		r.class = string(guard.ClassTimeout)
	case errors.As(err, &dns):
		r.class = string(guard.ClassDNS)
	case errors.As(err, &verification), errors.As(err, &record):
		r.class = string(guard.ClassTLS)
	case errors.As(err, &known):
		r.class = string(known.class)
	case errors.As(err, &refused) && refused.ErrorCode() != 0:
		r.class, r.status = classStatus, refused.ErrorCode()
		r.tooLarge = r.status == 552 || strings.HasSuffix(refused.EnhancedStatusCode(), ".3.4")
		r.final = refused.Reason == gomail.ErrSMTPRcptTo && r.status >= 500
		// What it has against an address or a text, such as a domain that is not found, must
		// not stop the mail of all. With 421 it says good-bye to everybody.
		ofOne := []gomail.SendErrReason{gomail.ErrSMTPRcptTo, gomail.ErrSMTPData, gomail.ErrSMTPDataClose}
		r.answers = slices.Contains(ofOne, refused.Reason) && r.status != 421
	case errors.As(err, &answer):
		r.class, r.status = classStatus, answer.Code
	}
	return r
}

// line is a text for a header: without line ends and other control characters.
func line(text string) string {
	return strings.Join(strings.Fields(strings.Map(func(c rune) rune {
		if c < ' ' || c == 0x7f || c >= 0x80 && c < 0xa0 || c == '\u2028' || c == '\u2029' {
			return ' '
		}
		return c
	}, text)), " ")
}

//go:embed mail.txt
var mailText string

//go:embed mail.html
var mailHTML string

var (
	textMail = template.Must(template.New("mail").Parse(mailText))
	htmlMail = htmltemplate.Must(htmltemplate.New("mail").Parse(mailHTML))
)

// A mailView is what a mail shows.
type mailView struct {
	Subject, Headline string
	Sentences         []string
	Facts             []mailFact
	Files             []mailFile
	Tenant            string
	Failed            bool
}

type mailFact struct{ Name, Value string }

type mailFile struct {
	Name, Rows, Size, URL, Until string
}

func newMailView(d outturn.Delivery, l letter, attached, big bool) mailView {
	name := line(l.run.Name)
	if name == "" && l.Data.Generator != nil {
		name = line(l.Data.Generator.Name)
	}
	if name == "" {
		name = "Your report"
	}
	invoice := line(l.run.Request.Invoice)
	v := mailView{Tenant: line(l.tenant.Name)}
	switch d.Event {
	case outturn.RunSucceededEvent:
		v.Headline = name + " is ready"
	case outturn.RunFailedEvent:
		v.Headline, v.Failed = name+" failed", true
		if r := l.run.Reason; r != nil {
			v.Sentences = append(v.Sentences, r.Message, whoActs(r.Act))
		} else if g := l.Data.Generator; g != nil && g.Message != "" {
			v.Sentences = append(v.Sentences, g.Message)
		}
		v.Sentences = append(v.Sentences, "No file was made.")
	case outturn.RunCancelledEvent:
		v.Headline = name + " was cancelled"
		v.Sentences = append(v.Sentences, "Somebody stopped it before it was done. No file was made.")
	case outturn.GeneratorPausedEvent:
		v.Headline, v.Failed = name+" is paused", true
		v.Sentences = append(v.Sentences, "It makes no reports until its account is active and has an administrator again. Then it goes on by itself.")
	}
	v.Subject = v.Headline
	if invoice != "" { // or all mails of a generator of events would be called the same
		v.Subject += ": invoice " + invoice
		v.Facts = append(v.Facts, mailFact{"Invoice", invoice})
	}
	if w := l.run.Request.Window; w != nil {
		v.Facts = append(v.Facts, mailFact{"Period", period(*w)})
	}
	if l.run.ID != "" {
		v.Facts = append(v.Facts, mailFact{"Data set", l.run.Request.Dataset})
	}
	for _, f := range l.Data.Files {
		shown := mailFile{Name: line(f.Name), Size: size(f.Bytes), Rows: rows(f.Rows), URL: f.URL}
		if f.URL != "" {
			shown.Until = f.ExpiresAt.UTC().Format("2 January 2006 15:04 UTC")
		}
		v.Files = append(v.Files, shown)
	}
	switch {
	case attached && len(v.Files) > 1:
		v.Sentences = append(v.Sentences, "The files are attached, and also here:")
	case attached:
		v.Sentences = append(v.Sentences, "The file is attached, and also here:")
	case big && len(v.Files) > 1:
		v.Sentences = append(v.Sentences, "You asked for the files themselves, but they are too large for an e-mail. Here are links instead:")
	case big:
		v.Sentences = append(v.Sentences, "You asked for the file itself, but it is too large for an e-mail. Here is a link instead:")
	}
	return v
}

func whoActs(a outturn.Actor) string {
	switch a {
	case outturn.ActorUser:
		return "It needs a change to what was asked for."
	case outturn.ActorOperator:
		return "Whoever runs Outturn has to look at it."
	}
	return "It can be tried again."
}

// period is a window as people read it: days, where it was cut at midnight.
func period(w outturn.Window) string {
	zone := w.Zone
	if zone == nil {
		zone = time.UTC
	}
	from, to := w.From.In(zone), w.To.In(zone)
	midnight := func(t time.Time) bool { return t.Equal(outturn.StartOfDay(t.Year(), t.Month(), t.Day(), zone)) }
	if !midnight(from) || !midnight(to) {
		return fmt.Sprintf("%s to %s (%s)", from.Format("2 January 2006 15:04"), to.Format("2 January 2006 15:04"), zone)
	}
	last := to.Add(-time.Nanosecond)
	if last.Format(time.DateOnly) == from.Format(time.DateOnly) {
		return fmt.Sprintf("%s (%s)", from.Format("2 January 2006"), zone)
	}
	return fmt.Sprintf("%s to %s (%s)", from.Format("2 January 2006"), last.Format("2 January 2006"), zone)
}

func rows(n int64) string {
	if n == 1 {
		return "1 row"
	}
	return fmt.Sprintf("%d rows", n)
}

func size(n int64) string {
	units := []string{"bytes", "KB", "MB", "GB", "TB"}
	f, i := float64(n), 0
	for f >= 1000 && i < len(units)-1 {
		f, i = f/1000, i+1
	}
	if i == 0 {
		return fmt.Sprintf("%d bytes", n)
	}
	return fmt.Sprintf("%.1f %s", f, units[i])
}

func (v mailView) render() (text, html string, err error) {
	var t, h strings.Builder
	err = errors.Join(textMail.Execute(&t, v), htmlMail.Execute(&h, v))
	return t.String(), h.String(), err
}
