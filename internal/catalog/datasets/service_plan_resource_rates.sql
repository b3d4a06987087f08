/*
version: 1
source: commerce
description: One row per resource rate of a plan, for each owner of the plan
tenant: owner_id
period: {expr: created_at, kind: instant}
key: [PLAN_RR_ID]
split: PLAN_RR_ID
fields:
  - {name: PLAN_ID, type: int, id: true, evidence: "D*", meaning: "The plan as its owner has it, as in service_plans"}
  - {name: PLAN_NAME, type: text, evidence: "D*", meaning: "Name of the plan; several languages follow each other as code and text"}
  - {name: PLAN_RR_ID, type: int, id: true, evidence: D, meaning: "The resource rate"}
  - {name: PLAN_RR_RESOURCE_ID, type: int, id: true, evidence: D, meaning: "Resource that the rate is for"}
  - {name: PLAN_RR_RESOURCE_NAME, type: text, evidence: D, meaning: "Name of the resource; several languages follow each other as code and text"}
  - {name: PLAN_RR_RESOURCE_CATEGORY, type: text, evidence: D, meaning: "Category of the resource"}
  - {name: PLAN_RR_INCLUDED_AMOUNT, type: decimal, scale: 8, evidence: D, meaning: "Units that the plan includes, exact"}
  - {name: PLAN_RR_MAX_AMOUNT, type: decimal, scale: 8, evidence: D, meaning: "Most units that can be taken; empty: no limit"}
  - {name: PLAN_RR_UOM, type: text, evidence: D, meaning: "What a unit is: seat, GB, hour"}
  - {name: PLAN_RR_UNIT_CURRENCY, type: text, evidence: D, meaning: "Currency of all fees of the rate"}
  - {name: PLAN_RR_SETUP_SKU, type: text, evidence: "D*", meaning: "Article number of the set-up fee; text, as 1.2 and 000041 are no numbers"}
  - {name: PLAN_RR_RECURRENT_SKU, type: text, evidence: "D*", meaning: "Article number of the recurring fee"}
  - {name: PLAN_RR_OVERUSE_SKU, type: text, evidence: "D*", meaning: "Article number of the overuse fee"}
  - {name: PLAN_RR_CANCELLATION_SKU, type: text, evidence: "D*", meaning: "Article number of the cancellation fee"}
  - {name: PLAN_RR_SETUP_FEE, type: decimal, scale: 8, currency: PLAN_RR_UNIT_CURRENCY, evidence: D, meaning: "Price of setting up a unit; 0: none"}
  - {name: PLAN_RR_RECURRENT_FEE, type: decimal, scale: 8, currency: PLAN_RR_UNIT_CURRENCY, evidence: D, meaning: "Price of a unit for a billing period, paid in advance; 0: none"}
  - {name: PLAN_RR_OVERUSE_FEE, type: decimal, scale: 8, currency: PLAN_RR_UNIT_CURRENCY, evidence: D, meaning: "Price of a measured unit above the included ones, paid afterwards; 0: none"}
  - {name: PLAN_RR_CANCELLATION_DESCRIPTION, type: text, evidence: D, meaning: "What a charge for cancelling says; empty where there is no such fee"}
  - {name: PLAN_RR_MPN, type: text, evidence: D, meaning: "Manufacturer's part number"}
  - {name: PLAN_CATEGORY_ID, type: int, id: true, evidence: D, meaning: "Category of the plan"}
  - {name: PLAN_CATEGORY_NAME, type: text, evidence: I, meaning: "Name of the category"}
  - {name: PLAN_RR_CANCELLATION_FEE, type: decimal, scale: 8, currency: PLAN_RR_UNIT_CURRENCY, evidence: I, meaning: "Price of cancelling before the term ends; 0: none"}
  - {name: PLAN_RR_SETUP_DESCRIPTION, type: text, evidence: I, meaning: "What a charge for setting up says; empty where there is no such fee"}
  - {name: PLAN_RR_RECURRENT_DESCRIPTION, type: text, evidence: I, meaning: "What a recurring charge says; empty where there is no such fee"}
  - {name: PLAN_RR_OVERUSE_DESCRIPTION, type: text, evidence: I, meaning: "What a charge for usage says; empty where there is no such fee"}
*/

-- The published page lists PLAN_ID and PLAN_NAME twice. They stand here once: JSON
-- and XML have no place for a second.
--
-- A rate has no instant of its own: it is in the period its plan was created in.
SELECT
  t.plan_id AS PLAN_ID,
  p.name AS PLAN_NAME,
  t.id AS PLAN_RR_ID,
  t.resource_id AS PLAN_RR_RESOURCE_ID,
  g.name AS PLAN_RR_RESOURCE_NAME,
  g.category AS PLAN_RR_RESOURCE_CATEGORY,
  t.included_amount AS PLAN_RR_INCLUDED_AMOUNT,
  t.max_amount AS PLAN_RR_MAX_AMOUNT,
  g.unit AS PLAN_RR_UOM,
  t.currency AS PLAN_RR_UNIT_CURRENCY,
  t.setup_sku AS PLAN_RR_SETUP_SKU,
  t.recurring_sku AS PLAN_RR_RECURRENT_SKU,
  t.overuse_sku AS PLAN_RR_OVERUSE_SKU,
  t.cancellation_sku AS PLAN_RR_CANCELLATION_SKU,
  t.setup_fee AS PLAN_RR_SETUP_FEE,
  t.recurring_fee AS PLAN_RR_RECURRENT_FEE,
  t.overuse_fee AS PLAN_RR_OVERUSE_FEE,
  t.cancellation_description AS PLAN_RR_CANCELLATION_DESCRIPTION,
  t.mpn AS PLAN_RR_MPN,
  p.category_id AS PLAN_CATEGORY_ID,
  c.name AS PLAN_CATEGORY_NAME,
  t.cancellation_fee AS PLAN_RR_CANCELLATION_FEE,
  t.setup_description AS PLAN_RR_SETUP_DESCRIPTION,
  t.recurring_description AS PLAN_RR_RECURRENT_DESCRIPTION,
  t.overuse_description AS PLAN_RR_OVERUSE_DESCRIPTION,

  p.owner_id AS owner_id, p.created_at AS created_at
FROM plan_rates AS t
JOIN plans AS p ON p.id = t.plan_id
LEFT JOIN plan_categories AS c ON c.id = p.category_id
LEFT JOIN resources AS g ON g.id = t.resource_id
