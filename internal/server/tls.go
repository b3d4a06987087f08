package server

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"sync/atomic"
	"time"

	"outturn"
)

// A certificate is the pair of files by which clients know the server. It is read
// again on demand; only a pair that is good takes the place of the one before.
type certificate struct {
	certFile, keyFile string
	log               *slog.Logger
	now               func() time.Time
	current           atomic.Pointer[tls.Certificate]
}

// openCertificate reads the pair that c names; nil where it names none.
func openCertificate(c Config) (*certificate, error) {
	if c.TLSCert == "" && c.TLSKey == "" {
		return nil, nil
	}
	if c.TLSCert == "" || c.TLSKey == "" {
		return nil, outturn.Errorf(outturn.CodeInvalid, "--tls-cert and --tls-key go together: the file of a certificate, and that of its key.")
	}
	cert := &certificate{certFile: c.TLSCert, keyFile: c.TLSKey, log: c.Log, now: c.Now}
	return cert, cert.load()
}

// load reads the files and puts them in force.
func (c *certificate) load() error {
	certText, err := readPEM(c.certFile, "certificate")
	if err != nil {
		return err
	}
	keyText, err := readPEM(c.keyFile, "key of the certificate")
	if err != nil {
		return err
	}
	pair, err := tls.X509KeyPair(certText, keyText)
	if err != nil { // which tells nothing of the key
		return outturn.Errorf(outturn.CodeInvalid, "The certificate in %s and the key in %s do not work together: %w.", c.certFile, c.keyFile, err)
	}
	now := c.now()
	switch leaf := pair.Leaf; {
	case now.After(leaf.NotAfter):
		return outturn.Errorf(outturn.CodeInvalid, "The certificate in %s expired at %s. Renew it.", c.certFile, stamp(leaf.NotAfter))
	case now.Before(leaf.NotBefore):
		return outturn.Errorf(outturn.CodeInvalid, "The certificate in %s is good from %s on, and here it is %s. Which of the two is wrong?", c.certFile, stamp(leaf.NotBefore), stamp(now))
	}
	c.current.Store(&pair)
	return nil
}

func readPEM(path, what string) ([]byte, error) {
	text, err := os.ReadFile(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, outturn.Errorf(outturn.CodeInvalid, "There is no file %s, which should be the %s.", path, what)
	case errors.Is(err, fs.ErrPermission):
		return nil, outturn.Errorf(outturn.CodeInvalid, "You may not read %s, the %s. It must be readable for whom Outturn runs as.", path, what)
	case err != nil:
		return nil, outturn.Errorf(outturn.CodeInvalid, "The %s cannot be read: %w.", what, err)
	}
	return text, nil
}

func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339) }

// config is for a listener. What comes before TLS 1.2 is refused.
func (c *certificate) config() *tls.Config {
	return &tls.Config{
		MinVersion:     tls.VersionTLS12,
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return c.current.Load(), nil },
	}
}

func (c *certificate) expiry() time.Time { return c.current.Load().Leaf.NotAfter }

// soon is how long before the end of a certificate its operator is told.
const soon = 14 * 24 * time.Hour

// tell writes into the log until when the certificate in force is good.
func (c *certificate) tell() {
	left := c.expiry().Sub(c.now())
	log := c.log.With("file", c.certFile, "expires", stamp(c.expiry()))
	switch {
	case left <= 0:
		log.Error("the certificate has expired: clients refuse it. Renew it and send SIGHUP")
	case left <= soon:
		log.Warn(fmt.Sprintf("the certificate expires in %d days. Renew it and send SIGHUP", int(left.Hours()/24)))
	default:
		log.Info("the certificate is in force")
	}
}

// watch tells once a day of a certificate that expires soon, until ctx ends.
func (c *certificate) watch(ctx context.Context) {
	tick := time.NewTicker(24 * time.Hour)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			if c.expiry().Sub(c.now()) <= soon {
				c.tell()
			}
		case <-ctx.Done():
			return
		}
	}
}
