package auth

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"time"

	"outturn"
	"outturn/internal/secret"
)

// A Request is what an edge knows of a request before it is known who sent it.
type Request struct {
	Method string
	// Scheme, Host, Path and Query are the URL as the client called it: the path as it
	// was escaped, the query without its question mark.
	Scheme, Host, Path, Query string
	Header                    http.Header
	// Form is the body of a form (application/x-www-form-urlencoded), which a
	// signature covers; other bodies are not signed.
	Form string
	// Subscribed: who has a subscription key must show it, too (CMP).
	Subscribed bool

	From, ID string // the caller's address and the id of its call
}

// mostHeader is more than any credential of ours has.
const mostHeader = 4 << 10

// Authenticate returns who sent a request. Refusals have CodeUnauthenticated, or
// CodeLimit after too many of them; other errors are faults of ours.
func (s *Service) Authenticate(ctx context.Context, r Request) (outturn.Principal, error) {
	header, zuora, err := credentials(r.Header)
	if err != nil {
		return outturn.Principal{}, err
	}
	if zuora {
		return s.zuora(ctx, r)
	}
	scheme, rest, _ := strings.Cut(header, " ")
	rest = strings.TrimSpace(rest)
	switch strings.ToLower(scheme) {
	case "bearer":
		return s.bearer(ctx, r, rest)
	case "oauth":
		return s.signed(ctx, r, rest)
	case "apikey":
		return s.apiKey(ctx, r, rest)
	case "basic":
		return outturn.Principal{}, refusal("HTTP Basic is for /oauth2/token and /token. Get an access token there and send it as Authorization: Bearer.")
	}
	if strings.HasPrefix(scheme, apiKeyPrefix) && rest == "" {
		return s.apiKey(ctx, r, scheme)
	}
	return outturn.Principal{}, refusal("The Authorization header is not understood. Send Bearer and an access token, ApiKey and a key, or OAuth and a signature.")
}

// credentials returns the Authorization header, or that there are the two headers of
// Zuora in its place. Who sends more than one credential is refused: which of them
// counts should not be for us to choose.
func credentials(h http.Header) (authorization string, zuora bool, err error) {
	var sent []string
	for _, name := range []string{"Authorization", zuoraKeyID, zuoraSecret} {
		values := h.Values(name)
		if len(values) > 1 {
			return "", false, refusal("The header %s came more than once. Send one credential.", name)
		}
		if len(values) == 1 && values[0] != "" {
			sent = append(sent, name)
			if len(values[0]) > mostHeader {
				return "", false, refusal("The header %s is longer than any credential.", name)
			}
		}
	}
	authorization = h.Get("Authorization")
	switch {
	case len(sent) == 0:
		return "", false, refusal("This needs credentials. Get an access token from /oauth2/token and send it as Authorization: Bearer, or send what the client's kind has in its place.")
	case authorization != "" && len(sent) > 1:
		return "", false, refusal("More than one kind of credential came. Send Authorization, or %s and %s.", zuoraKeyID, zuoraSecret)
	}
	return authorization, authorization == "", nil
}

func refusal(format string, args ...any) *outturn.Error {
	return outturn.Errorf(outturn.CodeUnauthenticated, format, args...)
}

// errWrong is the answer to a wrong secret, a revoked client and one that never was.
var errWrong = refusal("The credential is wrong, or its client was revoked.")

// A proof finds out whether a caller holds the secret of a client.
type proof func(outturn.Client) (bool, error)

// A sight is a way to look a client up.
type sight func(context.Context, string) (outturn.Client, error)

// prove returns the client of that id, and whether the caller holds its secret. What
// it does is the same for a wrong secret, a revoked client and one that never was:
// each way of looking is taken in turn until one shows a client that fits.
func (s *Service) prove(ctx context.Context, id string, p proof, ways ...sight) (client outturn.Client, held bool, err error) {
	for _, look := range ways {
		client, err = look(ctx, id)
		known := err == nil
		if !known {
			if outturn.ErrorCode(err) != outturn.CodeNotFound {
				return client, false, fmt.Errorf("look up client: %w", err)
			}
			client = outturn.Client{SecretHash: noHash, OldHash: noHash}
		}
		held, err := p(client)
		if err != nil {
			return client, false, err
		}
		if held && known && client.RevokedAt.IsZero() {
			return client, true, nil
		}
	}
	return client, false, nil
}

// noHash is compared with where there is no client, so that it takes as long.
var noHash = secret.Hash(secret.NewToken("").Reveal())

// holds is the proof of who shows the secret itself, and a subscription key where the
// client's kind has one.
func (s *Service) holds(shown, subscription secret.Text) proof {
	alone, pair := secret.Hash(shown.Reveal()), secret.Hash(secret.Pair(shown, subscription).Reveal())
	return func(c outturn.Client) (bool, error) {
		secrets, err := s.open(c)
		if err != nil {
			return false, err
		}
		current, old := secret.Hash(secrets[0]), secret.Hash(secrets[1])
		if c.Kind != outturn.ClientOAuth1 {
			current, old = c.SecretHash, c.OldHash
		}
		hash := alone
		if c.Kind == outturn.ClientCMP {
			hash = pair
		}
		isCurrent, isOld := secret.Equal(hash, current), secret.Equal(hash, old)
		return isCurrent || isOld && s.config.Now().Before(c.OldUntil), nil
	}
}

// open returns a client's secret and the one before it, where they are kept so that
// they can be read; in the place of each that is not, one that nobody has.
func (s *Service) open(c outturn.Client) (secrets [2]string, err error) {
	for i, sealed := range [][]byte{c.Sealed, c.OldSealed} {
		purpose := secret.ForClient(c.ID)
		if len(sealed) == 0 {
			sealed, purpose = s.decoy, decoyPurpose
		}
		plain, err := s.config.Sealer.Open(purpose, sealed)
		if err != nil {
			return secrets, fmt.Errorf("open the secret of client %s: %w", c.ID, err)
		}
		secrets[i] = string(plain)
	}
	return secrets, nil
}

const decoyPurpose = "client decoy"

// known returns a client whose credential came with the request itself, or why not.
// At each call it is looked for in the cache first; a secret that does not fit there
// may be new.
func (s *Service) known(ctx context.Context, r Request, kind outturn.ClientKind, id string, p proof) (outturn.Client, error) {
	if wait := s.throttle.wait(id, r.From, s.config.Now()); wait > 0 {
		return outturn.Client{}, tooMany(wait)
	}
	client, held, err := s.prove(ctx, id, p, s.remembered, s.freshClient)
	switch {
	case err != nil:
		return outturn.Client{}, err
	case !held:
		return outturn.Client{}, s.refuse(ctx, r, kind, id, client, "credential", errWrong)
	case client.Kind != kind:
		return outturn.Client{}, s.refuse(ctx, r, kind, id, client, "kind", refusal("%s", wrongKind(client.Kind)))
	}
	return client, nil
}

func tooMany(wait time.Duration) *outturn.Error {
	e := outturn.Errorf(outturn.CodeLimit, "Too many wrong credentials came for this client or from this address. Wait %d seconds.", int(wait.Seconds()+0.999))
	e.RetryAfter = wait
	return e
}

// wrongKind tells who has the right secret where it belongs.
func wrongKind(kind outturn.ClientKind) string {
	where := map[outturn.ClientKind]string{
		outturn.ClientOAuth2: "is exchanged for an access token at /oauth2/token",
		outturn.ClientOAuth1: "signs each request (Authorization: OAuth)",
		outturn.ClientAPIKey: "is sent with each request (Authorization: ApiKey)",
		outturn.ClientCMP:    "is exchanged for an access token at /token",
		outturn.ClientZuora:  "is sent as " + zuoraKeyID + " and " + zuoraSecret + ", or exchanged for an access token at /oauth2/token",
	}[kind]
	return "This is a key of the wrong kind: one of kind " + string(kind) + " " + where + "."
}

// refuse counts and notes a credential that was not taken, and returns why. The audit
// has no text that the caller sent.
func (s *Service) refuse(ctx context.Context, r Request, kind outturn.ClientKind, id string, client outturn.Client, fault string, why *outturn.Error) error {
	s.throttle.failed(id, r.From, s.config.Now())
	return s.noteRefusal(ctx, r, kind, client, fault, why)
}

func (s *Service) noteRefusal(ctx context.Context, r Request, kind outturn.ClientKind, client outturn.Client, fault string, why *outturn.Error) error {
	err := s.audit(ctx, outturn.AuditEntry{
		Action: signIn, Via: string(kind), Outcome: string(why.Code), From: r.From, Request: r.ID,
		Detail: map[string]string{"error": fault},
	}, client)
	if err != nil {
		return err
	}
	return why
}

// signIn is the action of who comes in with each request; token.issue is that of who
// gets a token.
const signIn = "client.sign_in"

// admit makes a client the principal that it is.
func (s *Service) admit(ctx context.Context, r Request, c outturn.Client, role outturn.Role) outturn.Principal {
	s.touch(ctx, c.ID)
	return principal(r, c, role)
}

func principal(r Request, c outturn.Client, role outturn.Role) outturn.Principal {
	return outturn.Principal{
		Subject: subjectOf(c.ID), Kind: "client", Name: c.Name, Tenant: c.Tenant,
		Roles: []outturn.Role{role}, Via: string(c.Kind), From: r.From, Request: r.ID,
	}
}

func subjectOf(client string) string { return "client:" + client }

// admitKeyed admits a client that shows its credential with each request. The audit
// has its first one of each hour: a row for each would bury all others.
func (s *Service) admitKeyed(ctx context.Context, r Request, c outturn.Client) (outturn.Principal, error) {
	hour := s.config.Now().UTC().Truncate(time.Hour)
	if s.mark(c.ID, hour) {
		err := s.audit(ctx, outturn.AuditEntry{Action: signIn, Via: string(c.Kind), From: r.From, Request: r.ID}, c)
		if err != nil {
			s.mark(c.ID, time.Time{})
			return outturn.Principal{}, err
		}
	}
	return s.admit(ctx, r, c, c.Role), nil
}

// mark sets the hour that the audit has a client's sign-in of, and says whether it
// was another.
func (s *Service) mark(id string, hour time.Time) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	cached, ok := s.clients[id]
	if ok && cached.signedIn.Equal(hour) {
		return false
	}
	cached.signedIn = hour
	if ok {
		s.clients[id] = cached
	}
	return true
}

// audit notes who came in, and who was not let in. The id of a client that never was
// is not noted: it may be a secret, sent in the wrong place.
func (s *Service) audit(ctx context.Context, entry outturn.AuditEntry, client outturn.Client) error {
	now := s.config.Now()
	entry.ID, entry.At = outturn.NewID(now), now.UTC()
	entry.Tenant, entry.Subject, entry.Object = client.Tenant, subjectOf(client.ID), client.ID
	if entry.Outcome == "" {
		entry.Outcome = "ok"
	}
	if client.ID == "" {
		entry.Subject = "unknown"
	}
	if entry.Tenant == "" {
		root, err := s.rootTenant(ctx)
		if outturn.ErrorCode(err) == outturn.CodeNotFound {
			return nil // nobody whom it could concern
		}
		if err != nil {
			return err
		}
		entry.Tenant = root
	}
	if err := s.config.Ledger.Audit(context.WithoutCancel(ctx), entry); err != nil {
		return fmt.Errorf("audit: %w", err)
	}
	return nil
}

func (s *Service) rootTenant(ctx context.Context) (string, error) {
	s.mu.Lock()
	root := s.root
	s.mu.Unlock()
	if root != "" {
		return root, nil
	}
	t, err := s.config.Ledger.Root(ctx)
	if err != nil {
		return "", err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.root = t.ID
	return t.ID, nil
}

var errNotCached = outturn.Errorf(outturn.CodeNotFound, "The client is not in the cache.")
