package store

import (
	"context"
	"database/sql"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"outturn"
	"outturn/internal/secret"
)

// VerifyAudit holds the audit of the ledger at c.Path against its blocks, and the
// blocks against expect, where an auditor has noted one. It changes nothing, sees one
// committed state, and may run beside a server. The error says that the audit could
// not be read; what was found is the verdict.
func VerifyAudit(ctx context.Context, c Config, sealer secret.Sealer, expect outturn.AuditHead) (outturn.AuditVerdict, error) {
	none := outturn.AuditVerdict{}
	if _, err := os.Stat(c.Path); errors.Is(err, fs.ErrNotExist) { // opening would make it
		return none, outturn.Errorf(outturn.CodeNotFound, "There is no ledger %s.", c.Path)
	}
	todo, err := Pending(ctx, c)
	if err != nil {
		return none, err
	}
	if len(todo) > 0 {
		return none, outturn.Errorf(outturn.CodeConflict, "The ledger %s is of an older Outturn, which sealed no audit as this one does. `outturn migrate` brings it up to date.", filepath.Base(c.Path))
	}
	s := &Store{now: c.withDefaults().Now, path: c.Path, reads: connect(c.Path, 2, "", "busy_timeout(5000)", "query_only(1)", "cache_size(-64000)")}
	defer s.closeReads()
	k, err := openAuditKey(ctx, s, sealer)
	if outturn.ErrorCode(err) == outturn.CodeNotFound {
		k, err = nil, nil // nothing was ever sealed, or that is what somebody wants to be thought
	}
	if err != nil {
		return none, err
	}
	schema, err := newSchema()
	if err != nil {
		return none, err
	}
	v := verifying{key: k, sealer: sealer, expect: expect, schema: schema}
	if err := s.read(ctx, "verify the audit", v.all); err != nil {
		return none, err
	}
	v.Sound = v.Fault == nil
	return v.AuditVerdict, nil
}

// A verifying goes along the chain until something is not as it was sealed.
type verifying struct {
	outturn.AuditVerdict
	key    *AuditKey
	sealer secret.Sealer
	expect outturn.AuditHead
	schema map[string]string  // what the audit is to be kept in
	last   outturn.AuditBlock // that was as it was sealed
}

func (v *verifying) fault(block int64, kind outturn.AuditFaultKind, format string, args ...any) {
	v.Fault = &outturn.AuditFault{Block: block, Kind: kind, Message: fmt.Sprintf(format, args...)}
}

// pageOfBlocks is how many blocks are read at once.
const pageOfBlocks = 200

func (v *verifying) all(t *tx) error {
	after := int64(math.MinInt64)
	for {
		rows, err := t.rows(`SELECT `+blockColumns+` FROM audit_blocks WHERE n >= ?1 ORDER BY n LIMIT ?2`, after, pageOfBlocks)
		blocks, whole, err := readBlocks(rows, err)
		if err != nil {
			return err
		}
		for _, b := range blocks {
			if err := v.block(t, b); err != nil || v.Fault != nil {
				return err
			}
			v.last, v.Head, v.Blocks, v.Entries = b, b.Head(), b.N, v.Entries+b.Entries
			after = b.N + 1
		}
		if !whole {
			v.fault(v.last.N+1, outturn.AuditBlockChanged, "Block %d: what is kept of it was changed, and is no block any more.", v.last.N+1)
			return nil
		}
		if len(blocks) < pageOfBlocks {
			break
		}
	}
	if err := v.head(t); err != nil || v.Fault != nil {
		return err
	}
	if err := v.rest(t); err != nil || v.Fault != nil {
		return err
	}
	return v.tables(t)
}

// readBlocks reads blocks up to one that holds what no block does, such as a text for a
// number, which SQLite lets anybody write. Then they are not whole.
func readBlocks(rows *sql.Rows, err error) (blocks []outturn.AuditBlock, whole bool, _ error) {
	if err != nil {
		return nil, false, err
	}
	defer rows.Close()
	for rows.Next() {
		b, err := scanBlock(rows.Scan)
		if err != nil {
			return blocks, false, nil
		}
		blocks = append(blocks, b)
	}
	return blocks, true, rows.Err()
}

// block holds the entries of b, and b itself, against its hash and signature.
func (v *verifying) block(t *tx, b outturn.AuditBlock) error {
	switch {
	case b.N <= v.last.N:
		v.fault(b.N, outturn.AuditBlockChanged, "There is a block %d, and the first has the number 1.", b.N)
		return nil
	case b.N > v.last.N+1:
		v.fault(v.last.N+1, outturn.AuditBlockRemoved, "Block %d was removed: the next that is there is %d.", v.last.N+1, b.N)
		return nil
	case v.key == nil:
		v.fault(b.N, outturn.AuditSignature, "Block %d cannot be verified: the key of the audit was removed from the ledger.", b.N)
		return nil
	case !v.key.signs(b):
		v.fault(b.N, outturn.AuditSignature, "Block %d is not signed with the audit's key: its hash or its signature was changed, or somebody else made it.", b.N)
		return nil
	}
	rows, err := t.rows(auditWithin, v.start(), b.Last)
	if err != nil {
		return err
	}
	defer rows.Close()
	s := beginSealing(v.last.Hash, b)
	var seqs []int64
	for rows.Next() {
		e, err := scanSealed(rows.Scan)
		if err != nil { // a text where there was a number
			n := max(v.last.Last, 0) + int64(len(seqs)) + 1
			v.fault(b.N, outturn.AuditChanged, "Block %d: entry %d was changed, and is no entry any more.", b.N, n)
			return nil
		}
		s.add(&e)
		seqs = append(seqs, e.seq)
	}
	if err := rows.Err(); err != nil {
		return err
	}
	stored, err := base64.StdEncoding.DecodeString(b.Marks)
	switch {
	case s.hash() != b.Hash:
		v.fault(b.N, outturn.AuditBlockChanged, "Block %d: what is kept with its hash was changed.", b.N)
		if err == nil && int64(len(stored)) == markBytes*b.Entries {
			v.entries(b, seqs, marksOf(s.marks), marksOf(stored))
		}
	case err != nil || !slices.Equal(stored, s.marks):
		v.fault(b.N, outturn.AuditBlockChanged, "Block %d: the marks of its entries were changed.", b.N)
	case b.First != v.last.Last+1 || b.Last-b.First+1 != b.Entries:
		v.fault(b.N, outturn.AuditRemoved, "Block %d: %d entries were removed after they were written and before they were sealed.", b.N, b.Last-v.last.Last-b.Entries)
	case v.expect.N == b.N && v.expect.Hash != b.Hash:
		v.fault(b.N, outturn.AuditUnexpected, "Block %d has the hash %s, and not the one that was noted. Somebody with the key file has written the audit anew.", b.N, b.Hash)
	}
	return nil
}

// auditWithin reads the entries of both tables from a number to another. It does not look
// at the view of them, which somebody may have made another.
const auditWithin = `SELECT seq, ` + auditRaw + ` FROM audit_entries WHERE seq >= ?1 AND seq <= ?2
	UNION ALL SELECT seq, ` + auditRaw + ` FROM audit_fresh WHERE seq >= ?1 AND seq <= ?2 ORDER BY 1`

// start is the number with which the entries of the next block begin.
func (v *verifying) start() int64 {
	if v.last.N == 0 {
		return math.MinInt64 // what was put before the first is found
	}
	return v.last.Last + 1
}

// tables sees that what is verified is what lists show: the tables, indexes, triggers and
// the view are those that an Outturn makes, and the indexes have what the tables have.
func (v *verifying) tables(t *tx) error {
	are, err := t.auditSchema()
	if err != nil {
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(v.schema)) {
		switch is, ok := are[name]; {
		case !ok:
			v.fault(0, outturn.AuditTables, "The %s was removed from the ledger.", name)
			return nil
		case is != v.schema[name]:
			v.fault(0, outturn.AuditTables, "The %s is not the one that Outturn makes: somebody has put another in its place.", name)
			return nil
		}
	}
	for _, name := range slices.Sorted(maps.Keys(are)) {
		if _, ok := v.schema[name]; !ok {
			v.fault(0, outturn.AuditTables, "The %s is not of Outturn: somebody has put it there.", name)
			return nil
		}
	}
	for _, name := range auditTables {
		var found string
		if err := t.row(checkTable(name)).scan(&found); err != nil {
			return err
		}
		if found != "ok" {
			v.fault(0, outturn.AuditTables, "The table %s or an index of it is damaged or was changed, so that lists do not show what it has: %s.", name, found)
			return nil
		}
	}
	return nil
}

// auditTables are what the view is of, and the blocks.
var auditTables = []string{"audit_entries", "audit_fresh", "audit_blocks"}

// auditSchema returns what there is of the audit in the ledger, such as "index audit_at",
// and how it was made, however it was spaced and quoted.
func (t *tx) auditSchema() (map[string]string, error) {
	rows, err := t.rows(schemaOf, "audit", auditTables[0], auditTables[1], auditTables[2])
	made := map[string]string{}
	_, err = all(rows, err, func(scan func(...any) error) (struct{}, error) {
		var kind, name, text string
		err := scan(&kind, &name, textTo{&text})
		made[kind+" "+name] = strings.Join(strings.Fields(strings.ReplaceAll(text, `"`, "")), " ")
		return struct{}{}, err
	})
	return made, err
}

// newSchema is the auditSchema of a ledger that is new, which is made once a process.
var newSchema = sync.OnceValues(func() (schema map[string]string, err error) {
	dir, err := os.MkdirTemp("", "outturn-verify-")
	if err != nil {
		return nil, outturn.Errorf(outturn.CodeStorageUnavailable, "There is no room for a ledger to compare with: %w.", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	ctx := context.Background()
	s, err := Open(ctx, Config{Path: filepath.Join(dir, "ledger.db")})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	schema, err = s.look(ctx).auditSchema()
	return schema, fault("read what the audit is kept in", err)
})

type mark [markBytes]byte

func marksOf(bytes []byte) (marks []mark) {
	for m := range slices.Chunk(bytes, markBytes) {
		marks = append(marks, mark(m))
	}
	return marks
}

// entries says what became of the entries of b: which there are, and which were
// sealed.
func (v *verifying) entries(b outturn.AuditBlock, seqs []int64, are, were []mark) {
	i, first := 0, v.last.Last+1
	for i < len(are) && i < len(were) && are[i] == were[i] && seqs[i] == first+int64(i) {
		i++
	}
	n := first + int64(i) // the number of the first that is another
	tail := func(marks []mark, from, to int) []mark { return marks[min(from, len(marks)):min(to, len(marks))] }
	same := min(len(are), len(were))
	switch {
	case i == len(are) && i == len(were): // and something of the block itself
	case len(are) < len(were):
		v.fault(b.N, outturn.AuditRemoved, "Block %d: entry %d was removed. There are %d entries, and %d were sealed.", b.N, n, len(are), len(were))
	case len(are) > len(were):
		at := n
		if i < len(seqs) {
			at = seqs[i]
		}
		v.fault(b.N, outturn.AuditAdded, "Block %d: entry %d was added. There are %d entries, and %d were sealed.", b.N, at, len(are), len(were))
	case equalSets(are, were):
		v.fault(b.N, outturn.AuditReordered, "Block %d: the entries from %d on are in another order.", b.N, n)
	case i+1 < len(were) && slices.Equal(tail(are, i, same-1), tail(were, i+1, same)):
		v.fault(b.N, outturn.AuditRemoved, "Block %d: entry %d was removed, and those after it have its place.", b.N, n)
	case i+1 < len(are) && slices.Equal(tail(are, i+1, same), tail(were, i, same-1)):
		v.fault(b.N, outturn.AuditAdded, "Block %d: entry %d was added, and those after it were moved.", b.N, n)
	default:
		v.fault(b.N, outturn.AuditChanged, "Block %d: entry %d was changed.", b.N, n)
	}
}

func equalSets(a, b []mark) bool {
	count := map[mark]int{}
	for i := range a {
		count[a[i]]++
		count[b[i]]--
	}
	for _, n := range count {
		if n != 0 {
			return false
		}
	}
	return true
}

// head holds the newest block against what is kept of it, and the noted one against
// what there is.
func (v *verifying) head(t *tx) error {
	head, err := t.auditHead(v.sealer)
	switch {
	case outturn.ErrorCode(err) == outturn.CodeFileDamaged:
		v.fault(max(v.last.N, 1), outturn.AuditHeadFault, "%s", err)
	case err != nil:
		return err
	case head.N > v.last.N:
		v.fault(v.last.N+1, outturn.AuditHeadFault, "Block %d was removed, and all after it: the last that was sealed is %d.", v.last.N+1, head.N)
	case head != v.last.Head():
		v.fault(v.last.N, outturn.AuditHeadFault, "Block %d is the newest, and the ledger keeps sealed that it is %d: one of the two is of another time.", v.last.N, head.N)
	case v.expect.N > v.last.N:
		v.fault(v.last.N+1, outturn.AuditUnexpected, "Block %d is not there, and block %d was noted: the ledger is older than the note, or was cut off.", v.last.N+1, v.expect.N)
	}
	return nil
}

// rest counts the entries that wait for the next block, and sees that they can be sealed.
func (v *verifying) rest(t *tx) error {
	rows, err := t.rows(auditWithin, v.start(), int64(math.MaxInt64))
	if err != nil {
		return err
	}
	defer rows.Close()
	for next := v.last.Last + 1; rows.Next(); next++ {
		e, err := scanSealed(rows.Scan)
		switch {
		case err != nil:
			v.fault(v.last.N+1, outturn.AuditChanged, "Entry %d, which is not yet sealed, was changed, and is no entry any more.", next)
		case e.seq < next:
			v.fault(v.last.N+1, outturn.AuditAdded, "Entry %d was added: there is one of that number, or all are sealed that come before %d.", e.seq, v.last.Last+1)
		case e.seq > next:
			v.fault(v.last.N+1, outturn.AuditRemoved, "Of the entries that are not yet sealed some were removed: there is none from %d to %d.", next, e.seq-1)
		}
		if v.Fault != nil {
			return nil
		}
		v.Unsealed++
	}
	if err := rows.Err(); err != nil {
		return err
	}
	var seq, other int64
	err = t.row(`SELECT f.seq, e.seq FROM audit_fresh f JOIN audit_entries e ON e.id = f.id
		UNION ALL SELECT f.seq, e.seq FROM audit_fresh f JOIN audit_fresh e ON e.id = f.id AND e.seq < f.seq LIMIT 1`).scan(&seq, &other)
	if errors.Is(err, sql.ErrNoRows) {
		return nil
	}
	if err != nil {
		return err
	}
	v.fault(v.last.N+1, outturn.AuditAdded, "Entry %d was added: it has the id of entry %d.", seq, other)
	return nil
}
