package store

import (
	"context"
	"database/sql"
	"encoding/json"

	"outturn"
)

const auditColumns = `id, at, tenant, subject, via, action, object, outcome, origin, request, detail`

func scanAudit(scan func(...any) error) (a outturn.AuditEntry, err error) {
	var detail string
	if err := scan(&a.ID, instantTo{&a.At}, &a.Tenant, &a.Subject, &a.Via, &a.Action, &a.Object, &a.Outcome, &a.From, &a.Request, &detail); err != nil || detail == "" {
		return a, err
	}
	return a, json.Unmarshal([]byte(detail), &a.Detail)
}

// Audit adds an entry by itself: a refusal, a preview, a login.
func (s *Store) Audit(ctx context.Context, a outturn.AuditEntry) error {
	return s.write(ctx, "audit", func(t *tx) error { return t.audit(a, "", "") })
}

// AuditDownload adds the entry of a download, and counts it.
func (s *Store) AuditDownload(ctx context.Context, file string, a outturn.AuditEntry) error {
	return s.write(ctx, "audit a download", func(t *tx) error {
		if _, err := t.exec(`UPDATE files SET downloads = downloads + 1 WHERE id = ?1`, file); err != nil {
			return err
		}
		return t.audit(a, "", file)
	})
}

// audit adds a, about object of tenant unless it says otherwise.
func (t *tx) audit(a outturn.AuditEntry, tenant, object string) error {
	if a.At.IsZero() {
		a.At = t.now
	}
	if a.ID == "" {
		a.ID = outturn.NewID(a.At)
	}
	if a.Tenant == "" {
		a.Tenant = tenant
	}
	if a.Object == "" {
		a.Object = object
	}
	if a.Outcome == "" {
		a.Outcome = "ok"
	}
	detail := ""
	if len(a.Detail) > 0 {
		body, err := json.Marshal(a.Detail)
		if err != nil {
			return err
		}
		detail = string(body)
	}
	_, err := t.exec(`INSERT INTO audit_fresh (`+auditColumns+`) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)`,
		a.ID, micros(a.At), a.Tenant, a.Subject, a.Via, a.Action, a.Object, a.Outcome, a.From, a.Request, detail)
	return err
}

var auditList = listing{
	name: "audit entries", table: "audit_entries", tenant: "tenant",
	fields: []listField{
		{name: "id", column: "id"},
		{name: "at", column: "at", kind: instantField, order: true},
		{name: "tenant", column: "tenant"},
		{name: "subject", column: "subject"},
		{name: "via", column: "via"},
		{name: "action", column: "action"},
		{name: "object", column: "object"},
		{name: "outcome", column: "outcome"},
		{name: "from", column: "origin"},
		{name: "request", column: "request"},
	},
	first: outturn.Order{Field: "at", Desc: true},
	indexes: []listIndex{
		{name: "audit_object_at", equal: "object", order: "at"},
		{name: "audit_subject_at", equal: "subject", order: "at"},
		{name: "audit_action_at", equal: "action", order: "at"},
		{name: "audit_tenant_action_at", tenant: true, equal: "action", order: "at"},
		{name: "audit_tenant_at", tenant: true, order: "at"},
		{name: "audit_at", order: "at"},
		{equal: "id"},
	},
}

// How many fresh entries are indexed in one change, for which others wait: the least, and
// more where many have come together.
const (
	fewFresh  = 50
	mostFresh = 500
)

// indexAudit puts the fresh entries up to a number to those that lists find. It does not
// wait for the disk: an entry is in one table or in the other, whatever comes.
func (s *Store) indexAudit(ctx context.Context, end int64) error {
	for {
		var first, last sql.NullInt64
		if err := s.look(ctx).row(`SELECT MIN(seq), MAX(seq) FROM audit_fresh WHERE seq <= ?1`, end).scan(&first, &last); err != nil {
			return fault("read the audit", err)
		}
		if !first.Valid {
			return nil
		}
		end = min(end, last.Int64) // what comes meanwhile is the next one's
		most := min(max((end-first.Int64)/8, fewFresh), mostFresh)
		if err := s.note(ctx, "index the audit", func(t *tx) error { return t.indexAudit(most) }); err != nil {
			return err
		}
	}
}

// indexAudit indexes the first entries that are fresh, of which there is one unless another
// has indexed it.
func (t *tx) indexAudit(most int64) error {
	var last sql.NullInt64
	if err := t.row(`SELECT MAX(seq) FROM (SELECT seq FROM audit_fresh ORDER BY seq LIMIT ?1)`, most).scan(&last); err != nil || !last.Valid {
		return err
	}
	_, err := t.exec(`INSERT INTO audit_entries (seq, `+auditColumns+`) SELECT seq, `+auditColumns+` FROM audit_fresh WHERE seq <= ?1`, last.Int64)
	if isUnique(err) || isRefused(err) {
		return outturn.Errorf(outturn.CodeFileDamaged, "An entry of the audit, one of those up to %d, has the number or the id of another. Somebody has changed the ledger; `outturn audit verify` says where.", last.Int64)
	}
	if err != nil {
		return err
	}
	_, err = t.exec(`DELETE FROM audit_fresh WHERE seq <= ?1`, last.Int64)
	return err
}

// AuditEntries lists what concerns viewer and all below it. What concerns no
// tenant, such as a login with an unknown name, only the provider sees.
func (s *Store) AuditEntries(ctx context.Context, viewer string, q outturn.ListQuery) (outturn.List[outturn.AuditEntry], error) {
	end, err := s.AuditEnd(ctx)
	if err != nil {
		return outturn.List[outturn.AuditEntry]{}, err
	}
	l, err := s.auditUpTo(ctx, end)
	if err != nil {
		return outturn.List[outturn.AuditEntry]{}, err
	}
	return s.auditEntries(ctx, &l, viewer, q)
}

// auditUpTo is the list in which all entries up to an end are. Where they cannot be
// indexed, for a full disk or another process that holds the ledger, it is one that looks
// through all.
func (s *Store) auditUpTo(ctx context.Context, end int64) (listing, error) {
	l := auditList
	err := s.indexAudit(ctx, end)
	switch outturn.ErrorCode(err) {
	case outturn.CodeDiskFull, outturn.CodeStorageUnavailable, outturn.CodeUnavailable:
		l.table, l.indexes = "audit", nil
		return l, nil
	}
	return l, err
}

// AuditEnd is the number of the newest entry, 0 where there is none. Entries are
// numbered in the order in which they are committed, for SQLite has one writer: those
// up to the end are the same whenever they are listed.
func (s *Store) AuditEnd(ctx context.Context) (end int64, err error) {
	return end, fault("end of the audit", s.look(ctx).row(auditEnd).scan(&end))
}

// auditEnd reads the greater of what the two tables have.
const auditEnd = `SELECT COALESCE(MAX(seq), 0) FROM (SELECT MAX(seq) AS seq FROM audit_fresh UNION ALL SELECT MAX(seq) FROM audit_entries) AS ends`

// AuditEntriesUpTo is AuditEntries of those up to an end, whatever came after it. A
// page may be short, or empty, and have a Next.
func (s *Store) AuditEntriesUpTo(ctx context.Context, viewer string, end int64, q outturn.ListQuery) (outturn.List[outturn.AuditEntry], error) {
	l, err := s.auditUpTo(ctx, end)
	if err != nil {
		return outturn.List[outturn.AuditEntry]{}, err
	}
	l.also = func(c *armQuery) string { return "seq <= " + c.arg(end) }
	return s.auditEntries(ctx, &l, viewer, q)
}

func (s *Store) auditEntries(ctx context.Context, l *listing, viewer string, q outturn.ListQuery) (outturn.List[outturn.AuditEntry], error) {
	return list(s, ctx, l, viewer, "*", q, auditColumns, scanAudit, func(a *outturn.AuditEntry) string { return a.ID })
}
