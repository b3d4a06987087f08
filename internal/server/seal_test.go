package server_test

import (
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"outturn"
	"outturn/internal/server"
	"outturn/internal/server/servertest"
)

// A server seals what is new while it runs and what is left when it stops, and has
// the log say which block is the newest. What it finds cut off it says, once, and
// serves on.
func TestServerSealsTheAudit(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "data"))
	verify := func() outturn.AuditVerdict {
		v, err := server.VerifyAudit(t.Context(), s.folder.Path, outturn.AuditHead{})
		must(t, err)
		return v
	}
	until(t, "all is sealed", func() bool {
		v := verify()
		return v.Sound && v.Blocks > 0 && v.Unsealed == 0
	})
	sealed := verify().Entries
	s.run("sales")
	s.stop()
	v := verify()
	if !v.Sound || v.Unsealed != 0 || v.Entries <= sealed {
		t.Errorf("after its end: got %+v (%+v)", v, v.Fault)
	}
	if !strings.Contains(s.log.String(), v.Head.String()) {
		t.Errorf("the log has no %s:\n%s", v.Head, s.log)
	}

	ledger(t, s.folder.Path, `DROP TRIGGER audit_blocks_never_go`)
	ledger(t, s.folder.Path, `DELETE FROM audit_blocks WHERE n = (SELECT max(n) FROM audit_blocks)`)
	metrics := servertest.FreeAddress(t)
	s = start(t, s.folder.Path, func(c *server.Config) { c.Metrics = metrics })
	until(t, "the log tells of it", func() bool { return strings.Contains(s.log.String(), "the audit is not sealed") })
	if status, _ := get(t, s.URL()+"/readyz"); status != 200 {
		t.Errorf("ready: got %d", status)
	}
	if _, text := get(t, "http://"+metrics+"/metrics"); !regexp.MustCompile(`(?m)^outturn_audit_unsealed [1-9]`).MatchString(text) {
		t.Errorf("the metrics do not tell of it:\n%s", text)
	}
	s.stop()
	if n := strings.Count(s.log.String(), "the audit is not sealed"); n != 1 {
		t.Errorf("it was told %d times", n)
	}
	if after := verify(); after.Sound || after.Fault.Block != v.Blocks {
		t.Errorf("got %+v, want block %d", after.Fault, v.Blocks)
	}
}
