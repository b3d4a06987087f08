package storetest

import (
	"database/sql"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"outturn"
	"outturn/internal/secret"
	"outturn/internal/store"
)

// A mover is a method that moves a run from wherever it is to a state.
type mover struct {
	name string
	to   outturn.RunState
	call func(b *bench, r outturn.Run) error
}

var movers = []mover{
	{"ClaimRun", outturn.RunRunning, func(b *bench, r outturn.Run) error {
		_, err := b.store.ClaimRun(ctx, r.ID, worker, lease)
		return err
	}},
	{"SucceedRun", outturn.RunSucceeded, func(b *bench, r outturn.Run) error {
		_, err := b.store.SucceedRun(ctx, r.Claim(), outturn.Manifest{}, []outturn.File{file(r, "again.csv", time.Time{})})
		return err
	}},
	{"FailRun", outturn.RunFailed, func(b *bench, r outturn.Run) error {
		_, err := b.store.FailRun(ctx, r.Claim(), reason(), time.Time{})
		return err
	}},
	{"FailRun, to be tried again", outturn.RunQueued, func(b *bench, r outturn.Run) error {
		_, err := b.store.FailRun(ctx, r.Claim(), reason(), b.now().Add(time.Second))
		return err
	}},
	{"ReleaseRun", outturn.RunQueued, func(b *bench, r outturn.Run) error { return b.store.ReleaseRun(ctx, r.Claim()) }},
	{"CancelRun", outturn.RunCancelled, func(b *bench, r outturn.Run) error {
		if r.State == outturn.RunCancelled { // asked again, it is the same answer: no move
			return outturn.Errorf(outturn.CodeConflict, "It is cancelled.")
		}
		if _, err := b.store.CancelRun(ctx, r.Tenant, r.ID, "client:1", outturn.AuditEntry{}); err != nil || r.State == outturn.RunQueued {
			return err
		}
		_, err := b.store.FinishCancelled(ctx, r.Claim())
		return err
	}},
}

// testMoves takes a run in each state through each method that moves one.
func testMoves(t *testing.T, b *bench) {
	for _, from := range outturn.RunStates {
		for _, m := range movers {
			r := b.in(from, b.root.ID)
			before := b.dump()
			err := m.call(b, r)
			got := must[outturn.Run](t)(b.store.Run(ctx, b.root.ID, r.ID))
			switch moved := got.State == m.to && err == nil; {
			case from.CanBecome(m.to) && !moved:
				t.Errorf("%s of a run that is %s: it is %s, %v", m.name, from, got.State, err)
			case !from.CanBecome(m.to) && (err == nil || b.dump() != before):
				t.Errorf("%s of a run that is %s: %v, and the ledger changed: %v", m.name, from, err, b.dump() != before)
			}
		}
	}
}

// columnsOf are the other columns of a run that is in a state.
var columnsOf = map[outturn.RunState]string{
	outturn.RunQueued:    "phase = '', lease_owner = NULL, lease_until = NULL, finished_at = NULL, reason = NULL, reason_code = NULL, files_gone_at = NULL",
	outturn.RunRunning:   "phase = 'starting', lease_owner = 'w', lease_until = 1, finished_at = NULL, reason = NULL, reason_code = NULL, files_gone_at = NULL, attempt = attempt + 1, started_at = 1",
	outturn.RunSucceeded: "phase = '', lease_owner = NULL, lease_until = NULL, finished_at = 1, reason = NULL, reason_code = NULL, attempt = attempt + 1, started_at = 1",
	outturn.RunFailed:    "phase = '', lease_owner = NULL, lease_until = NULL, finished_at = 1, reason = '{}', reason_code = 'internal', files_gone_at = NULL, attempt = attempt + 1, started_at = 1",
	outturn.RunCancelled: "phase = '', lease_owner = NULL, lease_until = NULL, finished_at = 1, reason = NULL, reason_code = NULL, files_gone_at = NULL, cancel_at = 1, cancelled_by = 'c'",
}

// testMovesOfTheDatabase moves runs past the ledger, all their columns as they
// should be.
func testMovesOfTheDatabase(t *testing.T, b *bench) {
	for _, from := range outturn.RunStates {
		for _, to := range outturn.RunStates {
			if from == to {
				continue
			}
			r := b.in(from, b.root.ID)
			_, err := b.db.Exec(fmt.Sprintf(`UPDATE runs SET state = '%s', %s WHERE id = '%s'`, to, columnsOf[to], r.ID))
			if from.CanBecome(to) != (err == nil) {
				t.Errorf("%s to %s: %v", from, to, err)
			}
		}
	}
}

// testColumnsFitTheState breaks one column of a run in each state, past the ledger.
func testColumnsFitTheState(t *testing.T, b *bench) {
	const held = "lease_owner = 'w' | lease_until = 1 | phase = 'starting'"
	for state, faults := range map[outturn.RunState]string{
		outturn.RunQueued:    held + " | finished_at = 1 | started_at = 1 | attempt = 1 | reason = '{}' | reason_code = 'internal' | cancel_at = 1 | cancelled_by = 'c' | files_gone_at = 1 | furthest = 'far' | attempt = -1",
		outturn.RunRunning:   "lease_owner = NULL | lease_until = NULL | phase = '' | phase = 'far' | finished_at = 1 | started_at = NULL | attempt = 0 | reason = '{}', reason_code = 'internal' | files_gone_at = 1 | cancel_at = 1",
		outturn.RunSucceeded: held + " | finished_at = NULL | started_at = NULL | reason = '{}', reason_code = 'internal' | attempt = 0",
		outturn.RunFailed:    held + " | finished_at = NULL | reason = NULL, reason_code = NULL | reason = NULL | reason_code = NULL | files_gone_at = 1 | attempt = 0",
		outturn.RunCancelled: held + " | finished_at = NULL | cancel_at = NULL, cancelled_by = NULL | cancel_at = NULL | reason = '{}', reason_code = 'internal' | files_gone_at = 1",
	} {
		r := b.in(state, b.root.ID)
		before := b.dump()
		for _, fault := range strings.Split(faults, " | ") {
			if _, err := b.db.Exec(`UPDATE runs SET ` + fault + ` WHERE id = '` + r.ID + `'`); err == nil {
				t.Errorf("a run that is %s took %s", state, fault)
			}
		}
		if b.dump() != before {
			t.Errorf("a run that is %s has changed", state)
		}
		if _, err := b.db.Exec(`UPDATE runs SET updated_at = updated_at + 1 WHERE id = '` + r.ID + `'`); err != nil {
			t.Errorf("a run that is %s: %v", state, err)
		}
	}
}

// testNeverChanged tries, past the ledger, what no statement may do.
func testNeverChanged(t *testing.T, b *bench) {
	b.succeeded(b.root.ID)
	waits := b.queued(b.root.ID)
	b.seal()
	b.queued(b.root.ID) // with an entry that is fresh
	before := b.dump()
	for _, statement := range []string{
		`DELETE FROM audit_entries`, `UPDATE audit_entries SET subject = 'nobody'`,
		`DELETE FROM audit_fresh`, `UPDATE audit_fresh SET subject = 'nobody'`,
		`INSERT OR REPLACE INTO audit_entries SELECT seq, id, at, tenant, 'nobody', via, action, object, outcome, origin, request, detail FROM audit_entries`,
		`INSERT OR REPLACE INTO audit_entries SELECT seq + 1000, id, at, tenant, 'nobody', via, action, object, outcome, origin, request, detail FROM audit_entries`,
		`INSERT OR REPLACE INTO audit_fresh SELECT seq, id, at, tenant, 'nobody', via, action, object, outcome, origin, request, detail FROM audit_fresh`,
		`DELETE FROM audit_blocks`, `UPDATE audit_blocks SET hash = 'another'`,
		`INSERT OR REPLACE INTO audit_blocks SELECT n, first_seq, last_seq, entries, 'another', signature, sealed_at, marks FROM audit_blocks`,
		`DELETE FROM runs WHERE id = '` + waits.ID + `'`,
		`UPDATE runs SET attempt = attempt - 1 WHERE state = 'succeeded'`,
		`UPDATE runs SET tenant = 'nobody'`,
		`UPDATE runs SET state = 'running', phase = 'starting', lease_owner = 'w', lease_until = 1 WHERE state = 'queued'`, // never claimed
		`UPDATE files SET run = '` + waits.ID + `x'`,
		`INSERT INTO files (id, run, tenant, place, name, format, dialect, compression, media_type, rows_n, bytes_n, sha256, notes, object_key, created_at) SELECT 'f', '` + waits.ID + `', tenant, 0, name, format, dialect, compression, media_type, rows_n, bytes_n, sha256, notes, 'key', created_at FROM files`,
		`INSERT INTO tenants (id, parent, kind, name, external_id, zone, report_type, created_at) SELECT 'second', NULL, 'provider', name, NULL, zone, report_type, created_at FROM tenants`,
		`INSERT INTO tenants (id, parent, kind, name, external_id, zone, report_type, created_at) SELECT 'loose', NULL, 'customer', name, NULL, zone, report_type, created_at FROM tenants`,
	} {
		if _, err := b.db.Exec(statement); err == nil {
			t.Errorf("%s: it was done", statement)
		}
	}
	forging := must[*sql.Tx](t)(b.db.Begin())
	_, err := forging.Exec(`INSERT INTO audit_entries SELECT seq, id, at, tenant, 'nobody', via, action, object, outcome, origin, request, detail FROM audit_fresh`)
	ok(t, err)
	if _, err := forging.Exec(`DELETE FROM audit_fresh`); err == nil {
		t.Error("a fresh entry went for another")
	}
	ok(t, forging.Rollback())
	if b.dump() != before {
		t.Error("the ledger has changed")
	}
	if entries := b.rowsOf(`SELECT action FROM audit`); !slices.Contains(entries, "run.create") {
		t.Errorf("there is nothing in the audit that could change: %v", entries)
	}
}

// seal puts a block on the audit.
func (b *bench) seal() {
	b.t.Helper()
	sealer := must[*secret.Keyring](b.t)(secret.NewKeyring(secret.NewKey()))
	key := must[*store.AuditKey](b.t)(b.store.OpenAuditKey(ctx, sealer))
	if _, sealed, err := b.store.SealAudit(ctx, key); err != nil || !sealed {
		b.t.Fatalf("nothing was sealed: %v", err)
	}
}
