//go:build unix

package duckdb_test

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"outturn/internal/batch"
	"outturn/internal/source"
	"outturn/internal/source/duckdb"
)

// orders is the table of bench/orders.sql in DuckDB's own words: 32 columns,
// about 350 bytes of text a row.
const orders = `
CREATE TYPE req_status AS ENUM ('draft','pending','inquiring','approved','failed','tiers_setup','scheduled','revoking');
CREATE TYPE req_type AS ENUM ('purchase','change','suspend','resume','renew','cancel');
CREATE TABLE orders AS
SELECT
  1000000000 + i AS id,
  'AS-' || lpad(((i*2654435761) %% 10000)::VARCHAR,4,'0') || '-' || lpad(((i*40503) %% 10000)::VARCHAR,4,'0') || '-' || lpad((i %% 10000)::VARCHAR,4,'0') AS asset_id,
  'PR-' || lpad(((i*2654435761) %% 10000)::VARCHAR,4,'0') || '-' || lpad(((i*40503) %% 10000)::VARCHAR,4,'0') || '-' || lpad((i %% 10000)::VARCHAR,4,'0') || '-' || lpad((h1 %% 7 + 1)::VARCHAR,3,'0') AS request_id,
  (['purchase','change','suspend','resume','renew','cancel'])[(h1 %% 11) %% 6 + 1]::req_type AS request_type,
  (['approved','approved','approved','pending','inquiring','failed','tiers_setup','scheduled','draft','revoking'])[(h2 %% 10) + 1]::req_status AS status,
  (['production','test','preview'])[(h3 %% 17) // 8 + 1] AS connection_type,
  TIMESTAMPTZ '2021-01-01 00:00:00+00' + to_microseconds(i * 125000 + h1 %% 1000000) AS created_at,
  TIMESTAMPTZ '2021-01-01 00:00:00+00' + to_microseconds(i * 125000 + (h2 %% 864000) * 1000000 + h3 %% 1000000) AS updated_at,
  CASE WHEN h2 %% 5 = 0 THEN NULL ELSE DATE '2021-01-01' + ((i // 700000) + (h1 %% 365))::INTEGER END AS effective_date,
  'MP-' || lpad((h1 %% 40 * 977)::VARCHAR,5,'0') AS marketplace_id,
  (['Marché Européen','North America, Retail','日本マーケット','LATAM "Sur"','Deutschland & Österreich','Global'])[(h1 %% 40) %% 6 + 1] AS marketplace_name,
  CASE WHEN h3 %% 3 = 0 THEN NULL ELSE 'HB-' || lpad((h3 %% 300 * 31)::VARCHAR,4,'0') || '-' || lpad((h3 %% 300 * 17)::VARCHAR,4,'0') END AS hub_id,
  CASE WHEN h3 %% 3 = 0 THEN NULL ELSE 'Hub ' || (h3 %% 300) END AS hub_name,
  700000 + h2 %% 1500 AS provider_id,
  (['Contoso','Fabrikam, Inc.','Ångström Distribution','Żabka "Cloud" Sp. z o.o.','Tech Data'])[(h2 %% 1500) %% 5 + 1] || ' ' || (h2 %% 1500) AS provider_name,
  300000 + h3 %% 400 AS vendor_id,
  (['Adatum','Northwind Traders, Ltd.','Société Générale de Logiciel','O''Reilly "Media"','深圳软件'])[(h3 %% 400) %% 5 + 1] || ' ' || (h3 %% 400) AS vendor_name,
  'PRD-' || lpad((h3 %% 2000 * 499)::VARCHAR,6,'0') || '-' || lpad((h3 %% 2000 * 7)::VARCHAR,5,'0') AS product_id,
  (['Office Suite Business','Backup & Recovery (per GB)','Endpoint Protection, Advanced','CRM "Pro" seat','VM 4×16 GiB'])[(h3 %% 2000) %% 5 + 1] || ' v' || (h3 %% 2000) AS product_name,
  50000000 + (h1 %% 250000) AS customer_id,
  (['José García','Müller','O''Brien','Nguyễn Văn','Иванов','Smith','Łukasz','Dupont'])[h1 %% 8 + 1] || ' '
    || (['& Sons, Ltd.','"The Shop"','GmbH','S.A. de C.V.','LLC','Holdings'])[h2 %% 6 + 1]
    || CASE WHEN h3 %% 50 = 0 THEN E'\nattn: accounts dept.' ELSE '' END || ' ' || (h1 %% 250000) AS customer_name,
  'user' || (h1 %% 250000) || '@' || (['example.com','mail.example.org','shop.example.net','corp.example.co.uk'])[h1 %% 4 + 1] AS customer_email,
  CASE WHEN h1 %% 4 = 0 THEN NULL ELSE '+' || (1 + h1 %% 89) || ' ' || lpad((h2 %% 1000)::VARCHAR,3,'0') || '-' || lpad((h3 %% 10000)::VARCHAR,4,'0') || ' ' || lpad((h1 %% 1000)::VARCHAR,3,'0') END AS customer_phone,
  (['US','DE','FR','JP','BR','PL','VN','GB'])[h1 %% 8 + 1] AS country,
  (['New York','München','Saint-Étienne','東京','São Paulo','Łódź','Hà Nội','London'])[h1 %% 8 + 1] AS city,
  (['USD','EUR','EUR','JPY','BRL','PLN','VND','GBP'])[h1 %% 8 + 1] AS currency,
  price AS unit_price,
  (h3 %% 250 + 1)::INTEGER AS quantity,
  (price * (h3 %% 250 + 1)::DECIMAL(4,0))::DECIMAL(20,8) AS total_amount,
  CASE WHEN h1 %% 6 = 0 THEN NULL ELSE (price * (h3 %% 250 + 1)::DECIMAL(4,0) * 0.21)::DECIMAL(20,8) END AS tax_amount,
  h2 %% 3 <> 0 AS paid,
  to_json({'sku': 'S' || (h3 %% 5000), 'note': (['auto "renew"','manual','über-plan, v2'])[h2 %% 3 + 1], 'seats': h3 %% 250, 'trial': h1 %% 9 = 0}) AS attrs
FROM (
  SELECT *, ((h2 %% 1000000) * 100300902 / 1e8)::DECIMAL(20,8) AS price
  FROM (
    SELECT i, (hash(i, 11) %% 1000000007)::BIGINT AS h1, (hash(i, 22) %% 1000000007)::BIGINT AS h2, (hash(i, 33) %% 1000000007)::BIGINT AS h3
    FROM range(1, %d + 1) AS g(i)
  )
)`

// ordersFile returns a file with that table: the one that OUTTURN_BENCH_DB
// names, which is made if it is missing and may be a folder, or a small one.
func ordersFile(tb testing.TB) string {
	rows := 50_000
	if text := os.Getenv("OUTTURN_BENCH_ROWS"); text != "" {
		var err error
		if rows, err = strconv.Atoi(text); err != nil {
			tb.Fatal(err)
		}
	}
	path := os.Getenv("OUTTURN_BENCH_DB")
	if path == "" {
		path = filepath.Join(tb.TempDir(), "orders.duckdb")
	}
	if _, err := os.Stat(path); err == nil {
		return path
	}
	makeFile(tb, path, fmt.Sprintf(orders, rows))
	return path
}

// BenchmarkRead reads a table of 32 columns into one batch. CPU is that of the
// engine's threads too, peak what the process ever held.
func BenchmarkRead(b *testing.B) {
	path := ordersFile(b)
	const join = `
SELECT o.*, c.n FROM orders AS o JOIN (SELECT customer_id, request_id, count(*) AS n FROM orders GROUP BY ALL) AS c
ON c.customer_id = o.customer_id AND c.request_id = o.request_id`
	for _, sql := range []struct{ name, text string }{
		{"scan", "SELECT * FROM orders"},
		{"join", join},
		{"sort", "SELECT * FROM orders ORDER BY request_id"},
	} {
		for _, threads := range []int{1, 2} {
			name := fmt.Sprintf("%s/threads=%d", sql.name, threads)
			b.Run(name, func(b *testing.B) {
				memory := os.Getenv("OUTTURN_BENCH_MEMORY")
				if memory == "" {
					memory = "512MB"
				}
				src := duckdb.New(duckdb.Config{Path: path, Folder: isFolder(path), Memory: memory, Threads: threads, TempDir: b.TempDir()})
				b.ReportAllocs()
				before := cpu(b)
				rows := 0
				for b.Loop() {
					rows = readAll(b, src, sql.text)
				}
				b.ReportMetric((cpu(b)-before).Seconds()/float64(b.N), "cpu-s/op")
				b.ReportMetric(peak(b), "peak-MiB")
				b.ReportMetric(float64(rows), "rows")
			})
		}
	}
}

// BenchmarkReadAttributes reads the same table with six columns of JSON, of 220 bytes
// each, as many as a row of Provisioned Orders has: as they are, which includes a look at
// every value, and as texts.
func BenchmarkReadAttributes(b *testing.B) {
	const doc = `'[["PONumber","qwe' || id || '"],["orderedBy","Ann Müller"],["costCenter","DE-' || id % 1000 || ', München"],["approved","2026-09-30T08:15:00Z"],` +
		`["note","ask \"before\" you renew this one"],["seats",25],["trial",false],["discount",12.5]]'`
	path := filepath.Join(b.TempDir(), "orders.duckdb")
	made := fmt.Sprintf(orders, 50_000) + "; CREATE TABLE documents AS SELECT *"
	for i := range 6 {
		made += fmt.Sprintf(", CAST(%s AS JSON) AS attributes_%d", doc, i)
	}
	makeFile(b, path, made+" FROM orders")
	for name, list := range map[string]string{"json": "*", "text": "COLUMNS(c -> c NOT LIKE 'attributes%'), CAST(COLUMNS('attributes.*') AS VARCHAR)"} {
		b.Run(name, func(b *testing.B) {
			src := duckdb.New(duckdb.Config{Path: path, Memory: "512MB", Threads: 1, TempDir: b.TempDir()})
			b.ReportAllocs()
			before := cpu(b)
			rows := 0
			for b.Loop() {
				rows = readAll(b, src, "SELECT "+list+" FROM documents")
			}
			b.ReportMetric((cpu(b)-before).Seconds()/float64(b.N), "cpu-s/op")
			b.ReportMetric(float64(rows), "rows")
		})
	}
}

func isFolder(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}

func readAll(b *testing.B, src source.Source, sql string) (rows int) {
	snap, err := src.Begin(context.Background())
	if err != nil {
		b.Fatal(err)
	}
	defer snap.Close()
	r, err := snap.Query(context.Background(), source.Query{SQL: sql})
	if err != nil {
		b.Fatal(err)
	}
	defer r.Close()
	var into batch.Batch
	for {
		if err := r.Next(&into); err == io.EOF {
			return rows
		} else if err != nil {
			b.Fatal(err)
		}
		rows += into.Rows()
	}
}

func cpu(tb testing.TB) time.Duration {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		tb.Fatal(err)
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

func peak(tb testing.TB) float64 {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0
	}
	_, after, _ := strings.Cut(string(status), "VmHWM:")
	kb, _, _ := strings.Cut(strings.TrimSpace(after), " ")
	n, err := strconv.ParseFloat(kb, 64)
	if err != nil {
		tb.Fatal(err)
	}
	return n / 1024
}
