package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"outturn"
	"outturn/client"
)

type eventCmd struct {
	Send eventSendCmd `cmd:"" help:"Tell a server of an event, such as an invoice that was issued."`
}

type eventSendCmd struct {
	connection
	Type    string `name:"type" default:"invoice.issued" placeholder:"TYPE" help:"What happened (${default})."`
	Invoice string `name:"invoice" placeholder:"ID" xor:"subject" required:"" help:"The invoice that it is about, as the data sets have it."`
	Subject string `name:"subject" placeholder:"TEXT" xor:"subject" required:"" help:"What it is about, of other types."`
	Account string `name:"account" required:"" placeholder:"ID" help:"The account of the source whose it is: the client's own, or one below."`
	ID      string `name:"id" placeholder:"ID" help:"Tells it apart from others of its source: the same sent again does nothing more. Default: type and subject."`
	From    string `name:"event-source" default:"outturn event send" placeholder:"TEXT" help:"Who tells of it (${default})."`
	Time    string `name:"time" placeholder:"WHEN" help:"When it happened, as an instant. Default: now."`
	Data    string `name:"content" placeholder:"JSON" help:"More about it."`
}

func (c *eventSendCmd) Run(ctx context.Context, streams IO) error {
	api, err := c.connect()
	if err != nil {
		return err
	}
	e, err := c.event()
	if err != nil {
		return err
	}
	answers, err := api.PostEvents(ctx, e)
	if err != nil {
		return err
	}
	if len(answers) != 1 {
		return outturn.Errorf(outturn.CodeInternal, "The server answered %d events where one was sent.", len(answers))
	}
	answer := answers[0]
	if answer.Refused != nil {
		return outturn.InField("account", outturn.Errorf(answer.Refused.Code, "%s", answer.Refused.Detail))
	}
	if c.JSON {
		return printJSON(streams.Out, answer)
	}
	told := "kept"
	if answer.Duplicate {
		told = "known already"
	}
	_, err = fmt.Fprintf(streams.Out, "%s  %s\n", answer.ID, told)
	return err
}

func (c *eventSendCmd) event() (e client.Event, err error) {
	e = client.Event{ID: c.ID, Source: c.From, Type: c.Type, Subject: c.Subject + c.Invoice, Account: c.Account}
	if e.ID == "" {
		e.ID = e.Type + " " + e.Subject
	}
	if c.Time != "" {
		if e.Time, err = time.Parse(time.RFC3339Nano, c.Time); err != nil {
			return e, outturn.Errorf(outturn.CodeInvalid, "--time: %s is no instant, such as 2026-11-27T08:00:00Z.", outturn.Shown(c.Time))
		}
	}
	if c.Data != "" {
		if e.Data = json.RawMessage(c.Data); !json.Valid(e.Data) {
			return e, outturn.Errorf(outturn.CodeInvalid, "--content is no JSON.")
		}
	}
	return e, nil
}
