/*
version: 1
source: commerce
description: One row per resource of a subscription, as it stands now
tenant: SUBSCRIPTION_ACCOUNT_ID
key: [SUBSCRIPTION_ID, SUBSCRIPTION_RESOURCE_RATE_ID]
split: SUBSCRIPTION_ID
fields:
  - {name: SUBSCRIPTION_ID, type: int, id: true, evidence: D, meaning: "The subscription"}
  - {name: SUBSCRIPTION_NAME, type: text, evidence: D, meaning: "Its name; the plan's unless somebody changed it"}
  - {name: SUBSCRIPTION_ACCOUNT_ID, type: int, id: true, evidence: D, meaning: "Account that has the subscription"}
  - {name: SUBSCRIPTION_ACCOUNT_NAME, type: text, evidence: D, meaning: "Company name, or first, middle and last name of a person"}
  - {name: SUBSCRIPTION_RESELLER_ID, type: int, id: true, evidence: D, meaning: "Vendor of the account, who sold the subscription"}
  - {name: SUBSCRIPTION_RESELLER_NAME, type: text, evidence: D, meaning: "Name of the vendor"}
  - {name: SUBSCRIPTION_START_DATE, type: date, evidence: "D*", meaning: "Day the subscription was provisioned"}
  - {name: SUBSCRIPTION_STATUS, type: text, evidence: "D*", meaning: "A word: Installing, Installed, Suspended or Removed. In subscriptions the same column is a code"}
  - {name: SUBSCRIPTION_PERIOD, type: int, evidence: D, meaning: "Length of the term, in the unit beside"}
  - {name: SUBSCRIPTION_PERIOD_TYPE, type: int, evidence: D, meaning: "Unit of the term: 5 days, 10 months, 20 years"}
  - {name: SUBSCRIPTION_RESOURCE_ID, type: int, id: true, evidence: D, meaning: "The resource"}
  - {name: SUBSCRIPTION_RESOURCE_RATE_ID, type: int, id: true, evidence: D, meaning: "Resource rate of the plan, as in PLAN_RR_ID of service_plan_resource_rates"}
  - {name: SUBSCRIPTION_RESOURCE_NAME, type: text, evidence: D, meaning: "Name of the resource; several languages follow each other as code and text"}
  - {name: SUBSCRIPTION_RESOURCE_CATEGORY, type: text, evidence: D, meaning: "Category of the resource"}
  - {name: SUBSCRIPTION_RESOURCE_INCL_AMOUNT, type: decimal, scale: 8, evidence: D, meaning: "Units that the plan includes; exact, as some resources have parts of units"}
  - {name: SUBSCRIPTION_RESOURCE_ADDITIONAL_AMOUNT, type: decimal, scale: 8, evidence: D, meaning: "Units bought on top of the least that must be taken"}
  - {name: SUBSCRIPTION_RESOURCE_ORDERED_AMOUNT, type: decimal, scale: 8, evidence: D, meaning: "Units ordered in all, exact"}
  - {name: SUBSCRIPTION_RESOURCE_UNIT, type: text, evidence: "D*", meaning: "What a unit is: seat, GB, hour"}
  - {name: SUBSCRIPTION_RESOURCE_MIN_UNITS, type: decimal, scale: 8, evidence: D, meaning: "Least that must be taken"}
  - {name: SUBSCRIPTION_RESOURCE_MAX_UNITS, type: decimal, scale: 8, evidence: I, meaning: "Most that can be taken; empty: no limit"}
  - {name: SUBSCRIPTION_RESOURCE_USED_AMOUNT, type: decimal, scale: 8, evidence: I, meaning: "Units in use; of measured resources, what was measured"}
  - {name: SUBSCRIPTION_RESOURCE_SETUP_FEE, type: decimal, scale: 8, currency: SUBSCRIPTION_RESOURCE_CURRENCY, evidence: I, meaning: "The plan's fee for setting up a unit"}
  - {name: SUBSCRIPTION_RESOURCE_RECURRENT_FEE, type: decimal, scale: 8, currency: SUBSCRIPTION_RESOURCE_CURRENCY, evidence: I, meaning: "The plan's fee for a unit and billing period"}
  - {name: SUBSCRIPTION_RESOURCE_OVERUSE_FEE, type: decimal, scale: 8, currency: SUBSCRIPTION_RESOURCE_CURRENCY, evidence: I, meaning: "The plan's fee for a measured unit above the included ones"}
  - {name: SUBSCRIPTION_RESOURCE_CURRENCY, type: text, evidence: I, meaning: "Currency of the fees: the plan's. The subscription may be charged in another"}
*/

-- The published page calls some amounts integers and some doubles. All are exact
-- here: gigabytes have parts, and a double has not all of them.
--
-- There is no period: nothing published says that one selects, and a resource has
-- no instant of its own.
SELECT
  r.subscription_id AS SUBSCRIPTION_ID,
  s.name AS SUBSCRIPTION_NAME,
  s.account_id AS SUBSCRIPTION_ACCOUNT_ID,
  a.name AS SUBSCRIPTION_ACCOUNT_NAME,
  a.parent_id AS SUBSCRIPTION_RESELLER_ID,
  v.name AS SUBSCRIPTION_RESELLER_NAME,
  s.start_date AS SUBSCRIPTION_START_DATE,
  r.status AS SUBSCRIPTION_STATUS,
  s.period AS SUBSCRIPTION_PERIOD,
  CASE s.period_type WHEN 'DAYS' THEN 5 WHEN 'MONTHS' THEN 10 WHEN 'YEARS' THEN 20 END AS SUBSCRIPTION_PERIOD_TYPE,
  r.resource_id AS SUBSCRIPTION_RESOURCE_ID,
  r.rate_id AS SUBSCRIPTION_RESOURCE_RATE_ID,
  g.name AS SUBSCRIPTION_RESOURCE_NAME,
  g.category AS SUBSCRIPTION_RESOURCE_CATEGORY,
  r.included_amount AS SUBSCRIPTION_RESOURCE_INCL_AMOUNT,
  r.additional_amount AS SUBSCRIPTION_RESOURCE_ADDITIONAL_AMOUNT,
  r.ordered_amount AS SUBSCRIPTION_RESOURCE_ORDERED_AMOUNT,
  g.unit AS SUBSCRIPTION_RESOURCE_UNIT,
  r.min_amount AS SUBSCRIPTION_RESOURCE_MIN_UNITS,
  r.max_amount AS SUBSCRIPTION_RESOURCE_MAX_UNITS,
  r.used_amount AS SUBSCRIPTION_RESOURCE_USED_AMOUNT,
  t.setup_fee AS SUBSCRIPTION_RESOURCE_SETUP_FEE,
  t.recurring_fee AS SUBSCRIPTION_RESOURCE_RECURRENT_FEE,
  t.overuse_fee AS SUBSCRIPTION_RESOURCE_OVERUSE_FEE,
  t.currency AS SUBSCRIPTION_RESOURCE_CURRENCY
FROM subscription_resources AS r
JOIN subscriptions AS s ON s.id = r.subscription_id
LEFT JOIN accounts AS a ON a.id = s.account_id
LEFT JOIN accounts AS v ON v.id = a.parent_id
LEFT JOIN resources AS g ON g.id = r.resource_id
LEFT JOIN plan_rates AS t ON t.id = r.rate_id
