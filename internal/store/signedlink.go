package store

import (
	"context"
	"database/sql"
	"errors"
	"slices"
	"time"

	"outturn"
)

// LinkGrounds returns what links to files of tenants are signed on, of what viewer sees.
// barred are the data sets over which no links are to be made.
func (s *Store) LinkGrounds(ctx context.Context, viewer string, tenants, barred []string) (outturn.LinkGrounds, error) {
	g := outturn.LinkGrounds{Tenants: map[string]bool{}, Barred: map[string]bool{}, Ended: map[string]time.Time{}}
	err := s.read(ctx, "read what links are signed on", func(t *tx) error {
		for part := range slices.Chunk(tenants, mostIDs) {
			if err := t.linkGrounds(&g, viewer, part, barred); err != nil {
				return err
			}
		}
		return nil
	})
	return g, err
}

func (t *tx) linkGrounds(g *outturn.LinkGrounds, viewer string, tenants, barred []string) error {
	rows, err := t.rows(`SELECT descendant FROM tenant_closure WHERE ancestor = ?1 AND descendant IN `+in(2, len(tenants)), append([]any{viewer}, padded(tenants)...)...)
	seen, err := all(rows, err, scanText)
	if err != nil || len(seen) == 0 {
		return err
	}
	for _, id := range seen {
		g.Tenants[id] = true
	}
	args := padded(seen)
	type ended struct {
		file string
		at   time.Time
	}
	rows, err = t.rows(`SELECT id, links_from FROM files WHERE links_from IS NOT NULL AND tenant IN `+in(1, len(seen)), args...)
	list, err := all(rows, err, func(scan func(...any) error) (e ended, err error) { return e, scan(&e.file, instantTo{&e.at}) })
	if err != nil {
		return err
	}
	for _, e := range list {
		g.Ended[e.file] = e.at
	}
	if len(barred) == 0 {
		return nil
	}
	rows, err = t.rows(`SELECT id FROM runs WHERE state = 'succeeded' AND files_gone_at IS NULL
		AND tenant IN `+in(1, len(seen))+` AND dataset IN `+in(1+len(args), len(barred)), append(args, padded(barred)...)...)
	runs, err := all(rows, err, scanText)
	for _, id := range runs {
		g.Barred[id] = true
	}
	return err
}

func scanText(scan func(...any) error) (text string, err error) { return text, scan(&text) }

// SignedLink returns the file of a signed link that a client was given, whoever follows
// it, and when links to it were last ended. It is CodeGone where the client was revoked
// or does not see the file any more, or the file is gone.
func (s *Store) SignedLink(ctx context.Context, client, file string) (f outturn.File, ended time.Time, err error) {
	err = s.read(ctx, "read a file by its link", func(t *tx) error {
		takenBack := outturn.Errorf(outturn.CodeGone, "This link was taken back. Ask whoever sent it for a new one.")
		c, err := scanClient(t.row(`SELECT `+clientColumns+` FROM clients WHERE id = ?1 AND revoked_at IS NULL`, client).scan)
		if errors.Is(err, sql.ErrNoRows) {
			return takenBack
		}
		if err != nil {
			return err
		}
		f, err = scanFile(t.row(`SELECT `+fileColumns+` FROM files WHERE id = ?1 AND marked_at IS NULL`, file).scan)
		if errors.Is(err, sql.ErrNoRows) || err == nil && t.isKept(f) != nil {
			return outturn.Errorf(outturn.CodeGone, "The file of this link is gone. Ask whoever sent it for a new one.")
		}
		if err != nil {
			return err
		}
		err = t.row(`SELECT links_from FROM files WHERE id = ?2 AND `+seen("files.tenant"), c.Tenant, file).scan(instantTo{&ended})
		if errors.Is(err, sql.ErrNoRows) {
			return takenBack
		}
		return err
	})
	if err != nil {
		return outturn.File{}, time.Time{}, err
	}
	return f, ended, nil
}

// EndLinks ends all links to a file that viewer sees, those that are kept and those that
// were signed.
func (s *Store) EndLinks(ctx context.Context, viewer, file string, a outturn.AuditEntry) error {
	return s.write(ctx, "end links to a file", func(t *tx) error {
		f, err := scanFile(t.row(`SELECT `+fileColumns+` FROM files WHERE id = ?2 AND marked_at IS NULL AND `+seen("files.tenant"), viewer, file).scan)
		if err != nil {
			return found("file", file, err)
		}
		if err := t.isKept(f); err != nil {
			return err
		}
		if _, err := t.exec(`UPDATE links SET revoked_at = ?2 WHERE file = ?1 AND revoked_at IS NULL`, file, micros(t.now)); err != nil {
			return err
		}
		// Each is later than the one before, though the clock may not be: signed links are told apart by it.
		if _, err := t.exec(`UPDATE files SET links_from = CASE WHEN links_from >= ?2 THEN links_from + 1 ELSE ?2 END WHERE id = ?1`, file, micros(t.now)); err != nil {
			return err
		}
		return t.audit(a, f.Tenant, file)
	})
}
