/*
version: 1
source: commerce
description: The accounts of the commerce database, provider at the root
*/
SELECT id, parent_id AS parent, lower(type) AS kind, name, currency, time_zone AS zone
FROM accounts
