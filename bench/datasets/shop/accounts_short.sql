/*
version: 1
source: commerce
description: The accounts of a tenant in few columns of one table, for the benchmark of tiny runs.
tenant: ACCOUNT_ID
key: [ACCOUNT_ID]
fields:
  - {name: ACCOUNT_ID, type: int, id: true}
  - {name: ACCOUNT_NAME, type: text}
  - {name: ACCOUNT_TYPE, type: text}
  - {name: CURRENCY, type: text}
  - {name: CREATED_AT, type: time, scale: 6}
*/
SELECT id AS ACCOUNT_ID, name AS ACCOUNT_NAME, type AS ACCOUNT_TYPE, currency AS CURRENCY, created_at AS CREATED_AT
FROM accounts
