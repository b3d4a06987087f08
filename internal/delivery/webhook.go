package delivery

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"outturn"
	"outturn/internal/guard"
	"outturn/internal/secret"
)

// classStatus is the class of an attempt that was answered, and not with success.
const classStatus = "status"

// mostDrained is how much is read of an answer that nobody looks at.
const mostDrained = 4 << 10

// sendWebhook posts a message, signed as https://www.standardwebhooks.com says: its id is
// the same in each try, its time and signatures are those of this one.
func (w *Worker) sendWebhook(ctx context.Context, d outturn.Delivery) (result, error) {
	hook, keys, err := w.Ledger.WebhookKeys(ctx, d.Webhook)
	if outturn.ErrorCode(err) == outturn.CodeNotFound || err == nil && !hook.Enabled && d.Event != outturn.WebhookTestEvent {
		return result{class: outturn.DeliveryDisabled, final: true, ours: true}, nil
	}
	if err != nil {
		return result{}, err
	}
	l, err := w.composer.compose(ctx, d)
	if errors.Is(err, errNobody) {
		return result{class: outturn.DeliveryDisabled, final: true, ours: true}, nil
	}
	if err != nil {
		return result{}, err
	}
	body, err := json.Marshal(l)
	if err != nil {
		return result{}, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, hook.URL, bytes.NewReader(body))
	if err != nil {
		return result{class: string(guard.ClassRefused), final: true}, nil //nolint:nilerr // a URL that was saved and is none
	}
	now := w.Now()
	signatures, err := w.sign(hook.ID, keys, d.ID, now, body)
	if err != nil {
		return result{}, err
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("User-Agent", "Outturn/"+w.Version)
	req.Header.Set("Webhook-Id", d.ID)
	req.Header.Set("Webhook-Timestamp", strconv.FormatInt(now.Unix(), 10))
	req.Header.Set("Webhook-Signature", strings.Join(signatures, " "))
	res, err := w.Client.Do(req)
	if err != nil {
		return callFailed(ctx, err), nil
	}
	defer res.Body.Close()
	_, _ = io.CopyN(io.Discard, res.Body, mostDrained) // what it says beside its status counts for nothing
	return answered(res, now), nil
}

// answered is what an answer means.
func answered(res *http.Response, now time.Time) result {
	r := result{status: res.StatusCode, class: classStatus}
	switch {
	case res.StatusCode >= 200 && res.StatusCode < 300:
		r.ok, r.class = true, ""
	case res.StatusCode == http.StatusGone:
		r.gone = true
	default:
		r.retryAfter = retryAfter(res.Header.Get("Retry-After"), now)
	}
	return r
}

func retryAfter(text string, now time.Time) time.Duration {
	if seconds, err := strconv.ParseUint(text, 10, 31); err == nil {
		return time.Duration(seconds) * time.Second
	}
	if at, err := http.ParseTime(text); err == nil {
		return max(0, at.Sub(now))
	}
	return 0
}

func callFailed(ctx context.Context, err error) result {
	var failed *guard.Error
	switch {
	case errors.As(err, &failed):
		return result{class: string(failed.Class)}
	case ctx.Err() != nil:
		return result{class: string(guard.ClassTimeout)}
	}
	return result{class: string(guard.ClassProtocol)}
}

// sign returns the signatures of a message: with the secret, and for a while after a
// rotation with the one before.
func (w *Worker) sign(webhook string, keys outturn.WebhookKeys, id string, at time.Time, body []byte) ([]string, error) {
	sealed := [][]byte{keys.Sealed}
	if len(keys.Old) > 0 && at.Before(keys.OldUntil) {
		sealed = append(sealed, keys.Old)
	}
	var signatures []string
	for _, s := range sealed {
		text, err := w.Sealer.Open(secret.ForWebhook(webhook), s)
		if err != nil {
			return nil, fmt.Errorf("open the secret of webhook %s: %w", webhook, err)
		}
		key, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(string(text), outturn.WebhookSecretPrefix))
		if err != nil {
			return nil, fmt.Errorf("read the secret of webhook %s: %w", webhook, err)
		}
		mac := hmac.New(sha256.New, key)
		fmt.Fprintf(mac, "%s.%d.", id, at.Unix())
		mac.Write(body)
		signatures = append(signatures, "v1,"+base64.StdEncoding.EncodeToString(mac.Sum(nil)))
	}
	return signatures, nil
}
