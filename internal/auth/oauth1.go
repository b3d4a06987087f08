package auth

import (
	"context"
	"crypto/hmac"
	"crypto/sha1" // the protocol has it, and as a HMAC it is not broken
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"hash"
	"slices"
	"strconv"
	"strings"
	"time"

	"outturn"
)

// A pair is a parameter, decoded.
type pair struct{ name, value string }

// signed admits the client that signed a request: OAuth 1.0a (RFC 5849) without a
// token, by the parameters of the Authorization header.
func (s *Service) signed(ctx context.Context, r Request, header string) (outturn.Principal, error) {
	o, err := parseOAuth(header)
	if err == nil {
		err = o.alone(r)
	}
	if err != nil {
		return outturn.Principal{}, err
	}
	client, err := s.known(ctx, r, outturn.ClientOAuth1, o.consumer, s.hasSigned(r, o))
	if err != nil {
		return outturn.Principal{}, err
	}
	if fault, why := s.replayed(client, o); why != nil {
		return outturn.Principal{}, s.refuseReplay(ctx, r, client, fault, why)
	}
	return s.admitKeyed(ctx, r, client)
}

// refuseReplay refuses what was rightly signed, but came before or at another time. Who
// sends it guesses nothing: a proxy that repeats requests would lock its client out, so
// it does not count for the throttle of wrong secrets. It counts for one of its own,
// which bounds only how many rows the audit gets of who repeats one request for ever.
func (s *Service) refuseReplay(ctx context.Context, r Request, c outturn.Client, fault string, why *outturn.Error) error {
	now := s.config.Now()
	if s.replays.wait(c.ID, r.From, now) > 0 {
		return why
	}
	s.replays.failed(c.ID, r.From, now)
	return s.noteRefusal(ctx, r, outturn.ClientOAuth1, c, fault, why)
}

// An oauth is the parameters of an Authorization header.
type oauth struct {
	params []pair // those that are signed
	method func() hash.Hash

	consumer, nonce, signature string
	timestamp                  int64
}

// methods are the ways to sign that are taken. PLAINTEXT is none of them: it sends the
// secret itself.
var methods = map[string]func() hash.Hash{"HMAC-SHA1": sha1.New, "HMAC-SHA256": sha256.New}

// mostNonce is how many characters a nonce may have.
const mostNonce = 128

// parseOAuth reads what follows the word OAuth (RFC 5849 section 3.5.1).
func parseOAuth(header string) (o oauth, err error) {
	params, ok := parseParams(header)
	if !ok {
		return o, refusal(`The parameters of OAuth are not understood. Send name="value", with commas between them and values percent-encoded.`)
	}
	values := map[string]string{}
	for _, p := range params {
		if _, twice := values[p.name]; twice {
			return o, refusal("A parameter of OAuth came twice.")
		}
		values[p.name] = p.value
		if p.name != "oauth_signature" && !strings.EqualFold(p.name, "realm") {
			o.params = append(o.params, p)
		}
	}
	o.consumer, o.nonce, o.signature = values["oauth_consumer_key"], values["oauth_nonce"], values["oauth_signature"]
	version, versioned := values["oauth_version"]
	timestamp, err := strconv.ParseUint(values["oauth_timestamp"], 10, 40)
	switch {
	case o.consumer == "" || len(o.consumer) > mostID || o.signature == "":
		return o, refusal("OAuth needs oauth_consumer_key and oauth_signature.")
	case versioned && version != "1.0":
		return o, refusal("oauth_version must be 1.0, or left out.")
	case values["oauth_token"] != "":
		return o, refusal("There are no OAuth tokens here: sign with the consumer's key and secret alone.")
	case err != nil:
		return o, refusal("oauth_timestamp must be the number of seconds since 1970.")
	case o.nonce == "" || len(o.nonce) > mostNonce:
		return o, refusal("oauth_nonce must have 1 to %d characters.", mostNonce)
	}
	o.timestamp = int64(timestamp)
	if o.method = methods[values["oauth_signature_method"]]; o.method == nil {
		return o, refusal("oauth_signature_method must be HMAC-SHA1 or HMAC-SHA256.")
	}
	return o, nil
}

// parseParams reads name="value", … . Blanks may stand around each, and elements may
// be empty, as in any list of HTTP.
func parseParams(text string) (params []pair, ok bool) {
	const blanks = " \t\r\n"
	for {
		text = strings.TrimLeft(text, blanks+",")
		if text == "" {
			return params, len(params) > 0
		}
		name, rest, found := strings.Cut(text, "=")
		rest, quoted := strings.CutPrefix(strings.TrimLeft(rest, blanks), `"`)
		value, rest, closed := strings.Cut(rest, `"`)
		rest = strings.TrimLeft(rest, blanks)
		if !found || !quoted || !closed || rest != "" && rest[0] != ',' {
			return nil, false
		}
		p := pair{}
		var nameOK, valueOK bool
		p.name, nameOK = unescape(strings.TrimRight(name, blanks), false)
		p.value, valueOK = unescape(value, false)
		if !nameOK || !valueOK || p.name == "" {
			return nil, false
		}
		params, text = append(params, p), rest
	}
}

// alone refuses parameters of the protocol that come beside the header.
func (o oauth) alone(r Request) error {
	for _, p := range append(formPairs(r.Query), formPairs(r.Form)...) {
		if strings.HasPrefix(p.name, "oauth_") {
			return refusal("Parameters of OAuth came outside of the Authorization header. Send them there alone.")
		}
	}
	return nil
}

// hasSigned is the proof of who signed a request. Where nothing fits, all there is has
// been tried.
func (s *Service) hasSigned(r Request, o oauth) proof {
	whole := o.base(r, false)
	return func(c outturn.Client) (bool, error) {
		secrets, err := s.open(c)
		if err != nil {
			return false, err
		}
		fits := func(base string) bool {
			current := o.signs(secrets[0], base)
			return current || o.signs(secrets[1], base) && s.config.Now().Before(c.OldUntil)
		}
		if fits(whole) {
			return true, nil
		}
		if s.config.WholeQuery {
			return false, nil
		}
		short := o.base(r, true)
		return short != whole && fits(short), nil
	}
}

func (o oauth) signs(key, base string) bool {
	return subtle.ConstantTimeCompare([]byte(o.sign(key, base)), []byte(o.signature)) == 1
}

// sign returns the signature of a base string (RFC 5849 section 3.4.2); the part of
// the key that is a token's is empty.
func (o oauth) sign(key, base string) string {
	mac := hmac.New(o.method, []byte(escape(key)+"&"))
	mac.Write([]byte(base))
	return base64.StdEncoding.EncodeToString(mac.Sum(nil))
}

// base returns the signature base string (RFC 5849 section 3.4.1). With short it is
// that of clients which leave out parameters without a value.
func (o oauth) base(r Request, short bool) string {
	var encoded []pair
	add := func(p pair) { encoded = append(encoded, pair{escape(p.name), escape(p.value)}) }
	for _, p := range o.params {
		add(p)
	}
	for _, p := range append(formPairs(r.Query), formPairs(r.Form)...) {
		if p.value != "" || !short {
			add(p)
		}
	}
	slices.SortFunc(encoded, func(a, b pair) int {
		if by := strings.Compare(a.name, b.name); by != 0 {
			return by
		}
		return strings.Compare(a.value, b.value)
	})
	var params strings.Builder
	for i, p := range encoded {
		if i > 0 {
			params.WriteByte('&')
		}
		params.WriteString(p.name)
		params.WriteByte('=')
		params.WriteString(p.value)
	}
	return escape(strings.ToUpper(r.Method)) + "&" + escape(baseURL(r)) + "&" + escape(params.String())
}

// baseURL is the URL as it is signed: without a query, and without a port that goes
// without saying.
func baseURL(r Request) string {
	scheme, host, path := strings.ToLower(r.Scheme), strings.ToLower(r.Host), r.Path
	switch scheme {
	case "http":
		host = strings.TrimSuffix(host, ":80")
	case "https":
		host = strings.TrimSuffix(host, ":443")
	}
	if path == "" {
		path = "/"
	}
	return scheme + "://" + host + path
}

// formPairs reads a query or a form. What has no = is a name without a value: RQL's
// limit(0,10) is one. A percent sign that encodes nothing stands for itself.
func formPairs(text string) (pairs []pair) {
	for part := range strings.SplitSeq(text, "&") {
		if part == "" {
			continue
		}
		name, value, _ := strings.Cut(part, "=")
		var p pair
		p.name, _ = unescape(name, true)
		p.value, _ = unescape(value, true)
		pairs = append(pairs, p)
	}
	return pairs
}

// unescape decodes percent-encoding; in a form a plus is a blank. ok is false where a
// percent sign encodes nothing.
func unescape(text string, form bool) (decoded string, ok bool) {
	if !strings.ContainsAny(text, "%+") {
		return text, true
	}
	out, ok := make([]byte, 0, len(text)), true
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case c == '+' && form:
			out = append(out, ' ')
		case c == '%' && i+2 < len(text) && isHex(text[i+1]) && isHex(text[i+2]):
			out = append(out, unhex(text[i+1])<<4|unhex(text[i+2]))
			i += 2
		default:
			ok = ok && c != '%'
			out = append(out, c)
		}
	}
	return string(out), ok
}

func isHex(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c && c <= 'f' || 'A' <= c && c <= 'F'
}

func unhex(c byte) byte {
	switch {
	case c <= '9':
		return c - '0'
	case c <= 'F':
		return c - 'A' + 10
	}
	return c - 'a' + 10
}

// escape encodes all but the unreserved characters (RFC 5849 section 3.6), which is
// stricter than anything in net/url.
func escape(text string) string {
	const hexDigits = "0123456789ABCDEF"
	out := make([]byte, 0, len(text)+len(text)/2)
	for i := range len(text) {
		switch c := text[i]; {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', c == '-', c == '.', c == '_', c == '~':
			out = append(out, c)
		default:
			out = append(out, '%', hexDigits[c>>4], hexDigits[c&15])
		}
	}
	return string(out)
}

// replayed says what is wrong with the time or the nonce of a request that a client
// has signed. The nonces of before this process started are not known: what was signed
// until then is refused.
func (s *Service) replayed(c outturn.Client, o oauth) (fault string, why *outturn.Error) {
	now := s.config.Now()
	at := time.Unix(o.timestamp, 0)
	if off := at.Sub(now.Truncate(time.Second)); off > timestampWindow || off < -timestampWindow {
		return "timestamp", refusal("oauth_timestamp is %d seconds away from the server's clock, which shows %d. At most %d are taken.",
			int64(off.Abs()/time.Second), now.Unix(), int64(timestampWindow/time.Second))
	}
	if o.timestamp <= s.started.Unix() {
		return "restarted", refusal("The request was signed before the server started, by the server's clock, which shows %d. Sign it again.", now.Unix())
	}
	switch s.nonces.use(c.ID, o.timestamp, o.nonce, now) {
	case nonceSeen:
		return "nonce", refusal("The request came before: its oauth_nonce was used with this oauth_timestamp.")
	case nonceFull:
		full := outturn.Errorf(outturn.CodeLimit, "Too many requests were signed within %d seconds: at most %d are remembered. Exchange the credential for another kind, or wait.",
			int64(2*timestampWindow/time.Second), mostNonces)
		full.RetryAfter = time.Second
		return "nonces", full
	}
	return "", nil
}
