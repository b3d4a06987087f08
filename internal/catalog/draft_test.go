package catalog_test

import (
	"os"
	"strings"
	"testing"

	"outturn"
	"outturn/internal/catalog"
	"outturn/internal/source/postgres"
	"outturn/internal/source/postgres/postgrestest"
)

func TestMain(m *testing.M) { os.Exit(postgrestest.Run(m)) }

const draftSQL = `
CREATE TABLE accounts (id int PRIMARY KEY, parent_id int REFERENCES accounts, name text);
CREATE TABLE invoices (
  "Number" bigint PRIMARY KEY, seller_id int REFERENCES accounts, buyer_id int NOT NULL REFERENCES accounts, "order" text, "a b" text, "a-b" text,
  updated_at timestamptz, due_date date, issued_at timestamptz NOT NULL, total numeric(12,2), currency char(3));
CREATE INDEX ON invoices (issued_at);
COMMENT ON TABLE invoices IS 'One "row" per invoice */ DROP';
COMMENT ON COLUMN invoices.total IS E'What is: to pay\n*/ {}';
CREATE TABLE lines (id int PRIMARY KEY, invoice bigint NOT NULL REFERENCES invoices, "user" text);
CREATE SCHEMA far; CREATE TABLE far.notes (line int REFERENCES lines, at date);`

const draftTree = `/*
version: 1
source: mine
description: d
*/
SELECT id, parent_id AS parent, 'x' AS kind, name, 'EUR' AS currency, 'UTC' AS zone FROM accounts`

// A draft from PostgreSQL's catalogue says what the catalogue knows, and fits as it is.
func TestDraft(t *testing.T) {
	db, err := postgres.New(postgres.Config{URL: postgrestest.New(t, draftSQL)}).Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	_, sql, _ := strings.Cut(draftTree, "*/")
	tree := &outturn.TenantTree{SQL: sql}
	for table, wants := range map[string][]string{
		"accounts": {"tenant: id\n"},
		"invoices": {
			"tenant: buyer_id\n# or: seller_id", "period: {expr: issued_at, kind: instant}", "key: [Number]\nsplit: Number", "description: \"One \\\"row\\\" per invoice * / DROP\"",
			`meaning: "What is: to pay\n* / {}"} # if it is money: currency: currency, additive: true`, "type: int, id: true", "name: a_b_2,",
		},
		"lines":     {"# by way of lines → invoices, column buyer_id\ntenant: of_account", `t1."buyer_id" AS of_account`},
		"far.notes": {"tenant: of_account", `FROM "far"."notes" AS t`, "period: {expr: at, kind: date}"},
	} {
		draft, err := catalog.Draft(t.Context(), db, table, tree)
		if err != nil {
			t.Fatal(err)
		}
		for _, want := range wants {
			if !strings.Contains(draft, want) {
				t.Errorf("%s: the draft does not say %q:\n%s", table, want, draft)
			}
		}
		c := folder(t, map[string]string{"own.sql": draft, "_tenants.sql": draftTree})
		if problems := c.Check(t.Context(), db); len(problems) > 0 {
			t.Errorf("%s: a draft does not fit: %v\n%s", table, problems, draft)
		}
	}
}
