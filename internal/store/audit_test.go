package store_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"outturn"
	"outturn/internal/secret"
	"outturn/internal/store"
)

// A sealed is a ledger whose audit is sealed in blocks of perBlock entries, but for
// the last few.
type sealed struct {
	*store.Store
	path   string
	sealer *secret.Keyring
	key    *store.AuditKey
	heads  []outturn.AuditHead // by block, from 1
}

const (
	perBlock = 40
	blocks   = 6
	waiting  = 3
)

func newSealer(t testing.TB) *secret.Keyring {
	t.Helper()
	k, err := secret.NewKeyring(secret.NewKey())
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func newSealed(t testing.TB) *sealed {
	t.Helper()
	s := &sealed{path: filepath.Join(t.TempDir(), "ledger.db"), sealer: newSealer(t), heads: []outturn.AuditHead{{}}}
	s.Store = open(t, store.Config{Path: s.path})
	var err error
	if s.key, err = s.OpenAuditKey(t.Context(), s.sealer); err != nil {
		t.Fatal(err)
	}
	for range blocks {
		s.note(t, perBlock)
		s.heads = append(s.heads, s.seal(t))
	}
	s.note(t, waiting)
	return s
}

// note adds n entries.
func (s *sealed) note(t testing.TB, n int) {
	t.Helper()
	for range n {
		if err := s.Audit(t.Context(), outturn.AuditEntry{
			Tenant: "t", Subject: "client:1", Via: "oauth2", Action: "run.create", Object: outturn.NewID(time.Now()),
			From: "192.0.2.7", Request: "r", Detail: map[string]string{"dataset": "payments"},
		}); err != nil {
			t.Fatal(err)
		}
	}
}

func (s *sealed) seal(t testing.TB) outturn.AuditHead {
	t.Helper()
	head, _, err := s.SealAudit(t.Context(), s.key)
	if err != nil {
		t.Fatal(err)
	}
	return head
}

func (s *sealed) verify(t testing.TB, path string, expect outturn.AuditHead) outturn.AuditVerdict {
	t.Helper()
	v, err := store.VerifyAudit(t.Context(), store.Config{Path: path}, s.sealer, expect)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// copied is a copy of the ledger that statements have changed, past the ledger and
// its triggers, which are there again afterwards.
func (s *sealed) copied(t testing.TB, statements ...string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "ledger.db")
	if err := s.Backup(t.Context(), path); err != nil {
		t.Fatal(err)
	}
	db := database(t, path)
	db.SetMaxOpenConns(1) // which keeps temporary tables
	drop, again := triggers(t, db)
	for _, statement := range slices.Concat(drop, statements, again) {
		if _, err := db.ExecContext(t.Context(), statement); err != nil {
			t.Fatalf("%s: %v", statement, err)
		}
	}
	return path
}

// triggers returns the statements that remove those of the audit, and make them again.
func triggers(t testing.TB, db *sql.DB) (drop, again []string) {
	t.Helper()
	rows, err := db.QueryContext(t.Context(), `SELECT name, sql FROM sqlite_schema WHERE type = 'trigger' AND name LIKE 'audit%'`)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		var name, text string
		if err := rows.Scan(&name, &text); err != nil {
			t.Fatal(err)
		}
		drop, again = append(drop, `DROP TRIGGER `+name), append(again, text)
	}
	if err := rows.Err(); err != nil || len(drop) != 9 {
		t.Fatalf("there are these triggers: %v, %v", drop, err)
	}
	return drop, again
}

// Whatever is done to what is sealed, the verdict names the block and says what it
// was.
func TestAuditVerifies(t *testing.T) {
	s := newSealed(t)
	swapped := func(a, b int) []string {
		const all = `id, at, tenant, subject, via, action, object, outcome, origin, request, detail`
		return []string{
			`CREATE TEMP TABLE two AS SELECT * FROM audit WHERE seq IN (` + fmt.Sprint(a, ",", b) + `)`,
			`DELETE FROM audit_entries WHERE seq IN (SELECT seq FROM two)`,
			`INSERT INTO audit_entries (seq, ` + all + `) SELECT ` + fmt.Sprint(a+b) + ` - seq, ` + all + ` FROM two`,
		}
	}
	const forged = `, 'forged', at, tenant, subject, via, action, object, outcome, origin, request, detail FROM audit WHERE seq = 1`
	shift := func(from, by int) []string {
		return []string{
			fmt.Sprintf(`UPDATE audit_entries SET seq = -seq WHERE seq >= %d`, from),
			fmt.Sprintf(`UPDATE audit_entries SET seq = -seq + %d WHERE seq < 0`, by),
		}
	}
	type change struct {
		name       string
		statements []string
		block      int64
		kind       outturn.AuditFaultKind
		says       string
	}
	changes := []change{
		{"Remove", []string{`DELETE FROM audit_entries WHERE seq = 95`}, 3, outturn.AuditRemoved, "entry 95 was removed"},
		{"RemoveAndCloseUp", append([]string{`DELETE FROM audit_entries WHERE seq = 95`}, shift(96, -1)...), 3, outturn.AuditRemoved, "entry 95 was removed"},
		{"RemoveFirst", []string{`DELETE FROM audit_entries WHERE seq = 1`}, 1, outturn.AuditRemoved, "entry 1 was removed"},
		{"RemoveAll", []string{`DELETE FROM audit_entries`}, 1, outturn.AuditRemoved, "entry 1 was removed"},
		{"RemoveWaiting", []string{`DELETE FROM audit_fresh WHERE seq = 241`}, 7, outturn.AuditRemoved, "not yet sealed"},
		{"Reorder", swapped(130, 131), 4, outturn.AuditReordered, "from 130 on"},
		{"ReorderOverBlocks", swapped(40, 41), 1, outturn.AuditChanged, "entry 40 "},
		{"Add", append(shift(55, 1), `INSERT INTO audit_entries SELECT 55`+forged), 2, outturn.AuditAdded, "entry 55 was added"},
		{"AddFresh", []string{`INSERT INTO audit_fresh SELECT 55` + forged}, 2, outturn.AuditAdded, "entry 55 was added"},
		{"AddBefore", []string{`INSERT INTO audit_entries SELECT 0` + forged}, 1, outturn.AuditAdded, "entry 0 was added"},
		{"RemoveLastBlock", []string{`DELETE FROM audit_blocks WHERE n = 6`}, 6, outturn.AuditHeadFault, "Block 6 was removed"},
		{"RemoveLastBlocksAndEntries", []string{`DELETE FROM audit_blocks WHERE n >= 4`, `DELETE FROM audit_entries WHERE seq > 120`}, 4, outturn.AuditHeadFault, "sealed is 6"},
		{"RemoveBlock", []string{`DELETE FROM audit_blocks WHERE n = 2`}, 2, outturn.AuditBlockRemoved, "Block 2 was removed"},
		{"RemoveBlocks", []string{`DELETE FROM audit_blocks`}, 1, outturn.AuditHeadFault, "Block 1 was removed"},
		{"RenumberBlocks", []string{`DELETE FROM audit_blocks WHERE n = 1`, `UPDATE audit_blocks SET n = n - 1`}, 1, outturn.AuditSignature, ""},
		{"BlockBefore", []string{`INSERT INTO audit_blocks SELECT 0, -9, -8, entries, hash, signature, sealed_at, marks FROM audit_blocks WHERE n = 1`}, 0, outturn.AuditBlockChanged, ""},
		{"Marks", []string{`UPDATE audit_blocks SET marks = 'AAAA' WHERE n = 5`}, 5, outturn.AuditBlockChanged, ""},
		{"MarksAndEntry", []string{`UPDATE audit_blocks SET marks = '?' WHERE n = 5`, `UPDATE audit_entries SET subject = 'x' WHERE seq = 170`}, 5, outturn.AuditBlockChanged, ""},
		{"HeadGone", []string{`DELETE FROM secrets WHERE name = 'audit.head'`}, 6, outturn.AuditHeadFault, ""},
		{"HeadOfSomethingElse", []string{`UPDATE secrets SET sealed = (SELECT sealed FROM secrets WHERE name = 'audit.signing') WHERE name = 'audit.head'`}, 6, outturn.AuditHeadFault, ""},
		{"NoNumber", []string{`UPDATE audit_blocks SET n = 'x' WHERE n = 3`}, 3, outturn.AuditBlockRemoved, "Block 3"},
		{"View", []string{
			`CREATE TABLE beside AS SELECT * FROM audit_entries WHERE seq = 95`, `DELETE FROM audit_entries WHERE seq = 95`, `DROP VIEW audit`,
			`CREATE VIEW audit AS SELECT * FROM audit_entries UNION ALL SELECT * FROM audit_fresh UNION ALL SELECT * FROM beside`,
		}, 3, outturn.AuditRemoved, "entry 95 was removed"},
		{"ViewThatHides", []string{
			`DROP VIEW audit`, `CREATE VIEW audit AS SELECT * FROM (SELECT * FROM audit_entries UNION ALL SELECT * FROM audit_fresh) WHERE seq <> 95`,
		}, 0, outturn.AuditTables, "view audit is not the one"},
		{"Trigger", []string{`CREATE TRIGGER another BEFORE INSERT ON audit_entries BEGIN SELECT RAISE(ABORT, 'no'); END`}, 0, outturn.AuditTables, "trigger another is not of Outturn"},
		{"NoIndex", []string{`DROP INDEX audit_subject_at`}, 0, outturn.AuditTables, "index audit_subject_at was removed"},
		{"Index", []string{
			`DROP INDEX audit_at`, `CREATE INDEX audit_at ON audit_entries (at, id) WHERE seq <> 95`, `PRAGMA writable_schema = ON`,
			`UPDATE sqlite_schema SET sql = 'CREATE INDEX audit_at ON audit_entries (at, id)' WHERE name = 'audit_at'`,
		}, 0, outturn.AuditTables, "audit_at"},
		{"AddFarBefore", []string{`INSERT INTO audit_fresh SELECT -9223372036854775808` + forged}, 1, outturn.AuditAdded, "was added"},
		{"AddFarAfter", []string{`INSERT INTO audit_entries SELECT 9223372036854775807` + forged}, 7, outturn.AuditRemoved, "from 244 to"},
		{"NoEntryWaiting", []string{`UPDATE audit_fresh SET at = 'x' WHERE seq = 242`}, 7, outturn.AuditChanged, "Entry 242"},
		{"TwiceForOneGone", []string{
			`DELETE FROM audit_fresh WHERE seq = 242`, `INSERT INTO audit_entries SELECT 243` + forged,
		}, 7, outturn.AuditRemoved, "from 242 to 242"},
		{"KeyGone", []string{`DELETE FROM secrets WHERE name = 'audit.signing'`}, 1, outturn.AuditSignature, ""},
	}
	for column, to := range map[string]string{"entries": "'x'", "sealed_at": "'x'", "last_seq": "9.5"} {
		changes = append(changes, change{"NoBlock_" + column, []string{`UPDATE audit_blocks SET ` + column + ` = ` + to + ` WHERE n = 3`}, 3, outturn.AuditBlockChanged, "Block 3"})
	}
	for _, to := range []string{"'x'", "at + 0.5"} {
		changes = append(changes, change{"NoEntry_" + to, []string{`UPDATE audit_entries SET at = ` + to + ` WHERE seq = 95`}, 3, outturn.AuditChanged, "entry 95 was changed"})
	}
	for column, to := range map[string]string{
		"id": "'other'", "at": "at + 1", "tenant": "'other'", "subject": "'other'", "via": "'other'", "action": "'other'", "object": "''",
		"outcome": "'forbidden'", "origin": "''", "request": "request || x'00'", "detail": "''",
	} {
		changes = append(changes, change{
			"Entry_" + column, []string{`UPDATE audit_entries SET ` + column + ` = ` + to + ` WHERE seq = 199`}, 5, outturn.AuditChanged, "entry 199 was changed",
		})
	}
	for _, column := range []string{"id", "at", "tenant", "subject"} { // which lists would not find any more
		changes = append(changes, change{
			"Blob_" + column, []string{`UPDATE audit_entries SET ` + column + ` = CAST(` + column + ` AS BLOB) WHERE seq = 95`}, 3, outturn.AuditChanged, "entry 95 was changed",
		})
	}
	// Fields that say the same when they are put one after the other.
	changes = append(changes, change{"MoveText", []string{`UPDATE audit_entries SET via = 'oauth', action = '2run.create' WHERE seq = 80`}, 2, outturn.AuditChanged, "entry 80 was changed"})
	for column, kind := range map[string]outturn.AuditFaultKind{
		"first_seq = first_seq + 1": outturn.AuditBlockChanged, "last_seq = last_seq - 1": outturn.AuditRemoved, "entries = entries + 1": outturn.AuditBlockChanged,
		"sealed_at = sealed_at + 1": outturn.AuditBlockChanged, "hash = upper(hash)": outturn.AuditSignature, "signature = ''": outturn.AuditSignature,
		"signature = (SELECT signature FROM audit_blocks WHERE n = 2)": outturn.AuditSignature,
	} {
		changes = append(changes, change{"Block_" + column, []string{`UPDATE audit_blocks SET ` + column + ` WHERE n = 3`}, 3, kind, ""})
	}

	sound := s.verify(t, s.copied(t), s.heads[4])
	want := outturn.AuditVerdict{Sound: true, Blocks: blocks, Entries: blocks * perBlock, Unsealed: waiting, Head: s.heads[blocks]}
	if sound != want {
		t.Errorf("of what nobody changed: got %+v (%+v), want %+v", sound, sound.Fault, want)
	}
	for _, c := range changes {
		t.Run(c.name, func(t *testing.T) {
			path := s.copied(t, c.statements...)
			v := s.verify(t, path, outturn.AuditHead{})
			if v.Sound || v.Fault == nil || v.Fault.Block != c.block || v.Fault.Kind != c.kind || !strings.Contains(v.Fault.Message, c.says) {
				t.Errorf("got %+v, want block %d, %s, %q", v.Fault, c.block, c.kind, c.says)
			}
		})
	}
}

// A block that somebody rewrote, with all hashes after it, is told by its signature;
// one that somebody with the key file rewrote, only by what was noted outside.
func TestAuditRewritten(t *testing.T) {
	s := newSealed(t)
	keep := s.copied(t, `UPDATE audit_entries SET subject = 'client:2' WHERE seq = 90`,
		`DELETE FROM audit_blocks`, `DELETE FROM secrets WHERE name LIKE 'audit.%'`)
	rewritten := open(t, store.Config{Path: keep})
	for name, sealer := range map[string]*secret.Keyring{"WithoutTheKeyFile": newSealer(t), "WithTheKeyFile": s.sealer} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "ledger.db")
			if err := rewritten.Backup(t.Context(), path); err != nil {
				t.Fatal(err)
			}
			ledger := open(t, store.Config{Path: path})
			key, err := ledger.OpenAuditKey(t.Context(), sealer)
			if err == nil {
				_, _, err = ledger.SealAudit(t.Context(), key)
			}
			if err != nil {
				t.Fatal(err)
			}
			if name == "WithoutTheKeyFile" {
				if v, err := store.VerifyAudit(t.Context(), store.Config{Path: path}, s.sealer, outturn.AuditHead{}); outturn.ErrorCode(err) != outturn.CodeInvalid {
					t.Errorf("a key that was sealed with another: got %+v, %v", v, err)
				}
				// As above, with the key and the head that were there.
				db := database(t, path)
				for _, secretName := range []string{"audit.signing", "audit.head"} {
					var was string
					if err := database(t, s.path).QueryRowContext(t.Context(), `SELECT sealed FROM secrets WHERE name = ?`, secretName).Scan(&was); err != nil {
						t.Fatal(err)
					}
					if _, err := db.ExecContext(t.Context(), `UPDATE secrets SET sealed = ? WHERE name = ?`, was, secretName); err != nil {
						t.Fatal(err)
					}
				}
				if v := s.verify(t, path, outturn.AuditHead{}); v.Fault == nil || v.Fault.Kind != outturn.AuditSignature || v.Fault.Block != 1 {
					t.Errorf("got %+v", v.Fault)
				}
				return
			}
			if v := s.verify(t, path, outturn.AuditHead{}); !v.Sound {
				t.Errorf("nothing tells: got %+v", v.Fault)
			}
			if v := s.verify(t, path, s.heads[1]); v.Fault == nil || v.Fault.Kind != outturn.AuditUnexpected || v.Fault.Block != 1 {
				t.Errorf("against what was noted: got %+v", v.Fault)
			}
			if v := s.verify(t, path, s.heads[5]); v.Fault == nil || v.Fault.Kind != outturn.AuditUnexpected {
				t.Errorf("against what was noted of a block that is not there: got %+v", v.Fault)
			}
		})
	}
}

// Where the newest blocks were cut off, nothing is sealed any more: that would write
// a new head over what shows it.
func TestSealAuditStops(t *testing.T) {
	s := newSealed(t)
	path := s.copied(t, `DELETE FROM audit_blocks WHERE n = 6`)
	ledger := open(t, store.Config{Path: path})
	key, err := ledger.OpenAuditKey(t.Context(), s.sealer)
	if err != nil {
		t.Fatal(err)
	}
	if _, done, err := ledger.SealAudit(t.Context(), key); done || outturn.ErrorCode(err) != outturn.CodeFileDamaged {
		t.Errorf("got %v, %v", done, err)
	}
	if v := s.verify(t, path, outturn.AuditHead{}); v.Fault == nil || v.Fault.Block != 6 {
		t.Errorf("afterwards: got %+v", v.Fault)
	}
}

// A first run over an old ledger seals all of it in blocks of bounded size; a run
// with nothing new writes nothing.
func TestSealAuditOld(t *testing.T) {
	s := &sealed{path: filepath.Join(t.TempDir(), "ledger.db"), sealer: newSealer(t)}
	s.Store = open(t, store.Config{Path: s.path})
	if v := s.verify(t, s.path, outturn.AuditHead{}); !v.Sound || v.Blocks != 0 {
		t.Errorf("an empty one: got %+v", v)
	}
	old := database(t, s.path)
	for table, stretch := range map[string]string{"audit_entries": "1 AS i UNION ALL SELECT i + 1 FROM n WHERE i < 1500", "audit_fresh": "1501 AS i UNION ALL SELECT i + 1 FROM n WHERE i < 2500"} {
		if _, err := old.ExecContext(t.Context(), `INSERT INTO `+table+` (seq, id, at, tenant, subject, via, action, object, outcome, origin, request, detail)
			WITH RECURSIVE n (i) AS (SELECT `+stretch+`) SELECT i, i, i, '', '', '', '', '', '', '', '', '' FROM n`); err != nil {
			t.Fatal(err)
		}
	}
	var err error
	if s.key, err = s.OpenAuditKey(t.Context(), s.sealer); err != nil {
		t.Fatal(err)
	}
	head := s.seal(t)
	if v := s.verify(t, s.path, head); !v.Sound || v.Blocks != 3 || v.Entries != 2500 || v.Unsealed != 0 {
		t.Errorf("got %+v (%+v)", v, v.Fault)
	}
	if again, done, err := s.SealAudit(t.Context(), s.key); again != head || done || err != nil {
		t.Errorf("with nothing new: got %v, %v, %v", again, done, err)
	}
	if _, err := store.VerifyAudit(t.Context(), store.Config{Path: filepath.Join(t.TempDir(), "none.db")}, s.sealer, head); outturn.ErrorCode(err) != outturn.CodeNotFound {
		t.Errorf("where there is none: %v", err)
	}
}

// Entries are found, by lists and up to an end, as soon as they are written.
func TestAuditFresh(t *testing.T) {
	s := newSealed(t)
	root, err := s.CreateTenant(t.Context(), outturn.Tenant{Kind: outturn.KindProvider}, outturn.AuditEntry{})
	if err != nil {
		t.Fatal(err)
	}
	for i := range 2*perBlock + waiting {
		object := fmt.Sprint("object ", i)
		if err := s.Audit(t.Context(), outturn.AuditEntry{Subject: "s", Action: "a", Object: object}); err != nil {
			t.Fatal(err)
		}
		of := outturn.ListQuery{Where: &outturn.Expr{Op: outturn.OpEQ, Field: "object", Values: []string{object}}}
		list := s.AuditEntries
		if i%2 == 1 {
			end, err := s.AuditEnd(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			list = func(ctx context.Context, viewer string, q outturn.ListQuery) (outturn.List[outturn.AuditEntry], error) {
				return s.AuditEntriesUpTo(ctx, viewer, end, q)
			}
		}
		if page, err := list(t.Context(), root.ID, of); err != nil || len(page.Items) != 1 {
			t.Errorf("%s: got %v, %v", object, page.Items, err)
		}
	}
	head := s.seal(t)
	if v := s.verify(t, s.path, head); !v.Sound || v.Unsealed != 0 || v.Entries != (blocks+2)*perBlock+2*waiting+1 {
		t.Errorf("got %+v (%+v)", v, v.Fault)
	}
}

// Where an entry has the number or the id of another nothing is sealed and nothing listed, for
// nobody knows which of them is true; verify says why.
func TestAuditFreshTwice(t *testing.T) {
	s := newSealed(t)
	for name, entry := range map[string]string{
		"Number": "7, 'other'", "ID": "244, (SELECT id FROM audit_entries WHERE seq = 7)", "IDOfFresh": "244, (SELECT id FROM audit_fresh WHERE seq = 242)",
	} {
		t.Run(name, func(t *testing.T) {
			path := s.copied(t, `INSERT INTO audit_fresh SELECT `+entry+`, at, tenant, subject, via, action, object, outcome, origin, request, detail FROM audit_entries WHERE seq = 7`)
			if v := s.verify(t, path, outturn.AuditHead{}); v.Sound || v.Fault.Kind != outturn.AuditAdded || !strings.Contains(v.Fault.Message, "was added") {
				t.Errorf("got %+v", v.Fault)
			}
			ledger := open(t, store.Config{Path: path})
			key, err := ledger.OpenAuditKey(t.Context(), s.sealer)
			if err != nil {
				t.Fatal(err)
			}
			if _, done, err := ledger.SealAudit(t.Context(), key); done || outturn.ErrorCode(err) != outturn.CodeFileDamaged {
				t.Errorf("sealing: got %v, %v", done, err)
			}
			root, err := ledger.CreateTenant(t.Context(), outturn.Tenant{Kind: outturn.KindProvider}, outturn.AuditEntry{})
			if err != nil {
				t.Fatal(err)
			}
			if page, err := ledger.AuditEntries(t.Context(), root.ID, outturn.ListQuery{}); outturn.ErrorCode(err) != outturn.CodeFileDamaged {
				t.Errorf("listing: got %v, %v", page.Items, err)
			}
		})
	}
}

// While another process holds the ledger, lists have all entries, by the same pages as
// else and to the same viewers.
func TestAuditFreshHeld(t *testing.T) {
	s := newSealed(t)
	made := func(parent string, kind outturn.TenantKind) string {
		n, err := s.CreateTenant(t.Context(), outturn.Tenant{Parent: parent, Kind: kind, Name: "n"}, outturn.AuditEntry{})
		if err != nil {
			t.Fatal(err)
		}
		return n.ID
	}
	root := made("", outturn.KindProvider)
	reseller := made(root, outturn.KindReseller)
	for i := range 20 {
		if err := s.Audit(t.Context(), outturn.AuditEntry{Tenant: []string{root, reseller}[i%2], Subject: "s", Action: "a", Object: fmt.Sprint(i / 4)}); err != nil {
			t.Fatal(err)
		}
	}
	end, err := s.AuditEnd(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	listed := func() (all []string) {
		for _, viewer := range []string{root, reseller} {
			for _, where := range []*outturn.Expr{nil, {Op: outturn.OpEQ, Field: "object", Values: []string{"3"}}} {
				q := outturn.ListQuery{Where: where, Page: outturn.Page{Limit: 3}}
				for range 5 {
					page, err := s.AuditEntriesUpTo(t.Context(), viewer, end-2, q)
					if err != nil {
						t.Fatal(err)
					}
					for _, e := range page.Items {
						all = append(all, viewer+" "+e.ID+" "+e.Object)
					}
					if q.Page.After = page.Next; page.Next == "" {
						break
					}
				}
			}
		}
		return all
	}
	if err := store.DoNotWait(t.Context(), s.Store); err != nil {
		t.Fatal(err)
	}
	db := database(t, s.path)
	db.SetMaxOpenConns(1)
	if _, err := db.ExecContext(t.Context(), `BEGIN IMMEDIATE`); err != nil {
		t.Fatal(err)
	}
	if err := s.Audit(t.Context(), outturn.AuditEntry{Subject: "s"}); outturn.ErrorCode(err) != outturn.CodeUnavailable {
		t.Errorf("it is not held: %v", err)
	}
	held := listed()
	if _, err := db.ExecContext(t.Context(), `ROLLBACK`); err != nil {
		t.Fatal(err)
	}
	if after := listed(); len(held) < 20 || !slices.Equal(held, after) {
		t.Errorf("while it is held:\n%s\nafterwards:\n%s", strings.Join(held, "\n"), strings.Join(after, "\n"))
	}
}

// Verifying sees one state, whatever is written and sealed meanwhile.
func TestAuditVerifiesWhileItGrows(t *testing.T) {
	s := newSealed(t)
	ctx, stop := context.WithCancel(t.Context())
	var work sync.WaitGroup
	for range 2 {
		work.Go(func() {
			for range 1500 { // each verdict is over all of them
				if err := s.Audit(ctx, outturn.AuditEntry{Subject: "s", Action: "a"}); err != nil && !errors.Is(err, context.Canceled) {
					t.Error(err)
				}
			}
		})
	}
	for range 2 {
		work.Go(func() {
			for ctx.Err() == nil {
				if _, _, err := s.SealAudit(ctx, s.key); err != nil && !errors.Is(err, context.Canceled) && outturn.ErrorCode(err) != outturn.CodeConflict {
					t.Error(err)
				}
			}
		})
	}
	last := s.heads[blocks]
	for i := 0; i < 30 || last.N == blocks; i++ {
		v := s.verify(t, s.path, last)
		if !v.Sound {
			t.Errorf("got %+v", v.Fault)
			break
		}
		last = v.Head
	}
	stop()
	work.Wait()
}

// A block that was truly signed, but in another history of the ledger, does not fit
// the one after it.
func TestAuditSpliced(t *testing.T) {
	s := newSealed(t)
	fork := &sealed{path: filepath.Join(t.TempDir(), "fork.db"), sealer: s.sealer}
	if err := s.Backup(t.Context(), fork.path); err != nil {
		t.Fatal(err)
	}
	fork.Store = open(t, store.Config{Path: fork.path})
	for _, history := range []*sealed{s, fork} {
		var err error
		if history.key, err = history.OpenAuditKey(t.Context(), s.sealer); err != nil {
			t.Fatal(err)
		}
		for range 2 {
			history.note(t, perBlock-waiting)
			history.seal(t)
		}
	}
	path := s.copied(t, `ATTACH '`+fork.path+`' AS fork`,
		`DELETE FROM audit_blocks WHERE n = 7`, `INSERT INTO audit_blocks SELECT * FROM fork.audit_blocks WHERE n = 7`,
		`DELETE FROM audit_entries WHERE seq BETWEEN 241 AND 280`, `INSERT INTO audit_entries SELECT * FROM fork.audit_entries WHERE seq BETWEEN 241 AND 280`)
	if v := s.verify(t, path, outturn.AuditHead{}); v.Fault == nil || v.Fault.Block != 8 || v.Fault.Kind != outturn.AuditBlockChanged {
		t.Errorf("got %+v", v.Fault)
	}
}
