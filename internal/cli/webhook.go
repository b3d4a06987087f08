package cli

import (
	"context"
	"fmt"
	"io"
	"strings"
	"time"

	"outturn"
	"outturn/client"
)

type webhookCmd struct {
	Add    webhookAddCmd    `cmd:"" help:"Have a URL told of runs; its secret is printed once."`
	List   webhookListCmd   `cmd:"" help:"List webhooks: id, state, name, URL."`
	Show   webhookShowCmd   `cmd:"" help:"Show a webhook."`
	Set    webhookSetCmd    `cmd:"" help:"Change a webhook, or switch it on and off."`
	Rotate webhookRotateCmd `cmd:"" help:"Give a webhook a new secret, which is printed once."`
	Test   webhookTestCmd   `cmd:"" help:"Send a webhook a message, and wait for what comes of it."`
	Delete webhookDeleteCmd `cmd:"" help:"Remove a webhook."`
}

type webhookAddCmd struct {
	connection
	Name   string   `arg:"" help:"What it is for."`
	To     string   `arg:"" name:"target" help:"The URL that is called."`
	Events []string `name:"event" placeholder:"NAME" help:"run.succeeded, run.failed, run.cancelled or generator.paused, of all runs and generators. May be repeated. Default: only what generators that name it tell."`
	Tenant string   `name:"tenant" placeholder:"ID" help:"A tenant below that it belongs to. Default: the client's own."`
}

func (c *webhookAddCmd) Run(ctx context.Context, streams IO) error {
	api, err := c.connect()
	if err != nil {
		return err
	}
	w, err := api.CreateWebhook(ctx, client.WebhookInput{Name: c.Name, URL: c.To, Events: c.Events, Tenant: c.Tenant})
	if err != nil {
		return err
	}
	return printNewWebhook(streams, c.JSON, w)
}

func printNewWebhook(streams IO, asJSON bool, w client.NewWebhook) error {
	if asJSON {
		return printJSON(streams.Out, w)
	}
	return printTable(streams.Out, func(out io.Writer) {
		fmt.Fprintf(out, "webhook\t%s\nsecret\t%s\n", w.ID, w.Secret)
	})
}

type webhookListCmd struct {
	connection
	Filter string `name:"filter" placeholder:"EXPR" help:"Which: name like erp%."`
}

func (c *webhookListCmd) Run(ctx context.Context, streams IO) error {
	api, err := c.connect()
	if err != nil {
		return err
	}
	list, err := allOf(func(page outturn.Page) (outturn.List[outturn.Webhook], error) {
		return api.Webhooks(ctx, client.ListInput{Filter: c.Filter, Limit: page.Limit, Cursor: page.After})
	})
	if err != nil {
		return err
	}
	if c.JSON {
		return printJSON(streams.Out, list)
	}
	return printTable(streams.Out, func(out io.Writer) {
		for _, w := range list {
			fmt.Fprintf(out, "%s\t%s\t%s\t%s\n", w.ID, webhookState(w), w.Name, w.URL)
		}
	})
}

func webhookState(w outturn.Webhook) string {
	switch {
	case w.Enabled:
		return "enabled"
	case w.DisabledFor != "":
		return "disabled (" + w.DisabledFor + ")"
	}
	return "disabled"
}

// oneWebhook is a command about a webhook.
type oneWebhook struct {
	connection
	ID string `arg:"" name:"webhook" help:"Its id."`
}

func printWebhook(streams IO, asJSON bool, w outturn.Webhook) error {
	if asJSON {
		return printJSON(streams.Out, w)
	}
	return printTable(streams.Out, func(out io.Writer) {
		fmt.Fprintf(out, "webhook\t%s\nname\t%s\nurl\t%s\nstate\t%s\nevents\t%s\ntenant\t%s\nversion\t%d\n",
			w.ID, w.Name, w.URL, webhookState(w), strings.Join(w.Events, " "), w.Tenant, w.Version)
	})
}

type webhookShowCmd struct{ oneWebhook }

func (c *webhookShowCmd) Run(ctx context.Context, streams IO) error {
	api, err := c.connect()
	if err != nil {
		return err
	}
	w, err := api.Webhook(ctx, c.ID)
	if err != nil {
		return err
	}
	return printWebhook(streams, c.JSON, w)
}

type webhookSetCmd struct {
	oneWebhook
	Name    *string  `name:"name" placeholder:"NAME" help:"What it is for."`
	To      *string  `name:"target" placeholder:"URL" help:"The URL that is called."`
	Events  []string `name:"event" placeholder:"NAME" help:"All events that it is told; none empties the list. May be repeated."`
	Enable  bool     `name:"enable" xor:"able" help:"Tell it again, also after it answered 410 or did not answer for days."`
	Disable bool     `name:"disable" xor:"able" help:"Tell it nothing."`
}

func (c *webhookSetCmd) Run(ctx context.Context, streams IO) error {
	if c.Name == nil && c.To == nil && len(c.Events) == 0 && !c.Enable && !c.Disable {
		return outturn.Errorf(outturn.CodeInvalid, "Say what is to change: --name, --target, --event, --enable or --disable.")
	}
	api, err := c.connect()
	if err != nil {
		return err
	}
	u := client.WebhookUpdate{Name: c.Name, URL: c.To}
	if len(c.Events) > 0 {
		u.Events = &c.Events
		if c.Events[0] == "none" {
			u.Events = &[]string{}
		}
	}
	if c.Enable || c.Disable {
		u.Enabled = &c.Enable
	}
	w, err := api.UpdateWebhook(ctx, c.ID, 0, u)
	if err != nil {
		return err
	}
	return printWebhook(streams, c.JSON, w)
}

type webhookRotateCmd struct {
	oneWebhook
	Overlap time.Duration `name:"overlap" default:"24h" placeholder:"TIME" help:"How long messages are signed with the old secret as well (${default})."`
}

func (c *webhookRotateCmd) Run(ctx context.Context, streams IO) error {
	api, err := c.connect()
	if err != nil {
		return err
	}
	w, err := api.RotateWebhook(ctx, c.ID, c.Overlap)
	if err != nil {
		return err
	}
	return printNewWebhook(streams, c.JSON, w)
}

type webhookTestCmd struct{ oneWebhook }

// testPoll is how often it is asked what came of a test.
const testPoll = 200 * time.Millisecond

func (c *webhookTestCmd) Run(ctx context.Context, streams IO) error {
	api, err := c.connect()
	if err != nil {
		return err
	}
	d, err := api.TestWebhook(ctx, c.ID)
	if err != nil {
		return err
	}
	tick := time.NewTicker(testPoll)
	defer tick.Stop()
	for d.EndedAt.IsZero() {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
		if d, err = api.Delivery(ctx, d.ID); err != nil {
			return err
		}
	}
	if err := printDelivery(streams, c.JSON, d); err != nil || d.State == outturn.DeliveryDelivered {
		return err
	}
	return outturn.Errorf(outturn.CodeConflict, "The message did not arrive: %s.", attemptText(d.Log[len(d.Log)-1]))
}

type webhookDeleteCmd struct{ oneWebhook }

func (c *webhookDeleteCmd) Run(ctx context.Context, streams IO) error {
	api, err := c.connect()
	if err != nil {
		return err
	}
	if err := api.DeleteWebhook(ctx, c.ID, 0); err != nil {
		return err
	}
	_, err = fmt.Fprintf(readableWriter{streams.Err}, "%s is deleted.\n", c.ID)
	return err
}
