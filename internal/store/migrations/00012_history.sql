-- What is forgotten when it is old is found by its age.

-- +goose Up

CREATE INDEX firings_at ON firings (at, id) WHERE cause <> 'event';
CREATE INDEX firings_skipped ON firings (generator, revision) WHERE skipped IS NOT NULL;
CREATE INDEX deliveries_ended ON deliveries (ended_at, id) WHERE ended_at IS NOT NULL;
CREATE INDEX runs_generator_revision ON runs (generator, revision) WHERE generator IS NOT NULL;
