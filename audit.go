package outturn

import (
	"encoding/hex"
	"strconv"
	"strings"
	"time"
)

// An AuditEntry says who did what, when, and what came of it. Entries are only
// ever added.
type AuditEntry struct {
	ID      string            `json:"id"`
	At      time.Time         `json:"at"`
	Tenant  string            `json:"tenant"`  // whose it concerns
	Subject string            `json:"subject"` // who
	Via     string            `json:"via"`
	Action  string            `json:"action"`           // such as run.create
	Object  string            `json:"object,omitempty"` // id of what it was done to
	Outcome string            `json:"outcome"`          // ok, or the code of the refusal
	From    string            `json:"from,omitempty"`   // address of the caller
	Request string            `json:"request,omitempty"`
	Detail  map[string]string `json:"detail,omitempty"`
}

// An AuditBlock seals the entries from First to Last, by the numbers that the
// ledger gave them, and with the hash of the block before all that come before. It
// is never changed either.
type AuditBlock struct {
	N       int64 `json:"block"` // from 1, without a gap
	First   int64 `json:"first"`
	Last    int64 `json:"last"`
	Entries int64 `json:"entries"`

	Hash      string    `json:"hash"`      // SHA-256, in hexadecimal
	Signature string    `json:"signature"` // Ed25519, in base64
	SealedAt  time.Time `json:"sealed_at"`

	// Marks are the first bytes of the SHA-256 of each entry without its number, in
	// base64. They add nothing to what the hash proves, and tell which entry it was.
	Marks string `json:"-"`
}

// Head is the block as an auditor notes it.
func (b AuditBlock) Head() AuditHead { return AuditHead{N: b.N, Hash: b.Hash} }

// An AuditHead names a block and what it and all before it must be. Whoever noted
// one outside can hold the audit against it later.
type AuditHead struct {
	N    int64
	Hash string
}

// String is N:HASH; of no block, "".
func (h AuditHead) String() string {
	if h.N == 0 {
		return ""
	}
	return strconv.FormatInt(h.N, 10) + ":" + h.Hash
}

// MarshalText writes String.
func (h AuditHead) MarshalText() ([]byte, error) { return []byte(h.String()), nil }

// UnmarshalText reads String, also of no block.
func (h *AuditHead) UnmarshalText(text []byte) (err error) {
	if len(text) == 0 {
		*h = AuditHead{}
		return nil
	}
	*h, err = ParseAuditHead(string(text))
	return err
}

// hashLength is that of a SHA-256 in hexadecimal.
const hashLength = 64

// ParseAuditHead reads what String writes.
func ParseAuditHead(text string) (AuditHead, error) {
	number, hash, ok := strings.Cut(strings.TrimSpace(text), ":")
	n, err := strconv.ParseInt(number, 10, 64)
	_, fault := hex.DecodeString(hash)
	if !ok || err != nil || n < 1 || fault != nil || len(hash) != hashLength {
		return AuditHead{}, Errorf(CodeInvalid, "%s is no head of an audit. Write the number of a block, a colon and its hash, as the log has it: 17:9f86d0….", Shown(text))
	}
	return AuditHead{N: n, Hash: strings.ToLower(hash)}, nil
}

// An AuditVerdict is what holding the audit against its blocks came to.
type AuditVerdict struct {
	Sound    bool        `json:"sound"`
	Blocks   int64       `json:"blocks"`   // that are as they were sealed, from the first
	Entries  int64       `json:"entries"`  // in them
	Unsealed int64       `json:"unsealed"` // entries after the newest block, which nothing protects yet
	Head     AuditHead   `json:"head"`     // the last of these blocks
	Fault    *AuditFault `json:"fault,omitempty"`
}

// An AuditFault is the first thing that is not as it was sealed.
type AuditFault struct {
	Block   int64          `json:"block"` // that it is of, or would be; 0 where it is of none
	Kind    AuditFaultKind `json:"kind"`
	Message string         `json:"message"`
}

// An AuditFaultKind is what became of an entry or a block.
type AuditFaultKind string

const (
	AuditRemoved      AuditFaultKind = "entry_removed"
	AuditChanged      AuditFaultKind = "entry_changed"
	AuditReordered    AuditFaultKind = "entries_reordered"
	AuditAdded        AuditFaultKind = "entry_added"
	AuditBlockRemoved AuditFaultKind = "block_removed"
	AuditBlockChanged AuditFaultKind = "block_changed"
	AuditSignature    AuditFaultKind = "signature" // whoever made the block had not the key
	AuditHeadFault    AuditFaultKind = "head"      // the newest block is not the one that was sealed last
	AuditUnexpected   AuditFaultKind = "expected"  // it is not what was noted outside
	AuditTables       AuditFaultKind = "tables"    // the tables are not those that lists show
)
