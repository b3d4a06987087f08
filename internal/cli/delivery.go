package cli

import (
	"context"
	"fmt"
	"io"

	"outturn"
	"outturn/client"
)

type deliveryCmd struct {
	List   deliveryListCmd   `cmd:"" help:"List messages to addresses and webhooks: id, when, state, event, where to."`
	Show   deliveryShowCmd   `cmd:"" help:"Show a message and what came of its attempts."`
	Resend deliveryResendCmd `cmd:"" help:"Send a message again now, under the same id."`
}

type deliveryListCmd struct {
	connection
	Filter string `name:"filter" placeholder:"EXPR" help:"Which: state eq failed and kind eq email."`
}

func (c *deliveryListCmd) Run(ctx context.Context, streams IO) error {
	api, err := c.connect()
	if err != nil {
		return err
	}
	list, err := allOf(func(page outturn.Page) (outturn.List[outturn.Delivery], error) {
		return api.Deliveries(ctx, client.ListInput{Filter: c.Filter, Limit: page.Limit, Cursor: page.After})
	})
	if err != nil {
		return err
	}
	if c.JSON {
		return printJSON(streams.Out, list)
	}
	return printTable(streams.Out, func(out io.Writer) {
		for _, d := range list {
			fmt.Fprintf(out, "%s\t%s\t%s\t%s\t%s\n", d.ID, instantText(d.CreatedAt), d.State, d.Event, d.Target)
		}
	})
}

// oneDelivery is a command about a message.
type oneDelivery struct {
	connection
	ID string `arg:"" name:"delivery" help:"Its id."`
}

func printDelivery(streams IO, asJSON bool, d outturn.Delivery) error {
	if asJSON {
		return printJSON(streams.Out, d)
	}
	return printTable(streams.Out, func(out io.Writer) {
		fmt.Fprintf(out, "delivery\t%s\nevent\t%s\nto\t%s\nstate\t%s\n", d.ID, d.Event, d.Target, d.State)
		if d.Run != "" {
			fmt.Fprintf(out, "run\t%s\n", d.Run)
		}
		if !d.NextAt.IsZero() {
			fmt.Fprintf(out, "next\t%s\n", instantText(d.NextAt))
		}
		for _, a := range d.Log {
			fmt.Fprintf(out, "%s\t%s, after %d ms\n", instantText(a.At), attemptText(a), a.Took)
		}
	})
}

// attemptText says what came of an attempt.
func attemptText(a outturn.DeliveryAttempt) string {
	switch {
	case a.Class == "":
		return fmt.Sprintf("delivered (%d)", a.Status)
	case a.Status != 0:
		return fmt.Sprintf("%s %d", a.Class, a.Status)
	}
	return a.Class
}

type deliveryShowCmd struct{ oneDelivery }

func (c *deliveryShowCmd) Run(ctx context.Context, streams IO) error {
	api, err := c.connect()
	if err != nil {
		return err
	}
	d, err := api.Delivery(ctx, c.ID)
	if err != nil {
		return err
	}
	return printDelivery(streams, c.JSON, d)
}

type deliveryResendCmd struct{ oneDelivery }

func (c *deliveryResendCmd) Run(ctx context.Context, streams IO) error {
	api, err := c.connect()
	if err != nil {
		return err
	}
	d, err := api.ResendDelivery(ctx, c.ID)
	if err != nil {
		return err
	}
	return printDelivery(streams, c.JSON, d)
}
