-- A snapshot: no window selects of it.
SELECT r.subscription_id AS SUBSCRIPTION_ID, r.rate_id AS SUBSCRIPTION_RESOURCE_RATE_ID, o.buyer_id AS SUBSCRIPTION_ACCOUNT_ID, o.seller_id AS SUBSCRIPTION_RESELLER_ID,
  r.ordered_amount AS SUBSCRIPTION_RESOURCE_ORDERED_AMOUNT, r.used_amount AS SUBSCRIPTION_RESOURCE_USED_AMOUNT, t.max_amount AS SUBSCRIPTION_RESOURCE_MAX_UNITS,
  t.recurring_fee AS SUBSCRIPTION_RESOURCE_RECURRENT_FEE, t.currency AS SUBSCRIPTION_RESOURCE_CURRENCY,
  CASE r.status WHEN 'Installed' THEN 'in use' WHEN 'Removed' THEN 'gone' ELSE r.status END AS state
FROM subscription_resources AS r JOIN plan_rates AS t ON t.id = r.rate_id JOIN subscriptions AS s ON s.id = r.subscription_id JOIN orders AS o ON o.id = s.order_id
WHERE o.buyer_id IN @mine
