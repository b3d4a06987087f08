/*
version: 1
source: commerce
description: One row per subscription
tenant: SUBSCRIPTION_ACCOUNT_ID
period: {expr: created_at, kind: instant}
key: [SUBSCRIPTION_ID]
split: SUBSCRIPTION_ID
changed: updated_at
fields:
  - {name: SUBSCRIPTION_RESELLER_ID, type: int, id: true, evidence: D, meaning: "Vendor of the account, who sold the subscription"}
  - {name: SUBSCRIPTION_RESELLER_NAME, type: text, evidence: D, meaning: "Name of the vendor"}
  - {name: SUBSCRIPTION_ACCOUNT_ID, type: int, id: true, evidence: D, meaning: "Account that has the subscription"}
  - {name: SUBSCRIPTION_ACCOUNT_NAME, type: text, evidence: D, meaning: "Company name, or first, middle and last name of a person"}
  - {name: SUBSCRIPTION_ID, type: int, id: true, evidence: "D*", meaning: "The subscription"}
  - {name: SUBSCRIPTION_NAME, type: text, evidence: D, meaning: "Its name; the plan's unless somebody changed it"}
  - {name: SUBSCRIPTION_PLAN_ID, type: int, id: true, evidence: D, meaning: "Plan as the vendor owns it"}
  - {name: SUBSCRIPTION_PLAN_NAME, type: text, evidence: D, meaning: "Name of that plan; several languages follow each other as code and text"}
  - {name: SUBSCRIPTION_PO_NUMBER, type: int, id: true, evidence: D, meaning: "Sales order that the subscription began with; not the customer's own purchase order number"}
  - {name: SUBSCRIPTION_STATUS, type: text, evidence: D, meaning: "Code, as text: 10 ordered, 15 trial, 30 active, 40 graced, 50 expired, 60 terminated, 70 canceled, 80 administrative hold, 85 credit hold, 89 both holds. In subscription_resources the same column is a word"}
  - {name: SUBSCRIPTION_SERVICE_STATUS, type: int, evidence: D, meaning: "10 not provisioned, 20 provisioning, 30 stopped, 40 starting, 50 running, 60 stopping, 70 removing, 80 changing plan, 90 removed"}
  - {name: SUBSCRIPTION_START_DATE_INT, type: int, evidence: D, meaning: "Day it was provisioned: its first instant in the report's zone, as Unix seconds"}
  - {name: SUBSCRIPTION_START_DATE, type: date, evidence: D, meaning: "Day it was provisioned"}
  - {name: SUBSCRIPTION_EXP_DATE_INT, type: int, evidence: D, meaning: "Day the term expires or expired: its first instant in the report's zone, as Unix seconds"}
  - {name: SUBSCRIPTION_EXP_DATE, type: date, evidence: D, meaning: "Day the term expires or expired"}
  - {name: SUBSCRIPTION_LAST_BILLING_DATE_INT, type: int, evidence: D, meaning: "Day it was last billed: its first instant in the report's zone, as Unix seconds"}
  - {name: SUBSCRIPTION_LAST_BILLING_DATE, type: date, evidence: I, meaning: "Day it was last billed; empty before the first bill"}
  - {name: SUBSCRIPTION_NEXT_BILLING_DATE_INT, type: int, evidence: I, meaning: "Day it will be billed next: its first instant in the report's zone, as Unix seconds"}
  - {name: SUBSCRIPTION_NEXT_BILLING_DATE, type: date, evidence: I, meaning: "Day it will be billed next; empty when it will not be"}
  - {name: SUBSCRIPTION_PERIOD, type: int, evidence: I, meaning: "Length of the term, in the unit beside"}
  - {name: SUBSCRIPTION_PERIOD_TYPE, type: int, evidence: I, meaning: "Unit of the term: 5 days, 10 months, 20 years"}
  - {name: SUBSCRIPTION_BILLING_PERIOD, type: int, evidence: I, meaning: "How often it is billed, in the unit beside"}
  - {name: SUBSCRIPTION_BILLING_PERIOD_TYPE, type: int, evidence: I, meaning: "Unit of the billing period: 5 days, 10 months, 20 years"}
  - {name: SUBSCRIPTION_AUTO_RENEW, type: bool, evidence: I, meaning: "Whether another term follows by itself"}
  - {name: SUBSCRIPTION_CURRENCY, type: text, evidence: I, meaning: "Currency it is charged in; not always the one the account usually buys in"}
  - {name: SUBSCRIPTION_ATTRIBUTES, type: json, evidence: I, meaning: "Custom attributes of the subscription, [[name, value], …]"}
*/

-- A day's number is its first instant in the report's zone, in Unix seconds. Where
-- clocks skip midnight that is the first instant after the gap, which is what the
-- engine makes of a midnight that does not exist. Where midnight comes twice the
-- engine takes the second; an hour after eleven the evening before is the first, so
-- the earlier of the two is right.
SELECT
  a.parent_id AS SUBSCRIPTION_RESELLER_ID,
  v.name AS SUBSCRIPTION_RESELLER_NAME,
  s.account_id AS SUBSCRIPTION_ACCOUNT_ID,
  a.name AS SUBSCRIPTION_ACCOUNT_NAME,
  s.id AS SUBSCRIPTION_ID,
  s.name AS SUBSCRIPTION_NAME,
  s.plan_id AS SUBSCRIPTION_PLAN_ID,
  p.name AS SUBSCRIPTION_PLAN_NAME,
  s.order_id AS SUBSCRIPTION_PO_NUMBER,
  CAST(s.status AS VARCHAR) AS SUBSCRIPTION_STATUS,
  s.service_status AS SUBSCRIPTION_SERVICE_STATUS,
  CAST(extract(epoch FROM LEAST(timezone(@zone, CAST(s.start_date AS TIMESTAMP)), timezone(@zone, CAST(s.start_date AS TIMESTAMP) - INTERVAL '1 hour') + INTERVAL '1 hour')) AS BIGINT)
    AS SUBSCRIPTION_START_DATE_INT,
  s.start_date AS SUBSCRIPTION_START_DATE,
  CAST(extract(epoch FROM LEAST(timezone(@zone, CAST(s.expiration_date AS TIMESTAMP)), timezone(@zone, CAST(s.expiration_date AS TIMESTAMP) - INTERVAL '1 hour') + INTERVAL '1 hour')) AS BIGINT)
    AS SUBSCRIPTION_EXP_DATE_INT,
  s.expiration_date AS SUBSCRIPTION_EXP_DATE,
  CAST(extract(epoch FROM LEAST(timezone(@zone, CAST(s.last_billing_date AS TIMESTAMP)), timezone(@zone, CAST(s.last_billing_date AS TIMESTAMP) - INTERVAL '1 hour') + INTERVAL '1 hour')) AS BIGINT)
    AS SUBSCRIPTION_LAST_BILLING_DATE_INT,
  s.last_billing_date AS SUBSCRIPTION_LAST_BILLING_DATE,
  CAST(extract(epoch FROM LEAST(timezone(@zone, CAST(s.next_billing_date AS TIMESTAMP)), timezone(@zone, CAST(s.next_billing_date AS TIMESTAMP) - INTERVAL '1 hour') + INTERVAL '1 hour')) AS BIGINT)
    AS SUBSCRIPTION_NEXT_BILLING_DATE_INT,
  s.next_billing_date AS SUBSCRIPTION_NEXT_BILLING_DATE,
  s.period AS SUBSCRIPTION_PERIOD,
  CASE s.period_type WHEN 'DAYS' THEN 5 WHEN 'MONTHS' THEN 10 WHEN 'YEARS' THEN 20 END AS SUBSCRIPTION_PERIOD_TYPE,
  s.billing_period AS SUBSCRIPTION_BILLING_PERIOD,
  CASE s.billing_period_type WHEN 'DAYS' THEN 5 WHEN 'MONTHS' THEN 10 WHEN 'YEARS' THEN 20 END AS SUBSCRIPTION_BILLING_PERIOD_TYPE,
  s.is_auto_renew AS SUBSCRIPTION_AUTO_RENEW,
  s.currency AS SUBSCRIPTION_CURRENCY,
  s.attributes AS SUBSCRIPTION_ATTRIBUTES,

  s.created_at AS created_at, s.updated_at AS updated_at
FROM subscriptions AS s
LEFT JOIN accounts AS a ON a.id = s.account_id
LEFT JOIN accounts AS v ON v.id = a.parent_id
LEFT JOIN plans AS p ON p.id = s.plan_id
