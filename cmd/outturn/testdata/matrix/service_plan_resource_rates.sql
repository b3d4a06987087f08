SELECT t.id AS PLAN_RR_ID, t.plan_id AS PLAN_ID, t.resource_id AS PLAN_RR_RESOURCE_ID, t.recurring_sku AS PLAN_RR_RECURRENT_SKU,
  (SELECT currency FROM plans WHERE id = t.plan_id) AS PLAN_RR_UNIT_CURRENCY,
  t.recurring_fee AS PLAN_RR_RECURRENT_FEE, t.overuse_fee AS PLAN_RR_OVERUSE_FEE, t.max_amount AS PLAN_RR_MAX_AMOUNT,
  (SELECT replace(replace(unit, 'GiB hour', 'gibibyte for an hour'), 'seat', 'person') FROM resources WHERE id = t.resource_id) AS unit
FROM plan_rates AS t
WHERE EXISTS (FROM plans AS p WHERE p.id = t.plan_id AND p.owner_id IN @mine AND p.created_at >= @from AND p.created_at < @to)
