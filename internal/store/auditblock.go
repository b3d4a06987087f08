package store

import (
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"strconv"
	"time"

	"outturn"
	"outturn/internal/secret"
)

// Names of what is kept sealed in the ledger: the key that signs blocks, and the
// newest block, so that cutting off the last ones shows.
const (
	auditKeyName  = "audit.signing"
	auditHeadName = "audit.head"
)

// mostEntries is how many entries a block seals.
const mostEntries = 1000

// An AuditKey signs the blocks of an audit, and seals which one is the newest.
type AuditKey struct {
	key    secret.SigningKey
	sealer secret.Sealer
}

// OpenAuditKey reads the key of the audit of s, and makes it where there is none.
func (s *Store) OpenAuditKey(ctx context.Context, sealer secret.Sealer) (*AuditKey, error) {
	k, err := openAuditKey(ctx, s, sealer)
	if outturn.ErrorCode(err) != outturn.CodeNotFound {
		return k, err
	}
	fresh, err := secret.NewSigningKey(s.instant())
	if err != nil {
		return nil, err
	}
	sealed, err := secret.SealJSON(sealer, auditKeyName, fresh)
	if err != nil {
		return nil, err
	}
	err = s.write(ctx, "keep the key of the audit", func(t *tx) error { // of two that do so at once both get the same
		_, err := t.exec(`INSERT INTO secrets (name, sealed) VALUES (?1, ?2) ON CONFLICT (name) DO NOTHING`, auditKeyName, encoded(sealed))
		return err
	})
	if err != nil {
		return nil, err
	}
	return openAuditKey(ctx, s, sealer)
}

func openAuditKey(ctx context.Context, s *Store, sealer secret.Sealer) (*AuditKey, error) {
	k := &AuditKey{sealer: sealer}
	sealed, err := s.Secret(ctx, auditKeyName)
	if err != nil {
		return nil, err
	}
	err = secret.OpenJSON(sealer, auditKeyName, sealed, &k.key)
	if errors.Is(err, secret.ErrSealed) {
		return nil, outturn.Errorf(outturn.CodeInvalid, "The key that signs the audit is in the ledger, but the key file is not the one that it was sealed with. Put back the key file that belongs to this ledger: %w.", err)
	}
	if err != nil {
		return nil, err
	}
	return k, k.key.Open()
}

// SealAudit indexes the entries that no block has yet and seals them, mostEntries a
// block. It returns the newest block and whether it is new. A block, and that it is the newest,
// are on the disk together or not at all.
//
// Where the newest block is not the one that was sealed last it is CodeFileDamaged,
// and nothing is sealed: a new head would hide what happened.
func (s *Store) SealAudit(ctx context.Context, k *AuditKey) (head outturn.AuditHead, sealed bool, err error) {
	end, err := s.AuditEnd(ctx)
	if err == nil {
		err = s.indexAudit(ctx, end)
	}
	if err != nil {
		return head, false, err
	}
	for {
		last, entries, err := s.unsealed(ctx, k)
		if err != nil || len(entries) == 0 {
			return last.Head(), sealed, err
		}
		b, err := k.block(last, entries, s.instant())
		if err != nil {
			return last.Head(), sealed, err
		}
		if err := s.putBlock(ctx, k, b); err != nil {
			return last.Head(), sealed, err
		}
		head, sealed = b.Head(), true
		if len(entries) < mostEntries {
			return head, sealed, nil
		}
	}
}

const blockColumns = `n, first_seq, last_seq, entries, hash, signature, sealed_at, marks`

func scanBlock(scan func(...any) error) (b outturn.AuditBlock, err error) {
	return b, scan(&b.N, &b.First, &b.Last, &b.Entries, &b.Hash, &b.Signature, instantTo{&b.SealedAt}, &b.Marks)
}

// unsealed returns the newest block and the first entries after it.
func (s *Store) unsealed(ctx context.Context, k *AuditKey) (last outturn.AuditBlock, entries []sealedEntry, err error) {
	err = s.read(ctx, "read the audit", func(t *tx) error {
		if last, err = t.newestBlock(); err != nil {
			return err
		}
		head, err := t.auditHead(k.sealer)
		if err != nil {
			return err
		}
		if head != last.Head() {
			return outturn.Errorf(outturn.CodeFileDamaged, "The newest block of the audit is not the one that was sealed last. Somebody has changed the ledger; `outturn audit verify` says where.")
		}
		rows, err := t.rows(`SELECT seq, `+auditRaw+` FROM audit_entries WHERE seq > ?1 ORDER BY seq LIMIT ?2`, last.Last, mostEntries)
		entries, err = all(rows, err, scanSealed)
		return err
	})
	return last, entries, err
}

// newestBlock returns no block where there is none.
func (t *tx) newestBlock() (outturn.AuditBlock, error) {
	rows, err := t.rows(`SELECT ` + blockColumns + ` FROM audit_blocks ORDER BY n DESC LIMIT 1`)
	blocks, err := all(rows, err, scanBlock)
	if err != nil || len(blocks) == 0 {
		return outturn.AuditBlock{}, err
	}
	return blocks[0], nil
}

// auditHead returns which block was sealed last, none where there is no word of it.
func (t *tx) auditHead(sealer secret.Sealer) (head outturn.AuditHead, err error) {
	rows, err := t.rows(`SELECT sealed FROM secrets WHERE name = ?1`, auditHeadName)
	sealed, err := all(rows, err, func(scan func(...any) error) (b []byte, err error) { return b, scan(bytesTo{&b}) })
	if err != nil || len(sealed) == 0 {
		return head, err
	}
	err = secret.OpenJSON(sealer, auditHeadName, sealed[0], &head)
	if errors.Is(err, secret.ErrSealed) {
		err = outturn.Errorf(outturn.CodeFileDamaged, "What the ledger keeps sealed of the newest block of the audit was changed, or is of another ledger.")
	}
	return head, err
}

// putBlock adds a block. Another that was sealed meanwhile is CodeConflict.
func (s *Store) putBlock(ctx context.Context, k *AuditKey, b outturn.AuditBlock) error {
	head, err := secret.SealJSON(k.sealer, auditHeadName, b.Head())
	if err != nil {
		return err
	}
	return s.work(ctx, "seal the audit", func(t *tx) error {
		_, err := t.exec(`INSERT INTO audit_blocks (`+blockColumns+`) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)`,
			b.N, b.First, b.Last, b.Entries, b.Hash, b.Signature, micros(b.SealedAt), b.Marks)
		if isUnique(err) || isRefused(err) {
			return outturn.Errorf(outturn.CodeConflict, "Another process has sealed the audit.")
		}
		if err != nil {
			return err
		}
		_, err = t.exec(`INSERT INTO secrets (name, sealed) VALUES (?1, ?2) ON CONFLICT (name) DO UPDATE SET sealed = excluded.sealed`, auditHeadName, encoded(head))
		return err
	})
}

// auditRaw is every column of an entry but its number, as the ledger keeps it.
const auditRaw = `at, id, tenant, subject, via, action, object, outcome, origin, request, detail`

// A sealedEntry is an entry as blocks have it.
type sealedEntry struct {
	seq, at int64
	texts   [10]string // in the order of auditRaw
}

// scanSealed refuses what has the bytes of an entry and another type, which lists do not
// find: SQLite lets anybody write a blob where there was a text.
func scanSealed(scan func(...any) error) (e sealedEntry, err error) {
	to := []any{exactTo[int64]{&e.seq}, exactTo[int64]{&e.at}}
	for i := range e.texts {
		to = append(to, exactTo[string]{&e.texts[i]})
	}
	return e, scan(to...)
}

type exactTo[T any] struct{ to *T }

func (x exactTo[T]) Scan(v any) error {
	exact, ok := v.(T)
	if !ok {
		return fmt.Errorf("%T is kept as %T", exact, v)
	}
	*x.to = exact
	return nil
}

// markBytes are enough to tell which entry of a block has changed, and no proof.
const markBytes = 8

// appendContent appends an entry without its number: its time, then each text after
// its length, so that no two entries have the same bytes.
func (e *sealedEntry) appendContent(dst []byte) []byte {
	dst = binary.BigEndian.AppendUint64(dst, uint64(e.at))
	for _, text := range e.texts {
		dst = binary.BigEndian.AppendUint64(dst, uint64(len(text)))
		dst = append(dst, text...)
	}
	return dst
}

// A sealing takes the entries of a block in their order.
type sealing struct {
	sum   hash.Hash
	marks []byte
	buf   []byte
}

// beginSealing opens the hash of b with what is not of its entries.
func beginSealing(previous string, b outturn.AuditBlock) *sealing {
	s := &sealing{sum: sha256.New(), buf: []byte("outturn audit block 1\n")}
	before, _ := hex.DecodeString(previous) // "" before the first; what is no hash was refused with its own block
	s.buf = append(s.buf, byte(len(before)))
	s.buf = append(s.buf, before...)
	for _, n := range []int64{b.N, b.First, b.Last, b.Entries, b.SealedAt.UnixMicro()} {
		s.buf = binary.BigEndian.AppendUint64(s.buf, uint64(n))
	}
	s.sum.Write(s.buf)
	return s
}

func (s *sealing) add(e *sealedEntry) {
	s.buf = binary.BigEndian.AppendUint64(s.buf[:0], uint64(e.seq))
	s.buf = e.appendContent(s.buf)
	s.sum.Write(s.buf)
	mark := sha256.Sum256(s.buf[8:])
	s.marks = append(s.marks, mark[:markBytes]...)
}

func (s *sealing) hash() string { return hex.EncodeToString(s.sum.Sum(nil)) }

// block seals entries, of which there is at least one.
func (k *AuditKey) block(last outturn.AuditBlock, entries []sealedEntry, now time.Time) (outturn.AuditBlock, error) {
	b := outturn.AuditBlock{
		N: last.N + 1, First: entries[0].seq, Last: entries[len(entries)-1].seq, Entries: int64(len(entries)), SealedAt: now,
	}
	s := beginSealing(last.Hash, b)
	for i := range entries {
		s.add(&entries[i])
	}
	b.Hash, b.Marks = s.hash(), base64.StdEncoding.EncodeToString(s.marks)
	b.Signature = base64.StdEncoding.EncodeToString(ed25519.Sign(k.key.Private(), signedText(b)))
	return b, nil
}

// signs says whether the key signed b.
func (k *AuditKey) signs(b outturn.AuditBlock) bool {
	signature, err := base64.StdEncoding.DecodeString(b.Signature)
	return err == nil && ed25519.Verify(k.key.Public(), signedText(b), signature)
}

// signedText is what the signature of b is over: its hash covers all the rest.
func signedText(b outturn.AuditBlock) []byte {
	return []byte("outturn audit block " + strconv.FormatInt(b.N, 10) + "\n" + b.Hash)
}
