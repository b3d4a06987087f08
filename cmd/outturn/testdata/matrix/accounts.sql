-- An account for each that has the viewer above it, or is the viewer.
SELECT a.id AS ACCOUNT_ID, a.name AS ACCOUNT_NAME, a.zip AS ACCOUNT_ZIP, a.address2 AS ACCOUNT_ADDRESS2, a.type AS ACCOUNT_TYPE,
  CASE WHEN a.level < 2 THEN 1 ELSE a.parent_id END AS RESELLER_ACCOUNT_ID,
  (SELECT email FROM contacts WHERE account_id = a.id AND kind = 'tech') AS ACCOUNT_TECH_EMAIL,
  (SELECT phone_extension FROM contacts WHERE account_id = a.id AND kind = 'admin') AS ACCOUNT_ADM_PHONE_EXTENTION,
  list_filter(CAST(a.attributes AS VARCHAR[][]), lambda pair: pair[1] = 'region')[1][2] AS region,
  CASE WHEN a.status_code IN ('3', '4') THEN 'on hold' ELSE a.status END AS state
FROM accounts AS a
WHERE a.id IN @mine AND a.created_at >= @from AND a.created_at < @to
