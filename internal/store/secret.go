package store

import (
	"context"
	"encoding/base64"

	"outturn"
)

// Secret returns the sealed bytes of that name.
func (s *Store) Secret(ctx context.Context, name string) ([]byte, error) {
	var sealed []byte
	err := s.look(ctx).row(`SELECT sealed FROM secrets WHERE name = ?1`, name).scan(bytesTo{&sealed})
	return sealed, found("secret", name, err)
}

// PutSecret keeps sealed bytes under a name, in place of what was there.
func (s *Store) PutSecret(ctx context.Context, name string, sealed []byte) error {
	return s.write(ctx, "put secret", func(t *tx) error {
		_, err := t.exec(`INSERT INTO secrets (name, sealed) VALUES (?1, ?2) ON CONFLICT (name) DO UPDATE SET sealed = excluded.sealed`,
			name, encoded(sealed))
		return err
	})
}

// SwapSecret keeps sealed bytes under a name in place of those that the caller knows, or
// where there were none if those are nil; CodeConflict where somebody else was quicker.
func (s *Store) SwapSecret(ctx context.Context, name string, was, sealed []byte) error {
	return s.write(ctx, "swap secret", func(t *tx) error {
		statement, args := `UPDATE secrets SET sealed = ?2 WHERE name = ?1 AND sealed = ?3`, []any{name, encoded(sealed), encoded(was)}
		if was == nil {
			statement, args = `INSERT INTO secrets (name, sealed) VALUES (?1, ?2) ON CONFLICT (name) DO NOTHING`, args[:2]
		}
		n, err := t.exec(statement, args...)
		if err == nil && n == 0 {
			return outturn.Errorf(outturn.CodeConflict, "Another has changed the secret %s.", name)
		}
		return err
	})
}

// NextNumber counts up by one, from 1, for each scope and kind apart.
func (s *Store) NextNumber(ctx context.Context, scope, kind string) (int64, error) {
	var n int64
	err := s.write(ctx, "count", func(t *tx) error {
		return t.row(`INSERT INTO counters (scope, kind, n) VALUES (?1, ?2, 1)
			ON CONFLICT (scope, kind) DO UPDATE SET n = counters.n + 1 RETURNING n`, scope, kind).scan(&n)
	})
	return n, err
}

// encoded is how sealed bytes are kept, and bytesTo reads them.
func encoded(sealed []byte) string { return base64.StdEncoding.EncodeToString(sealed) }

type bytesTo struct{ to *[]byte }

func (b bytesTo) Scan(v any) error {
	var text string
	if err := (textTo{&text}).Scan(v); err != nil {
		return err
	}
	bytes, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		return outturn.Errorf(outturn.CodeInternal, "Sealed bytes in the ledger are damaged: %w.", err)
	}
	*b.to = bytes
	if len(bytes) == 0 {
		*b.to = nil
	}
	return nil
}
