package delivery

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"time"

	"outturn"
	"outturn/internal/secret"
)

type contentLedger interface {
	Run(ctx context.Context, viewer, id string) (outturn.Run, error)
	Tenant(ctx context.Context, viewer, id string) (outturn.Tenant, error)
	// GeneratorName returns "" for one that is gone, or that viewer does not see any more.
	GeneratorName(ctx context.Context, viewer, id string) (string, error)
	// SkippedAt returns why a firing was skipped that was decided at an instant.
	SkippedAt(ctx context.Context, generator string, at time.Time) (string, error)
	WebhookKeys(ctx context.Context, id string) (outturn.Webhook, outturn.WebhookKeys, error)
	// KeepLink makes a link, or lets the one with its token live longer, and returns when
	// it ends; CodeNotFound and CodeGone where the file is no more.
	KeepLink(ctx context.Context, l outturn.Link, entry outturn.AuditEntry) (time.Time, error)
	Secret(ctx context.Context, name string) ([]byte, error)
	PutSecret(ctx context.Context, name string, sealed []byte) error
}

// linkSecret names the key that links in messages are made with.
const linkSecret = "delivery.links"

// openLinkKey returns the key that tokens of links are made with, made at first use. A
// message has the same links in each try, and the ledger keeps only their hashes.
func openLinkKey(ctx context.Context, ledger contentLedger, sealer secret.Sealer) ([]byte, error) {
	sealed, err := ledger.Secret(ctx, linkSecret)
	if err == nil {
		return sealer.Open(linkSecret, sealed)
	}
	if outturn.ErrorCode(err) != outturn.CodeNotFound {
		return nil, err
	}
	key := secret.NewKey()
	if sealed, err = sealer.Seal(linkSecret, key); err != nil {
		return nil, err
	}
	return key, ledger.PutSecret(ctx, linkSecret, sealed)
}

// A letter is what there is to tell, before it is put into the words of a webhook or a
// mail. Its JSON is the body that webhooks get.
type letter struct {
	Type      string    `json:"type"`
	Timestamp time.Time `json:"timestamp"`
	Data      struct {
		Run       *letterRun       `json:"run,omitempty"`
		Files     []letterFile     `json:"files,omitempty"`
		Generator *letterGenerator `json:"generator,omitempty"`
		Webhook   string           `json:"webhook,omitempty"` // of a test
	} `json:"data"`

	tenant outturn.Tenant
	run    outturn.Run
}

type letterRun struct {
	ID           string           `json:"id"`
	Name         string           `json:"name"`
	Tenant       string           `json:"tenant"`
	Dataset      string           `json:"dataset"`
	State        outturn.RunState `json:"state"`
	Window       *outturn.Window  `json:"window,omitempty"`
	Invoice      string           `json:"invoice,omitempty"` // of a run about one
	ScheduledFor time.Time        `json:"scheduled_for,omitzero"`
	CreatedAt    time.Time        `json:"created_at"`
	FinishedAt   time.Time        `json:"finished_at,omitzero"`
	Reason       *outturn.Reason  `json:"reason,omitempty"`
}

// A letterFile has no URL when the file is gone by now.
type letterFile struct {
	ID        string    `json:"id"`
	Name      string    `json:"name"`
	MediaType string    `json:"media_type"`
	Bytes     int64     `json:"bytes"`
	Rows      int64     `json:"rows"`
	SHA256    string    `json:"sha256"`
	URL       string    `json:"url,omitempty"`
	ExpiresAt time.Time `json:"expires_at,omitzero"`
}

type letterGenerator struct {
	ID      string `json:"id"`
	Name    string `json:"name,omitempty"`
	Message string `json:"message,omitempty"` // why it made no run
}

// errNobody says that whom a message was for is no more.
var errNobody = errors.New("the tenant of the message is gone")

// A composer writes letters.
type composer struct {
	ledger contentLedger
	key    []byte
	base   func() string
	now    func() time.Time
}

func (c composer) compose(ctx context.Context, d outturn.Delivery) (l letter, err error) {
	l.Type, l.Timestamp = d.Event, d.CreatedAt
	l.Data.Webhook = d.Webhook
	l.tenant, err = c.ledger.Tenant(ctx, d.Tenant, d.Tenant)
	if outturn.ErrorCode(err) == outturn.CodeNotFound {
		return l, errNobody
	}
	if err != nil {
		return l, err
	}
	if d.Generator != "" {
		name, err := c.ledger.GeneratorName(ctx, d.Tenant, d.Generator)
		if err != nil {
			return l, err
		}
		l.Data.Generator = &letterGenerator{ID: d.Generator, Name: name}
	}
	if d.Run == "" {
		if d.Event == outturn.RunFailedEvent && l.Data.Generator != nil {
			l.Data.Generator.Message, err = c.ledger.SkippedAt(ctx, d.Generator, d.CreatedAt)
		}
		return l, err
	}
	if l.run, err = c.ledger.Run(ctx, d.Tenant, d.Run); err != nil {
		return l, err
	}
	r := l.run
	l.Data.Run = &letterRun{
		ID: r.ID, Name: r.Name, Tenant: r.Tenant, Dataset: r.Request.Dataset, State: r.State, Window: r.Request.Window, Invoice: r.Request.Invoice,
		ScheduledFor: r.ScheduledFor, CreatedAt: r.CreatedAt, FinishedAt: r.FinishedAt, Reason: r.Reason,
	}
	for _, f := range r.Files {
		told := letterFile{ID: f.ID, Name: f.Name, MediaType: f.MediaType, Bytes: f.Bytes, Rows: f.Rows, SHA256: f.SHA256}
		if told.URL, told.ExpiresAt, err = c.link(ctx, d, f); err != nil {
			return l, err
		}
		l.Data.Files = append(l.Data.Files, told)
	}
	return l, nil
}

// link returns the link of a message to a file, "" where the file is gone.
func (c composer) link(ctx context.Context, d outturn.Delivery, f outturn.File) (string, time.Time, error) {
	mac := hmac.New(sha256.New, c.key)
	fmt.Fprintf(mac, "%s %s", d.ID, f.ID)
	token := outturn.LinkPrefix + base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
	hours := d.Destination.LinkHours
	if hours <= 0 {
		hours = outturn.DefaultLinkHours
	}
	by := "delivery:" + d.ID
	until, err := c.ledger.KeepLink(ctx, outturn.Link{
		File: f.ID, Tenant: d.Tenant, TokenHash: secret.Hash(token), CreatedBy: by,
		ExpiresAt: c.now().Add(time.Duration(hours) * time.Hour).UTC().Truncate(time.Second),
	}, outturn.AuditEntry{Subject: by, Via: "delivery", Action: "link.create", Detail: map[string]string{"file": f.ID, "run": f.Run, "sha256": f.SHA256}})
	switch outturn.ErrorCode(err) {
	case "":
		return c.base() + "/f/" + token, until, nil
	case outturn.CodeNotFound, outturn.CodeGone:
		return "", time.Time{}, nil
	}
	return "", time.Time{}, err
}
