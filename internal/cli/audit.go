package cli

import (
	"context"
	"fmt"

	"outturn"
	"outturn/internal/server"
)

type auditCmd struct {
	Verify auditVerifyCmd `cmd:"" help:"Hold the audit of a data folder against its blocks, also while it is served."`
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
	if err := settings.needFolder(); err != nil {
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
		return outturn.Errorf(outturn.CodeFileDamaged, "The audit is not as it was sealed. %s The %s before it are sound.", v.Fault.Message, count(v.Blocks, "block"))
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
