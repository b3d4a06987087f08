/*
version: 1
source: chinook
description: The staff of the store, each under the one they report to. Sellers are at the bottom.
*/
SELECT
  employee_id                     AS id,
  reports_to                      AS parent,
  CASE WHEN reports_to IS NULL THEN 'provider' ELSE 'reseller' END AS kind,
  first_name || ' ' || last_name  AS name,
  'USD'                           AS currency,
  'UTC'                           AS zone
FROM employee
