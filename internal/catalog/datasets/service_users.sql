/*
version: 1
source: commerce
description: One row per service user, a person who uses a subscription
tenant: SU_ACCOUNT_ID
period: {expr: created_at, kind: instant}
key: [SU_USER_ID]
split: SU_USER_ID
fields:
  - {name: SU_RESELLER_ACCOUNT_ID, type: int, id: true, evidence: D, meaning: "Vendor of the account"}
  - {name: SU_ACCOUNT_ID, type: int, id: true, evidence: D, meaning: "Account that the user belongs to"}
  - {name: SU_ACCOUNT_NAME, type: text, evidence: D, meaning: "Company name, or first, middle and last name of a person"}
  - {name: SU_SUBSCRIPTION_ID, type: int, id: true, evidence: D, meaning: "Subscription assigned to the user"}
  - {name: SU_LICENSE_ID, type: json, evidence: "D*", meaning: "Ids of the licences that the user holds, [id, …]"}
  - {name: SU_SUBSCRIPTION_NAME, type: text, evidence: D, meaning: "Plan of the subscription; several languages follow each other as code and text"}
  - {name: SU_USER_ID, type: int, id: true, evidence: D, meaning: "The user"}
  - {name: SU_LOGIN_NAME, type: text, evidence: D, meaning: "Name the user logs in with"}
  - {name: SU_FNAME, type: text, evidence: D, meaning: "First name"}
  - {name: SU_LNAME, type: text, evidence: D, meaning: "Last name"}
  - {name: SU_EMAIL, type: text, evidence: D, meaning: "E-mail address"}
  - {name: SU_PHONE, type: text, evidence: D, meaning: "Phone, digits with the country code"}
  - {name: SU_STATUS, type: int, evidence: D, meaning: "0 disabled, 1 enabled"}
  - {name: SU_CREATION_DATE, type: text, evidence: D, meaning: "When the user was created: YYYY-MM-DD HH:mm:ss in the report's zone"}
  - {name: SU_CANCELLATION_DATE, type: text, evidence: D, meaning: "When the user was cancelled, written likewise; empty while it was not"}
*/

WITH held AS (
  SELECT service_user_id, to_json(array_agg(id ORDER BY id)) AS ids FROM licenses GROUP BY service_user_id
)
SELECT
  a.parent_id AS SU_RESELLER_ACCOUNT_ID,
  u.account_id AS SU_ACCOUNT_ID,
  a.name AS SU_ACCOUNT_NAME,
  u.subscription_id AS SU_SUBSCRIPTION_ID,
  COALESCE(l.ids, CAST('[]' AS JSON)) AS SU_LICENSE_ID,
  p.name AS SU_SUBSCRIPTION_NAME,
  u.id AS SU_USER_ID,
  u.login AS SU_LOGIN_NAME,
  u.first_name AS SU_FNAME,
  u.last_name AS SU_LNAME,
  u.email AS SU_EMAIL,
  u.phone AS SU_PHONE,
  u.status AS SU_STATUS,
  -- A stamp without a fraction is written in just this form.
  CAST(date_trunc('second', timezone(@zone, u.created_at)) AS VARCHAR) AS SU_CREATION_DATE,
  CAST(date_trunc('second', timezone(@zone, u.cancelled_at)) AS VARCHAR) AS SU_CANCELLATION_DATE,

  u.created_at AS created_at
FROM service_users AS u
LEFT JOIN accounts AS a ON a.id = u.account_id
LEFT JOIN subscriptions AS s ON s.id = u.subscription_id
LEFT JOIN plans AS p ON p.id = s.plan_id
LEFT JOIN held AS l ON l.service_user_id = u.id
