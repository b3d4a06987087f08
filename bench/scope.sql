-- The accounts of the benchmark's orders: 250,000 customers, of whom the first 100,000
-- are below reseller 2 and the others below reseller 3, by way of resellers with 1,000
-- customers each. Both are below reseller 1, which so has all of them.
CREATE TABLE accounts AS
SELECT CAST(0 AS BIGINT) AS id, CAST(NULL AS BIGINT) AS parent, 'provider' AS kind, 'Provider' AS name, 'EUR' AS currency, 'UTC' AS zone
UNION ALL SELECT i, CASE WHEN i = 1 THEN 0 ELSE 1 END, 'reseller', 'Reseller ' || i, 'EUR', 'UTC' FROM range(1, 4) AS r(i)
UNION ALL SELECT 1000 + i, CASE WHEN i < 100 THEN 2 ELSE 3 END, 'reseller', 'Reseller ' || (1000 + i), 'EUR', 'UTC' FROM range(250) AS r(i)
UNION ALL SELECT 50000000 + i, 1000 + i // 1000, 'customer', 'Customer ' || i, 'EUR', 'UTC' FROM range(250000) AS r(i)
