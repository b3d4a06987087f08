package store

import (
	"context"
	"encoding/base64"

	"outturn"
)

// Secret returns the sealed bytes of that name.
func (s *Store) Secret(ctx context.Context, name string) ([]byte, error) {
	var sealed string
	if err := s.look(ctx).row(`SELECT sealed FROM secrets WHERE name = ?1`, name).scan(&sealed); err != nil {
		return nil, found("secret", name, err)
	}
	bytes, err := base64.StdEncoding.DecodeString(sealed)
	if err != nil {
		return nil, outturn.Errorf(outturn.CodeInternal, "The sealed secret %s is damaged: %w.", name, err)
	}
	return bytes, nil
}

// PutSecret keeps sealed bytes under a name, in place of what was there.
func (s *Store) PutSecret(ctx context.Context, name string, sealed []byte) error {
	return s.write(ctx, "put secret", func(t *tx) error {
		_, err := t.exec(`INSERT INTO secrets (name, sealed) VALUES (?1, ?2) ON CONFLICT (name) DO UPDATE SET sealed = excluded.sealed`,
			name, base64.StdEncoding.EncodeToString(sealed))
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
