SELECT p.id AS PLAN_ID, p.name AS PLAN_NAME, p.parent_id AS PLAN_PARENT_ID, p.owner_id AS PLAN_RESELLER_ID, p.currency AS PLAN_CURRENCY, p.long_description AS PLAN_LONG_DESCRIPTION,
  (SELECT count(DISTINCT o.subscription_id) FROM orders AS o JOIN charges AS c ON c.order_id = o.id WHERE c.is_final AND c.plan_id = p.id) AS PLAN_SUBSCRIPTIONS_QTY,
  (SELECT name FROM plan_categories WHERE id = p.category_id) AS PLAN_CATEGORY_NAME,
  CASE p.available_for_sale WHEN 'No' THEN 'withdrawn' WHEN 'In Online Store and CCP' THEN 'everywhere' ELSE p.available_for_sale END AS sold
FROM plans AS p
WHERE p.owner_id IN @mine AND p.created_at >= @from AND p.created_at < @to
