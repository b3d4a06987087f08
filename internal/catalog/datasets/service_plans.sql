/*
version: 1
source: commerce
description: One row per plan as one account owns it; a delegated plan has a row per owner
tenant: PLAN_RESELLER_ID
period: {expr: created_at, kind: instant}
key: [PLAN_ID]
split: PLAN_ID
fields:
  - {name: PLAN_ID, type: int, id: true, evidence: D, meaning: "The plan as its owner has it; each owner of a delegated plan has an id of its own"}
  - {name: PLAN_APS_ID, type: text, evidence: "D*", meaning: "APS id of the plan, a UUID"}
  - {name: PLAN_NAME, type: text, evidence: D, meaning: "Name of the plan; several languages follow each other as code and text"}
  - {name: PLAN_ST_ID, type: int, id: true, evidence: D, meaning: "Service template that the plan is made from"}
  - {name: PLAN_ST_NAME, type: text, evidence: D, meaning: "Name of the service template"}
  - {name: PLAN_SUBSCRIPTIONS_QTY, type: int, evidence: D, meaning: "Subscriptions that the owner sold of this plan, whatever their status; those of other owners count on their rows"}
  - {name: PLAN_AVAILABLE_FOR_SALE, type: text, evidence: D, meaning: "Where it can be bought: In Online Store and CCP, In CCP Only, In Online Store Only, No"}
  - {name: PLAN_OTF_ITEM, type: int, evidence: D, meaning: "1: a one-time fee, nothing recurs; 0: a subscription"}
  - {name: PLAN_PERIOD_ID, type: json, evidence: D, meaning: "Ids of the terms that the plan can be subscribed to for, [id, …]"}
  - {name: PLAN_CATEGORY_ID, type: int, id: true, evidence: D, meaning: "Category of the plan"}
  - {name: PLAN_CATEGORY_NAME, type: text, evidence: D, meaning: "Name of the category"}
  - {name: PLAN_IS_PUBLISHED, type: bool, evidence: D, meaning: "Whether buyers are shown it"}
  - {name: PLAN_IS_AUTO_RENEW, type: bool, evidence: D, meaning: "Whether its subscriptions renew by themselves unless told otherwise"}
  - {name: PLAN_PARENT_ID, type: int, id: true, evidence: D, meaning: "The vendor's plan that it was delegated from; empty for a plan of the owner's own"}
  - {name: PLAN_RESELLER_ID, type: int, id: true, evidence: D, meaning: "Account that owns and sells the plan"}
  - {name: PLAN_RESELLER_NAME, type: text, evidence: I, meaning: "Name of the owner"}
  - {name: PLAN_CURRENCY, type: text, evidence: I, meaning: "Currency of the plan's prices"}
  - {name: PLAN_BILLING_PERIOD, type: int, evidence: I, meaning: "How often it is billed, in the unit beside"}
  - {name: PLAN_BILLING_PERIOD_TYPE, type: int, evidence: I, meaning: "Unit of the billing period: 5 days, 10 months, 20 years"}
  - {name: PLAN_SHORT_DESCRIPTION, type: text, evidence: I, meaning: "One sentence for buyers"}
  - {name: PLAN_LONG_DESCRIPTION, type: text, evidence: I, meaning: "Text for buyers; may have several lines"}
*/

WITH term AS (
  SELECT plan_id, to_json(array_agg(id ORDER BY id)) AS ids FROM plan_periods GROUP BY plan_id
),
sold AS (
  SELECT plan_id, COUNT(*) AS n FROM subscriptions GROUP BY plan_id
)
SELECT
  p.id AS PLAN_ID,
  p.aps_id AS PLAN_APS_ID,
  p.name AS PLAN_NAME,
  p.service_template_id AS PLAN_ST_ID,
  t.name AS PLAN_ST_NAME,
  COALESCE(s.n, 0) AS PLAN_SUBSCRIPTIONS_QTY,
  p.available_for_sale AS PLAN_AVAILABLE_FOR_SALE,
  CASE WHEN p.is_one_time_fee THEN 1 ELSE 0 END AS PLAN_OTF_ITEM,
  COALESCE(d.ids, CAST('[]' AS JSON)) AS PLAN_PERIOD_ID,
  p.category_id AS PLAN_CATEGORY_ID,
  c.name AS PLAN_CATEGORY_NAME,
  p.is_published AS PLAN_IS_PUBLISHED,
  p.is_auto_renew AS PLAN_IS_AUTO_RENEW,
  p.parent_id AS PLAN_PARENT_ID,
  p.owner_id AS PLAN_RESELLER_ID,
  o.name AS PLAN_RESELLER_NAME,
  p.currency AS PLAN_CURRENCY,
  p.billing_period AS PLAN_BILLING_PERIOD,
  CASE p.billing_period_type WHEN 'DAYS' THEN 5 WHEN 'MONTHS' THEN 10 WHEN 'YEARS' THEN 20 END AS PLAN_BILLING_PERIOD_TYPE,
  p.short_description AS PLAN_SHORT_DESCRIPTION,
  p.long_description AS PLAN_LONG_DESCRIPTION,

  p.created_at AS created_at
FROM plans AS p
LEFT JOIN service_templates AS t ON t.id = p.service_template_id
LEFT JOIN plan_categories AS c ON c.id = p.category_id
LEFT JOIN accounts AS o ON o.id = p.owner_id
LEFT JOIN term AS d ON d.plan_id = p.id
LEFT JOIN sold AS s ON s.plan_id = p.id
