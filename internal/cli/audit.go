package cli

import (
	"context"
	"fmt"
	"io"

	"outturn"
	"outturn/internal/reporting"
	"outturn/internal/server"
)

type auditCmd struct {
	List   auditListCmd   `cmd:"" help:"List who did what, and what was refused, the newest first."`
	Verify auditVerifyCmd `cmd:"" help:"Hold the audit of a data folder against its blocks, also while it is served."`
}

// auditListCmd lists the audit of a data folder.
type auditListCmd struct {
	Filter string `name:"filter" placeholder:"EXPR" help:"Which: action eq file.download and at ge 2026-09-01. Fields are id, at, tenant, subject, via, action, object, outcome, from and request."`
	Order  string `name:"order" placeholder:"FIELD" help:"at desc (default) or at."`
	Limit  int    `name:"limit" default:"50" placeholder:"N" help:"How many (${default})."`
	JSON   bool   `name:"json" help:"Print JSON."`
}

func (c *auditListCmd) Run(ctx context.Context, streams IO, settings *Settings) error {
	q, err := c.query()
	if err != nil {
		return err
	}
	return settings.withReporting(ctx, func(r *reporting.Service, p outturn.Principal) error {
		entries := []outturn.AuditEntry{}
		for {
			q.Page.Limit = min(c.Limit-len(entries), outturn.MaxPage)
			page, err := r.AuditEntries(ctx, p, q)
			if err != nil {
				return err
			}
			entries = append(entries, page.Items...)
			if q.Page.After = page.Next; page.Next == "" || len(entries) >= c.Limit {
				break
			}
		}
		if c.JSON {
			return printJSON(streams.Out, entries)
		}
		return printTable(streams.Out, func(w io.Writer) {
			for _, e := range entries {
				fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\n", e.At.Local().Format("2006-01-02 15:04:05"), e.Action, e.Outcome, e.Subject, e.From, e.Object)
			}
		})
	})
}

func (c *auditListCmd) query() (q outturn.ListQuery, err error) {
	if c.Limit < 1 {
		return q, outturn.Errorf(outturn.CodeInvalid, "--limit %d: list at least one.", c.Limit)
	}
	if q.Where, err = parseFilter(c.Filter); err != nil {
		return q, err
	}
	if c.Order != "" {
		if q.Order, err = outturn.ParseOrder(c.Order); err != nil {
			return q, outturn.InField("--order", err)
		}
	}
	return q, nil
}

// auditVerifyCmd says whether the audit is as it was sealed.
type auditVerifyCmd struct {
	Expect string `name:"expect" placeholder:"N:HASH" help:"A block that was noted before, as the server's log has it: the audit must still contain it."`
	JSON   bool   `name:"json" help:"Print the verdict as JSON."`
}

func (c *auditVerifyCmd) Run(ctx context.Context, streams IO, settings *Settings) error {
	var expect outturn.AuditHead
	if c.Expect != "" {
		var err error
		if expect, err = outturn.ParseAuditHead(c.Expect); err != nil {
			return outturn.InField("--expect", err)
		}
	}
	if err := settings.needLedger(); err != nil {
		return err
	}
	v, err := server.VerifyAudit(ctx, settings.DataDir, expect)
	if err != nil {
		return err
	}
	if c.JSON {
		if err := printJSON(streams.Out, v); err != nil {
			return err
		}
	}
	if !v.Sound {
		return outturn.Errorf(outturn.CodeFileDamaged, "The audit is not as it was sealed. %s Sound before it: %s.", v.Fault.Message, count(v.Blocks, "block"))
	}
	if c.JSON {
		return nil
	}
	text := fmt.Sprintf("The audit is sound: %s in %s.", countEntries(v.Entries), count(v.Blocks, "block"))
	if v.Unsealed > 0 {
		text += fmt.Sprintf(" Not yet sealed: %s.", countEntries(v.Unsealed))
	}
	if v.Head.N > 0 {
		text += "\n  Newest block: " + v.Head.String()
	}
	_, err = fmt.Fprintln(streams.Out, text)
	return err
}

func countEntries(n int64) string {
	if n == 1 {
		return "1 entry"
	}
	return groupDigits(n) + " entries"
}
