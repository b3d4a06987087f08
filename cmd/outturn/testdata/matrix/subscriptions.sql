SELECT o.subscription_id AS SUBSCRIPTION_ID, o.id AS SUBSCRIPTION_PO_NUMBER, o.buyer_id AS SUBSCRIPTION_ACCOUNT_ID, o.seller_id AS SUBSCRIPTION_RESELLER_ID,
  o.currency AS SUBSCRIPTION_CURRENCY, s.status AS SUBSCRIPTION_STATUS, s.name AS SUBSCRIPTION_NAME,
  (SELECT name FROM accounts WHERE id = o.buyer_id) AS SUBSCRIPTION_ACCOUNT_NAME,
  (SELECT plan_id FROM plan_periods WHERE id = s.period_id) AS SUBSCRIPTION_PLAN_ID,
  CASE list_filter(CAST(s.attributes AS VARCHAR[][]), lambda pair: pair[1] = 'department')[1][2]
    WHEN 'R&D' THEN 'Research' ELSE list_filter(CAST(s.attributes AS VARCHAR[][]), lambda pair: pair[1] = 'department')[1][2] END AS department,
  CASE WHEN s.status IN (80, 85, 89) THEN 'on hold' ELSE CAST(s.status AS VARCHAR) END AS state
FROM orders AS o JOIN subscriptions AS s ON s.order_id = o.id
WHERE o.buyer_id IN @mine AND s.created_at >= @from AND s.created_at < @to
