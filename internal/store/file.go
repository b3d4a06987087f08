package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"slices"
	"strings"

	"outturn"
)

const fileColumns = `id, run, tenant, name, format, dialect, compression, media_type, rows_n, bytes_n, sha256, notes, object_key, created_at, expires_at, downloads`

func scanFile(scan func(...any) error) (f outturn.File, err error) {
	var notes string
	err = scan(&f.ID, &f.Run, &f.Tenant, &f.Name, &f.Format, &f.Dialect, &f.Compression, &f.MediaType, &f.Rows, &f.Bytes,
		&f.SHA256, &notes, &f.Key, instantTo{&f.CreatedAt}, instantTo{&f.ExpiresAt}, &f.Downloads)
	if err != nil || notes == "" {
		return f, err
	}
	return f, json.Unmarshal([]byte(notes), &f.Notes)
}

// addFiles adds the files of r, in the order they have.
func (t *tx) addFiles(r outturn.Run, files []outturn.File) ([]outturn.File, error) {
	added := slices.Clone(files)
	for i := range added {
		f := &added[i]
		f.Run, f.Tenant = r.ID, r.Tenant
		if f.CreatedAt.IsZero() {
			f.CreatedAt = t.now
		}
		if f.ID == "" {
			f.ID = outturn.NewID(t.now)
		}
		notes, err := json.Marshal(f.Notes)
		if err != nil {
			return nil, err
		}
		if string(notes) == "{}" {
			notes = nil
		}
		if _, err := t.exec(`INSERT INTO files (`+fileColumns+`, place)
			VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, 0, ?16)`,
			f.ID, f.Run, f.Tenant, f.Name, f.Format, f.Dialect, f.Compression, f.MediaType, f.Rows, f.Bytes,
			f.SHA256, string(notes), f.Key, micros(f.CreatedAt), micros(f.ExpiresAt), i); err != nil {
			return nil, err
		}
	}
	return added, nil
}

func (t *tx) filesOf(run string) ([]outturn.File, error) {
	rows, err := t.rows(`SELECT `+fileColumns+` FROM files WHERE run = ?1 AND marked_at IS NULL ORDER BY place`, run)
	return all(rows, err, scanFile)
}

// fillFiles gives runs their files.
func (t *tx) fillFiles(runs []outturn.Run) error {
	place := map[string]int{}
	var ids []string
	for i, r := range runs {
		if r.State == outturn.RunSucceeded && r.FilesGoneAt.IsZero() {
			place[r.ID] = i
			ids = append(ids, r.ID)
		}
	}
	for part := range slices.Chunk(ids, mostIDs) {
		rows, err := t.rows(`SELECT `+fileColumns+` FROM files WHERE marked_at IS NULL AND run IN `+in(1, len(part))+` ORDER BY run, place`, padded(part)...)
		files, err := all(rows, err, scanFile)
		if err != nil {
			return err
		}
		for _, f := range files {
			r := &runs[place[f.Run]]
			r.Files = append(r.Files, f)
		}
	}
	return nil
}

// File returns a file that viewer sees; CodeGone when its time is over.
func (s *Store) File(ctx context.Context, viewer, id string) (outturn.File, error) {
	t := s.look(ctx)
	f, err := scanFile(t.row(`SELECT `+fileColumns+` FROM files WHERE id = ?2 AND `+seen("files.tenant"), viewer, id).scan)
	if err != nil {
		return f, found("file", id, err)
	}
	return f, fault("read file", t.isKept(f))
}

// isKept says why a file is gone, though the ledger has it yet.
func (t *tx) isKept(f outturn.File) error {
	if err := t.tenantLives(f.Tenant); err != nil {
		return err
	}
	if f.ExpiresAt.IsZero() || t.now.Before(f.ExpiresAt) {
		return nil
	}
	return outturn.Errorf(outturn.CodeGone, "The file was kept until %s and is gone. Make a new run to have it again.", f.ExpiresAt.Format("2006-01-02 15:04 MST"))
}

// takeFiles takes the files of r away and ends their links.
func (t *tx) takeFiles(r outturn.Run) ([]outturn.File, error) {
	rows, err := t.rows(`SELECT `+fileColumns+` FROM files WHERE run = ?1 ORDER BY place`, r.ID)
	files, err := all(rows, err, scanFile)
	if err != nil || len(files) == 0 {
		return nil, err
	}
	if _, err := t.exec(`UPDATE links SET revoked_at = ?2 WHERE revoked_at IS NULL AND file IN (SELECT id FROM files WHERE run = ?1)`, r.ID, micros(t.now)); err != nil {
		return nil, err
	}
	if _, err := t.exec(`DELETE FROM files WHERE run = ?1`, r.ID); err != nil {
		return nil, err
	}
	gone := use{files: -int64(len(files))}
	for _, f := range files {
		gone.bytes -= f.Bytes
	}
	if err := t.use(r.Tenant, gone); err != nil {
		return nil, err
	}
	return files, t.filesGone(r.ID)
}

// filesGone notes that a run has no files any more, when it has none.
func (t *tx) filesGone(run string) error {
	_, err := t.exec(`UPDATE runs SET files_gone_at = ?2, `+touched("?2")+`
		WHERE id = ?1 AND state = 'succeeded' AND files_gone_at IS NULL
		AND NOT EXISTS (SELECT 1 FROM files WHERE run = ?1 AND marked_at IS NULL)`, run, micros(t.now))
	return err
}

// ExpiredFiles marks the files whose time is over, so that nobody sees them any
// more, and returns up to limit of the marked ones: delete their bytes, then
// ForgetFiles. Until then it returns them again.
func (s *Store) ExpiredFiles(ctx context.Context, limit int) (files []outturn.File, err error) {
	now := micros(s.instant())
	var work int
	if err := s.look(ctx).row(`SELECT (SELECT COUNT(*) FROM files WHERE marked_at IS NOT NULL)
		+ (SELECT COUNT(*) FROM files WHERE marked_at IS NULL AND expires_at IS NOT NULL AND expires_at <= ?1)`, now).scan(&work); err != nil || work == 0 {
		return nil, fault("look for expired files", err)
	}
	err = s.work(ctx, "mark expired files", func(t *tx) error {
		rows, err := t.rows(`SELECT `+fileColumns+` FROM files WHERE marked_at IS NULL AND expires_at IS NOT NULL AND expires_at <= ?1 ORDER BY expires_at LIMIT ?2`, micros(t.now), limit)
		over, err := all(rows, err, scanFile)
		if err != nil {
			return err
		}
		runs := map[string]bool{}
		for _, f := range over {
			runs[f.Run] = true
			if _, err := t.exec(`UPDATE files SET marked_at = ?2 WHERE id = ?1`, f.ID, micros(t.now)); err != nil {
				return err
			}
		}
		for run := range runs {
			if err := t.filesGone(run); err != nil {
				return err
			}
		}
		rows, err = t.rows(`SELECT `+fileColumns+` FROM files WHERE marked_at IS NOT NULL ORDER BY marked_at LIMIT ?1`, limit)
		files, err = all(rows, err, scanFile)
		return err
	})
	if err != nil {
		return nil, err
	}
	return files, nil
}

// ForgetFiles takes marked files out of the ledger, once their bytes are deleted.
func (s *Store) ForgetFiles(ctx context.Context, ids []string) error {
	if len(ids) == 0 {
		return nil
	}
	return s.work(ctx, "forget files", func(t *tx) error {
		gone := map[string]use{}
		for _, id := range ids {
			var tenant string
			var bytes int64
			err := t.row(`DELETE FROM files WHERE id = ?1 AND marked_at IS NOT NULL RETURNING tenant, bytes_n`, id).scan(&tenant, &bytes)
			if errors.Is(err, sql.ErrNoRows) {
				continue
			}
			if err != nil {
				return err
			}
			u := gone[tenant]
			gone[tenant] = use{files: u.files - 1, bytes: u.bytes - bytes}
		}
		for tenant, u := range gone {
			if err := t.use(tenant, u); err != nil {
				return err
			}
		}
		return nil
	})
}

// RunKeys returns, for the sweep of the storage, the runs of ids that there are,
// without their requests: bytes under tenant/run.attempt. are in use when the run
// is running at that attempt, or when they are the Key of one of its Files. Bytes may be
// deleted by it: it is on the disk.
func (s *Store) RunKeys(ctx context.Context, ids []string) (map[string]outturn.Run, error) {
	runs := map[string]outturn.Run{}
	err := s.read(ctx, "read keys in use", func(t *tx) error {
		light, err := t.lightRuns(ids)
		if err != nil {
			return err
		}
		for _, r := range light {
			rows, err := t.rows(`SELECT `+fileColumns+` FROM files WHERE run = ?1 ORDER BY place`, r.ID) // marked ones too: they have a sweep of their own
			if r.Files, err = all(rows, err, scanFile); err != nil {
				return err
			}
			runs[r.ID] = r
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return runs, s.Settle(ctx)
}

const linkColumns = `id, file, tenant, token_hash, created_by, created_at, expires_at, revoked_at`

func scanLink(scan func(...any) error) (l outturn.Link, err error) {
	return l, scan(&l.ID, &l.File, &l.Tenant, &l.TokenHash, &l.CreatedBy, instantTo{&l.CreatedAt}, instantTo{&l.ExpiresAt}, instantTo{&l.RevokedAt})
}

// CreateLink adds a link to a file of l.Tenant or below it. The link is then of the
// file's tenant. A client that was revoked meanwhile makes none.
func (s *Store) CreateLink(ctx context.Context, l outturn.Link, a outturn.AuditEntry) error {
	return s.write(ctx, "create link", func(t *tx) error {
		f, err := scanFile(t.row(`SELECT `+fileColumns+` FROM files WHERE id = ?2 AND marked_at IS NULL AND `+seen("files.tenant"), l.Tenant, l.File).scan)
		if err != nil {
			return found("file", l.File, err)
		}
		if err := t.isKept(f); err != nil {
			return err
		}
		if err := t.notRevoked(l.CreatedBy); err != nil {
			return err
		}
		id := l.ID
		if id == "" {
			id = outturn.NewID(t.now)
		}
		if _, err := t.exec(`INSERT INTO links (`+linkColumns+`) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, NULL)`,
			id, f.ID, f.Tenant, l.TokenHash, l.CreatedBy, micros(t.now), due(l.ExpiresAt)); err != nil {
			return err
		}
		return t.audit(a, f.Tenant, id)
	})
}

// notRevoked refuses a subject that is a client which was revoked: those who let it in
// may not know yet, and what it makes now would not end with it.
func (t *tx) notRevoked(subject string) error {
	id, isClient := strings.CutPrefix(subject, "client:")
	if !isClient {
		return nil
	}
	switch err := t.row(`SELECT 1 FROM clients WHERE id = ?1 AND revoked_at IS NOT NULL`, id).scan(new(int)); {
	case err == nil:
		return outturn.Errorf(outturn.CodeUnauthenticated, "The client was revoked.")
	case !errors.Is(err, sql.ErrNoRows):
		return err
	}
	return nil
}

// endLinks ends the links that a subject has made.
func (t *tx) endLinks(subject string) error {
	_, err := t.exec(`UPDATE links SET revoked_at = ?2 WHERE created_by = ?1 AND revoked_at IS NULL`, subject, micros(t.now))
	return err
}

// LinkByHash returns a link and its file by the hash of its token, whoever asks.
// It is CodeGone once it was revoked or is over, or its file is gone.
func (s *Store) LinkByHash(ctx context.Context, hash string) (l outturn.Link, f outturn.File, err error) {
	err = s.read(ctx, "read link", func(t *tx) error {
		if l, err = scanLink(t.row(`SELECT `+linkColumns+` FROM links WHERE token_hash = ?1`, hash).scan); err != nil {
			if errors.Is(err, sql.ErrNoRows) {
				return outturn.Errorf(outturn.CodeNotFound, "There is no such link. Check that all of it was copied.")
			}
			return err
		}
		f, err = scanFile(t.row(`SELECT `+fileColumns+` FROM files WHERE id = ?1 AND marked_at IS NULL`, l.File).scan)
		switch {
		case err != nil && !errors.Is(err, sql.ErrNoRows):
			return err
		case err != nil || t.isKept(f) != nil:
			return outturn.Errorf(outturn.CodeGone, "The file of this link is gone. Ask whoever sent it for a new one.")
		case !l.RevokedAt.IsZero():
			return outturn.Errorf(outturn.CodeGone, "This link was taken back. Ask whoever sent it for a new one.")
		case !t.now.Before(l.ExpiresAt):
			return outturn.Errorf(outturn.CodeGone, "This link was good until %s. Ask whoever sent it for a new one.", l.ExpiresAt.Format("2006-01-02 15:04 MST"))
		}
		return nil
	})
	if err != nil {
		return outturn.Link{}, outturn.File{}, err
	}
	return l, f, nil
}

// Link returns a link that viewer sees.
func (s *Store) Link(ctx context.Context, viewer, id string) (outturn.Link, error) {
	l, err := scanLink(s.look(ctx).row(`SELECT `+linkColumns+` FROM links WHERE id = ?2 AND `+seen("links.tenant"), viewer, id).scan)
	return l, found("link", id, err)
}

// RevokeLink ends a link that viewer sees; one that has ended stays as it is.
func (s *Store) RevokeLink(ctx context.Context, viewer, id string, a outturn.AuditEntry) error {
	return s.write(ctx, "revoke link", func(t *tx) error {
		l, err := scanLink(t.row(`SELECT `+linkColumns+` FROM links WHERE id = ?2 AND `+seen("links.tenant"), viewer, id).scan)
		if err != nil {
			return found("link", id, err)
		}
		if !l.RevokedAt.IsZero() {
			return nil
		}
		if _, err := t.exec(`UPDATE links SET revoked_at = ?2 WHERE id = ?1`, id, micros(t.now)); err != nil {
			return err
		}
		return t.audit(a, l.Tenant, id)
	})
}
