package reporting

import (
	"context"
	"encoding/base64"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"outturn"
	"outturn/internal/secret"
)

type webhookLedger interface {
	CreateWebhook(ctx context.Context, w outturn.Webhook, keys outturn.WebhookKeys, entry outturn.AuditEntry) (outturn.Webhook, error)
	Webhook(ctx context.Context, viewer, id string) (outturn.Webhook, error)
	Webhooks(ctx context.Context, viewer string, q outturn.ListQuery) (outturn.List[outturn.Webhook], error)
	// UpdateWebhook changes what is at a version; 0 is any.
	UpdateWebhook(ctx context.Context, viewer, id string, version int, change func(*outturn.Webhook, *outturn.WebhookKeys) error, entry outturn.AuditEntry) (outturn.Webhook, error)
	DeleteWebhook(ctx context.Context, viewer, id string, version int, entry outturn.AuditEntry) error
	// TestWebhook queues a message of the event webhook.test.
	TestWebhook(ctx context.Context, viewer, id string, entry outturn.AuditEntry) (outturn.Delivery, error)
}

// A urlChecker says what is wrong with a URL that is to be called later.
type urlChecker interface {
	CheckURL(text string) error
}

// CreateWebhook keeps a URL of a tenant's that is told of events; without a tenant, of the
// principal's. Its secret is returned once.
func (s *Service) CreateWebhook(ctx context.Context, p outturn.Principal, w outturn.Webhook) (outturn.Webhook, secret.Text, error) {
	if err := s.permit(ctx, p, webhookCreate, w.Tenant); err != nil {
		return outturn.Webhook{}, "", err
	}
	tenant, err := s.tenantOf(ctx, p, w.Tenant)
	if err != nil {
		return outturn.Webhook{}, "", err
	}
	if err := s.checkWebhook(&w); err != nil {
		return outturn.Webhook{}, "", err
	}
	now := s.now()
	w.ID, w.Tenant, w.CreatedBy, w.DisabledFor = outturn.NewID(now), tenant.ID, p.Subject, ""
	shown, sealed, err := s.newWebhookSecret(w.ID)
	if err != nil {
		return outturn.Webhook{}, "", err
	}
	made, err := s.ledger.CreateWebhook(ctx, w, outturn.WebhookKeys{Sealed: sealed}, s.entry(p, webhookCreate, w.Tenant, w.ID, webhookDetail(w)))
	if err != nil {
		return outturn.Webhook{}, "", err
	}
	return made, shown, nil
}

// webhookDetail is what the audit has of a webhook. Its URL may hold a token, so only
// where it leads is kept.
func webhookDetail(w outturn.Webhook) map[string]string {
	return map[string]string{"name": w.Name, "host": hostOf(w.URL), "events": strings.Join(w.Events, " "), "enabled": strconv.FormatBool(w.Enabled)}
}

// hostOf is the host of a URL that was checked.
func hostOf(text string) string {
	_, rest, _ := strings.Cut(text, "://")
	host, _, _ := strings.Cut(rest, "/")
	host, _, _ = strings.Cut(host, "?")
	return host
}

// checkWebhook reports every fault of a webhook that is to be kept, and puts its events
// in order.
func (s *Service) checkWebhook(w *outturn.Webhook) error {
	var f faults
	f.name("name", w.Name)
	f.add("url", s.config.URLs.CheckURL(w.URL))
	for i, event := range w.Events {
		if !slices.Contains(outturn.DeliveryEvents, event) {
			f.add(fmt.Sprintf("events[%d]", i), outturn.Unknown("event", event, outturn.DeliveryEvents))
		}
	}
	w.Events = slices.Compact(slices.Sorted(slices.Values(w.Events)))
	return f.err()
}

// newWebhookSecret makes a secret as Standard Webhooks has them, and seals it.
func (s *Service) newWebhookSecret(webhook string) (secret.Text, []byte, error) {
	if s.config.Sealer == nil {
		return "", nil, outturn.Errorf(outturn.CodeUnavailable, "This installation keeps no secrets, so it has no webhooks.")
	}
	text := outturn.WebhookSecretPrefix + base64.StdEncoding.EncodeToString(secret.NewKey())
	sealed, err := s.config.Sealer.Seal(secret.ForWebhook(webhook), []byte(text))
	return secret.Text(text), sealed, err
}

// Webhook returns a webhook of the principal's tenant or of one below it.
func (s *Service) Webhook(ctx context.Context, p outturn.Principal, id string) (outturn.Webhook, error) {
	if err := s.permit(ctx, p, webhookRead, id); err != nil {
		return outturn.Webhook{}, err
	}
	return s.ledger.Webhook(ctx, p.Tenant, id)
}

// Webhooks lists the webhooks of the principal's tenant and of those below it.
func (s *Service) Webhooks(ctx context.Context, p outturn.Principal, q outturn.ListQuery) (outturn.List[outturn.Webhook], error) {
	if err := s.permit(ctx, p, webhookRead, ""); err != nil {
		return outturn.List[outturn.Webhook]{}, err
	}
	return s.ledger.Webhooks(ctx, p.Tenant, q)
}

// A WebhookUpdate is what is to change of a webhook; nil stays as it is.
type WebhookUpdate struct {
	Name    *string
	URL     *string
	Events  *[]string
	Enabled *bool
}

func (u WebhookUpdate) apply(w *outturn.Webhook) {
	if u.Name != nil {
		w.Name = *u.Name
	}
	if u.URL != nil {
		w.URL = *u.URL
	}
	if u.Events != nil {
		w.Events = *u.Events
	}
	if u.Enabled != nil {
		w.Enabled, w.DisabledFor = *u.Enabled, ""
	}
}

// UpdateWebhook changes a webhook that is still at the version that was read; 0 is any.
// Messages that wait go to its new URL.
func (s *Service) UpdateWebhook(ctx context.Context, p outturn.Principal, id string, version int, u WebhookUpdate) (outturn.Webhook, error) {
	if err := s.permit(ctx, p, webhookUpdate, id); err != nil {
		return outturn.Webhook{}, err
	}
	w, err := s.ledger.Webhook(ctx, p.Tenant, id)
	if err != nil {
		return outturn.Webhook{}, err
	}
	u.apply(&w)
	return s.ledger.UpdateWebhook(ctx, p.Tenant, id, version, func(w *outturn.Webhook, _ *outturn.WebhookKeys) error {
		u.apply(w)
		return s.checkWebhook(w)
	}, s.entry(p, webhookUpdate, "", id, webhookDetail(w)))
}

// RotateWebhook gives a webhook a new secret, which is returned once. For overlap each
// message is signed with the old one as well.
func (s *Service) RotateWebhook(ctx context.Context, p outturn.Principal, id string, overlap time.Duration) (outturn.Webhook, secret.Text, error) {
	if err := s.permit(ctx, p, webhookRotate, id); err != nil {
		return outturn.Webhook{}, "", err
	}
	if overlap < 0 || overlap > mostOverlap {
		return outturn.Webhook{}, "", outturn.InField("overlap", outturn.Errorf(outturn.CodeInvalid, "The old secret can stay good for at most 30 days."))
	}
	shown, sealed, err := s.newWebhookSecret(id)
	if err != nil {
		return outturn.Webhook{}, "", err
	}
	w, err := s.ledger.UpdateWebhook(ctx, p.Tenant, id, 0, func(_ *outturn.Webhook, k *outturn.WebhookKeys) error {
		old := outturn.WebhookKeys{Sealed: sealed}
		if overlap > 0 {
			old.Old, old.OldUntil = k.Sealed, s.now().Add(overlap)
		}
		*k = old
		return nil
	}, s.entry(p, webhookRotate, "", id, map[string]string{"overlap": overlap.String()}))
	if err != nil {
		return outturn.Webhook{}, "", err
	}
	return w, shown, nil
}

// TestWebhook sends a message of the event webhook.test, once, also to a webhook that is
// disabled. What came of it the delivery tells, a moment later.
func (s *Service) TestWebhook(ctx context.Context, p outturn.Principal, id string) (outturn.Delivery, error) {
	if err := s.permit(ctx, p, webhookTest, id); err != nil {
		return outturn.Delivery{}, err
	}
	d, err := s.ledger.TestWebhook(ctx, p.Tenant, id, s.entry(p, webhookTest, "", id, nil))
	if err == nil {
		s.config.Deliver()
	}
	return d, err
}

// DeleteWebhook takes a webhook away that is still at the version that was read; 0 is
// any. Generators that name it tell it nothing from then on.
func (s *Service) DeleteWebhook(ctx context.Context, p outturn.Principal, id string, version int) error {
	if err := s.permit(ctx, p, webhookDelete, id); err != nil {
		return err
	}
	w, err := s.ledger.Webhook(ctx, p.Tenant, id)
	if err != nil {
		return err
	}
	return s.ledger.DeleteWebhook(ctx, p.Tenant, id, version, s.entry(p, webhookDelete, "", id, webhookDetail(w)))
}
