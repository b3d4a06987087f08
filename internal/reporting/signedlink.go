package reporting

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"maps"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"outturn"
	"outturn/internal/secret"
)

// leastSignedLife is the least that Limits.SignedLife may be: signed links end with an
// hour.
const leastSignedLife = time.Hour

// MayLink says whether p may be given links to files at all; SignLinks refuses who may
// not, and the audit has each refusal.
func MayLink(p outturn.Principal) bool { return slices.ContainsFunc(p.Roles, linkCreate.may) }

// SignLinks makes a link to each of files, for who was shown their runs: the path below
// the server's address, which ends with the file's name. All are good until the same full
// hour, Limits.SignedLife from now or a little more, so that who asks again within the
// hour is given the same; none outlives its file. The path is "" for a file that p may
// see and not fetch. What is another's is CodeNotFound.
//
// The links are kept nowhere, so making them costs no row and leaves no entry in the
// audit; each download has one. They end with the client that got them, and by EndLinks.
func (s *Service) SignLinks(ctx context.Context, p outturn.Principal, files []outturn.File) (paths []string, until time.Time, err error) {
	first := ""
	if len(files) > 0 {
		first = files[0].ID
	}
	if err := s.permit(ctx, p, linkCreate, first); err != nil {
		return nil, time.Time{}, err
	}
	client, isClient := strings.CutPrefix(p.Subject, "client:")
	if !isClient || len(client) > mostClientID {
		return nil, time.Time{}, outturn.Errorf(outturn.CodeForbidden, "Such links are for clients, whose end is theirs too.")
	}
	grounds, err := s.linkGrounds(ctx, p, files)
	if err != nil {
		return nil, time.Time{}, err
	}
	key, err := s.signingKey(ctx)
	if err != nil {
		return nil, time.Time{}, err
	}
	now := s.now()
	until = now.Add(s.config.Limits.SignedLife + time.Hour - 1).Truncate(time.Hour)
	signer := hmac.New(sha256.New, key)
	paths = make([]string, len(files))
	for i := range files {
		f := &files[i]
		switch {
		case !grounds.Tenants[f.Tenant]:
			return nil, time.Time{}, outturn.Errorf(outturn.CodeNotFound, "There is no file %s.", outturn.Shown(f.ID))
		case grounds.Barred[f.Run]:
			continue
		}
		l := signedLink{end: until, ended: grounds.Ended[f.ID], client: client}
		if l.file, err = parseID(f.ID); err != nil {
			return nil, time.Time{}, err
		}
		paths[i] = "/f/" + l.token(signer) + "/" + url.PathEscape(f.Name)
	}
	return paths, until, nil
}

// linkGrounds asks the ledger once, whatever the number of files.
func (s *Service) linkGrounds(ctx context.Context, p outturn.Principal, files []outturn.File) (outturn.LinkGrounds, error) {
	tenants := map[string]bool{}
	for i := range files {
		tenants[files[i].Tenant] = true
	}
	var barred []string // see permitFile
	if !slices.ContainsFunc(p.Roles, auditExport.may) {
		for _, d := range s.config.Catalog.Datasets() {
			if d.Own() {
				barred = append(barred, d.Name)
			}
		}
	}
	return s.ledger.LinkGrounds(ctx, p.Tenant, slices.Collect(maps.Keys(tenants)), barred)
}

// followSigned finds out where a signed link leads. Of a token that was not signed it
// tells nothing, so that trying teaches nothing.
func (s *Service) followSigned(ctx context.Context, token string) (openLink, error) {
	l, genuine, err := s.readSigned(ctx, token)
	if err != nil {
		return openLink{}, err
	}
	if !genuine {
		return openLink{}, errNoLink
	}
	f, ended, err := s.ledger.SignedLink(ctx, l.client, formatID(l.file))
	switch {
	case err != nil:
		return openLink{}, err
	case !ended.Equal(l.ended):
		return openLink{}, outturn.Errorf(outturn.CodeGone, "This link was taken back. Ask whoever sent it for a new one.")
	case !s.now().Before(l.end):
		return openLink{}, outturn.Errorf(outturn.CodeGone, "This link was good until %s. Ask whoever sent it for a new one.", l.end.Format("2006-01-02 15:04 MST"))
	}
	detail := map[string]string{"given_to": "client:" + l.client, "expires_at": l.end.Format(time.RFC3339)}
	return openLink{f, "link:" + l.client, f.ID, detail}, nil
}

// readSigned reads a token and says whether one of the keys has signed it.
func (s *Service) readSigned(ctx context.Context, token string) (signedLink, bool, error) {
	signed, mac, ok := splitToken(token)
	if !ok || s.config.Sealer == nil {
		return signedLink{}, false, nil
	}
	// Another process may have signed with a key that it has just made.
	for _, age := range []time.Duration{linkKeyAge, freshLinkKeyAge} {
		keys, err := s.readLinkKeys(ctx, age)
		if outturn.ErrorCode(err) == outturn.CodeNotFound {
			return signedLink{}, false, nil // nothing was ever signed
		}
		if err != nil {
			return signedLink{}, false, err
		}
		genuine := false
		for _, k := range keys.list { // all of them, so that the time does not tell which it was
			genuine = hmac.Equal(mac, sign(hmac.New(sha256.New, k.Key), signed)) && s.isLive(k) || genuine
		}
		if genuine {
			l, ok := parseSigned(signed)
			return l, ok, nil
		}
	}
	return signedLink{}, false, nil
}

// A signedLink is what a token says: to which file, until when, and who got it.
//
//	otf_ base64url( file, 16 · end, 4, in hours · ended, varint, in µs · client, the rest · MAC, 16 )
//
// ended is when links to the file had last been ended: once they are again, the ledger
// has another time than the token.
type signedLink struct {
	file   [16]byte
	end    time.Time
	ended  time.Time // zero: never
	client string
}

// Parts of a token. 128 bits of a MAC that nobody but the server can try are more than
// anybody tries.
const (
	macBytes     = 16
	headBytes    = 16 + 4
	mostClientID = 64
)

// signedPurpose goes before what is signed, so that nothing else that these keys may once
// sign is taken for a link.
const signedPurpose = "outturn link 1\x00"

func (l signedLink) token(mac hash.Hash) string {
	b := make([]byte, 0, 128)
	b = append(b, l.file[:]...)
	b = binary.BigEndian.AppendUint32(b, uint32(l.end.Unix()/3600))
	ended := uint64(0)
	if !l.ended.IsZero() {
		ended = uint64(l.ended.UnixMicro())
	}
	b = binary.AppendUvarint(b, ended)
	b = append(b, l.client...)
	b = append(b, sign(mac, b)...)
	return outturn.SignedLinkPrefix + base64.RawURLEncoding.EncodeToString(b)
}

func sign(mac hash.Hash, b []byte) []byte {
	mac.Reset()
	mac.Write([]byte(signedPurpose))
	mac.Write(b)
	return mac.Sum(nil)[:macBytes]
}

// splitToken returns what is signed and its MAC. There is one way to write a token:
// whatever else decodes to the same bytes is none.
func splitToken(token string) (signed, mac []byte, ok bool) {
	text := strings.TrimPrefix(token, outturn.SignedLinkPrefix)
	b, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil || len(b) < headBytes+1+macBytes || base64.RawURLEncoding.EncodeToString(b) != text {
		return nil, nil, false
	}
	at := len(b) - macBytes
	return b[:at], b[at:], true
}

func parseSigned(b []byte) (l signedLink, ok bool) {
	copy(l.file[:], b)
	l.end = time.Unix(int64(binary.BigEndian.Uint32(b[16:]))*3600, 0).UTC()
	ended, n := binary.Uvarint(b[headBytes:])
	if n <= 0 {
		return l, false
	}
	if ended > 0 {
		l.ended = time.UnixMicro(int64(ended)).UTC()
	}
	l.client = string(b[headBytes+n:])
	return l, true
}

// parseID returns the bytes of an id as outturn.NewID writes it.
func parseID(text string) (id [16]byte, err error) {
	b, err := hex.DecodeString(strings.ReplaceAll(text, "-", ""))
	if err == nil && len(b) == len(id) {
		id = [16]byte(b)
	}
	if formatID(id) != text {
		return id, fmt.Errorf("the id %s of a file is none", outturn.Shown(text))
	}
	return id, nil
}

func formatID(id [16]byte) string {
	h := hex.EncodeToString(id[:])
	return h[:8] + "-" + h[8:12] + "-" + h[12:16] + "-" + h[16:20] + "-" + h[20:]
}

const (
	// linkKeysName is what the keys that sign links are kept under in the ledger.
	linkKeysName = "links.signing"
	// linkKeyLife is how long a key signs.
	linkKeyLife = 30 * 24 * time.Hour
	// linkKeyAge is how old what is known of the keys may be, and freshLinkKeyAge where a
	// token was signed with none of them. Who sends made-up tokens has the ledger asked
	// once a second.
	linkKeyAge      = 5 * time.Second
	freshLinkKeyAge = time.Second
)

// A linkKey signs links. After a rotation it only opens them, until the last that it has
// signed is over.
type linkKey struct {
	Key       []byte    `json:"key"`
	CreatedAt time.Time `json:"created_at"`
	RetiredAt time.Time `json:"retired_at,omitzero"`
}

// isLive says whether a link that k has signed may be good. Other processes sign with an
// old key until they hear of the new one.
func (s *Service) isLive(k linkKey) bool {
	return k.RetiredAt.IsZero() || s.now().Before(k.RetiredAt.Add(mostLinkLife+time.Hour+2*linkKeyAge))
}

// linkKeys are the keys as the ledger had them a moment ago, the one that signs first.
type linkKeys struct {
	list   []linkKey
	sealed []byte // as it is kept
	at     time.Time
}

// knownLinkKeys are what a Service last read.
type knownLinkKeys struct {
	mu sync.Mutex
	linkKeys
}

func (k *knownLinkKeys) get() linkKeys {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.linkKeys
}

func (k *knownLinkKeys) set(keys linkKeys) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.linkKeys = keys
}

// TendLinkKeys replaces the key that signs links where it is older than 30 days. Whoever
// runs for long calls it now and then.
func (s *Service) TendLinkKeys(ctx context.Context) error {
	keys, err := s.readLinkKeys(ctx, 0)
	if outturn.ErrorCode(err) == outturn.CodeNotFound {
		return nil // the first is made when it is needed
	}
	if err != nil || s.now().Sub(keys.list[0].CreatedAt) < linkKeyLife {
		return err
	}
	return s.RotateLinkKey(ctx)
}

// RotateLinkKey makes a new key, which signs from now on, in other processes within
// linkKeyAge. Links that the old one has signed stay good until they are over.
func (s *Service) RotateLinkKey(ctx context.Context) error { return s.newLinkKey(ctx, false) }

// newLinkKey makes a new key; where it is to be the first, only if there is none.
func (s *Service) newLinkKey(ctx context.Context, first bool) error {
	old, err := s.readLinkKeys(ctx, 0)
	if err != nil && outturn.ErrorCode(err) != outturn.CodeNotFound {
		return err
	}
	if first && err == nil { // another process was faster, and signs with it
		return nil
	}
	if s.config.Sealer == nil {
		return errors.New("reporting: there is no key to seal the keys of links under")
	}
	now := s.now()
	fresh := linkKeys{list: []linkKey{{Key: secret.NewKey(), CreatedAt: now}}, at: now}
	for _, k := range old.list {
		if k.RetiredAt.IsZero() {
			k.RetiredAt = now
		}
		if s.isLive(k) {
			fresh.list = append(fresh.list, k)
		}
	}
	if fresh.sealed, err = secret.SealJSON(s.config.Sealer, linkKeysName, fresh.list); err != nil {
		return err
	}
	err = s.ledger.SwapSecret(ctx, linkKeysName, old.sealed, fresh.sealed)
	if outturn.ErrorCode(err) == outturn.CodeConflict { // another process has made one just now
		_, err = s.readLinkKeys(ctx, 0)
		return err
	}
	if err != nil {
		return fmt.Errorf("keep the keys of links: %w", err)
	}
	s.linkKeys.set(fresh)
	if len(old.list) > 0 {
		s.config.Log.InfoContext(ctx, "A new key signs links.")
	}
	return nil
}

// signingKey returns the key that signs links, made at first use.
func (s *Service) signingKey(ctx context.Context) ([]byte, error) {
	keys, err := s.readLinkKeys(ctx, linkKeyAge)
	if outturn.ErrorCode(err) == outturn.CodeNotFound {
		if err := s.newLinkKey(ctx, true); err != nil {
			return nil, err
		}
		keys, err = s.readLinkKeys(ctx, linkKeyAge)
	}
	if err != nil {
		return nil, err
	}
	return keys.list[0].Key, nil
}

// readLinkKeys returns the keys as the ledger had them less than age ago; CodeNotFound
// before the first was made.
func (s *Service) readLinkKeys(ctx context.Context, age time.Duration) (linkKeys, error) {
	known := s.linkKeys.get()
	if is := s.now().Sub(known.at); len(known.list) > 0 && is >= 0 && is < age {
		return known, nil
	}
	keys := linkKeys{at: s.now()}
	var err error
	if keys.sealed, err = s.ledger.Secret(ctx, linkKeysName); err != nil {
		return linkKeys{}, err
	}
	if s.config.Sealer == nil {
		return linkKeys{}, errors.New("reporting: there is no key to open the keys of links with")
	}
	err = secret.OpenJSON(s.config.Sealer, linkKeysName, keys.sealed, &keys.list)
	if errors.Is(err, secret.ErrSealed) {
		return linkKeys{}, fmt.Errorf("the keys that sign links are in the ledger, but the key file is not the one that they were sealed with; put back the key file that belongs to this ledger: %w", err)
	}
	if err == nil && (len(keys.list) == 0 || slices.ContainsFunc(keys.list, func(k linkKey) bool { return len(k.Key) != secret.KeyBytes })) {
		err = errors.New("the keys that sign links: the ledger holds none")
	}
	if err != nil {
		return linkKeys{}, err
	}
	s.linkKeys.set(keys)
	return keys, nil
}
