-- The benchmark's table: one order a row, 32 columns, about 500 bytes a row as CSV. Deterministic: three numbers are
-- mixed from the row's number, and everything else from those. $rows is put in by the program.
CREATE TABLE orders AS
WITH mixed AS (
  SELECT
    i,
    CAST((CAST(i AS HUGEINT) * 2654435761 + 11) % 1000000007 AS BIGINT) AS a,
    CAST((CAST(i AS HUGEINT) * 40503777 + 7919 * (i % 1013)) % 1000000009 AS BIGINT) AS b,
    CAST((CAST(i AS HUGEINT) * 69069161 + 104729 * (i % 499)) % 998244353 AS BIGINT) AS c
  FROM range(1, $rows + 1) AS r(i)
), priced AS (
  SELECT *, CAST(CAST(b % 1000000 AS DECIMAL(20,8)) / 997 AS DECIMAL(20,8)) AS price, CAST(c % 250 + 1 AS INTEGER) AS units FROM mixed
)
SELECT
  1000000000 + i AS id,
  printf('AS-%04d-%04d-%04d', a % 10000, b % 10000, i % 10000) AS asset_id,
  printf('PR-%04d-%04d-%04d-%03d', a % 10000, b % 10000, i % 10000, a % 7 + 1) AS request_id,
  ['purchase', 'change', 'suspend', 'resume', 'renew', 'cancel'][(a % 11) % 6 + 1] AS request_type,
  ['approved', 'approved', 'approved', 'pending', 'inquiring', 'failed', 'tiers_setup', 'scheduled', 'draft', 'revoking'][b % 10 + 1] AS status,
  ['production', 'test', 'preview'][(c % 17) // 8 + 1] AS connection_type,
  make_timestamptz(1609459200000000 + i * 125000 + a % 1000000) AS created_at,
  make_timestamptz(1609459200000000 + i * 125000 + (b % 864000) * 1000000 + c % 1000000) AS updated_at,
  CASE WHEN b % 5 > 0 THEN DATE '2021-01-01' + CAST(i // 700000 + a % 365 AS INTEGER) END AS effective_date,
  printf('MP-%05d', a % 40 * 977) AS marketplace_id,
  ['Marché Européen', 'North America, Retail', '日本マーケット', 'LATAM "Sur"', 'Deutschland & Österreich', 'Global'][(a % 40) % 6 + 1] AS marketplace_name,
  CASE WHEN c % 3 > 0 THEN printf('HB-%04d-%04d', c % 300 * 31, c % 300 * 17) END AS hub_id,
  CASE WHEN c % 3 > 0 THEN 'Hub ' || (c % 300) END AS hub_name,
  700000 + b % 1500 AS provider_id,
  ['Contoso', 'Fabrikam, Inc.', 'Ångström Distribution', 'Żabka "Cloud" Sp. z o.o.', 'Tech Data'][(b % 1500) % 5 + 1] || ' ' || (b % 1500) AS provider_name,
  300000 + c % 400 AS vendor_id,
  ['Adatum', 'Northwind Traders, Ltd.', 'Société Générale de Logiciel', 'O''Reilly "Media"', '深圳软件'][(c % 400) % 5 + 1] || ' ' || (c % 400) AS vendor_name,
  printf('PRD-%06d-%05d', c % 2000 * 499, c % 2000 * 7) AS product_id,
  ['Office Suite Business', 'Backup & Recovery (per GB)', 'Endpoint Protection, Advanced', 'CRM "Pro" seat', 'VM 4×16 GiB'][(c % 2000) % 5 + 1] || ' v' || (c % 2000) AS product_name,
  50000000 + a % 250000 AS customer_id,
  ['José García', 'Müller', 'O''Brien', 'Nguyễn Văn', 'Иванов', 'Smith', 'Łukasz', 'Dupont'][a % 8 + 1] || ' '
    || ['& Sons, Ltd.', '"The Shop"', 'GmbH', 'S.A. de C.V.', 'LLC', 'Holdings'][b % 6 + 1]
    || CASE WHEN c % 50 = 0 THEN chr(10) || 'attn: accounts dept.' ELSE '' END || ' ' || (a % 250000) AS customer_name,
  'user' || (a % 250000) || '@' || ['example.com', 'mail.example.org', 'shop.example.net', 'corp.example.co.uk'][a % 4 + 1] AS customer_email,
  CASE WHEN a % 4 > 0 THEN printf('+%d %03d-%04d %03d', 1 + a % 89, b % 1000, c % 10000, a % 1000) END AS customer_phone,
  ['US', 'DE', 'FR', 'JP', 'BR', 'PL', 'VN', 'GB'][a % 8 + 1] AS country,
  ['New York', 'München', 'Saint-Étienne', '東京', 'São Paulo', 'Łódź', 'Hà Nội', 'London'][a % 8 + 1] AS city,
  ['USD', 'EUR', 'EUR', 'JPY', 'BRL', 'PLN', 'VND', 'GBP'][a % 8 + 1] AS currency,
  price AS unit_price,
  units AS quantity,
  CAST(price * units AS DECIMAL(20,8)) AS total_amount,
  CASE WHEN a % 6 > 0 THEN CAST(CAST(price * units AS DECIMAL(20,8)) * 0.21 AS DECIMAL(20,8)) END AS tax_amount,
  b % 3 > 0 AS paid,
  CAST(printf('{"note": "%s", "seats": %d, "sku": "S%d", "trial": %s}', ['auto \"renew\"', 'manual', 'über-plan, v2'][b % 3 + 1], c % 250, c % 5000, CAST(a % 9 = 0 AS VARCHAR)) AS JSON) AS attrs
FROM priced
