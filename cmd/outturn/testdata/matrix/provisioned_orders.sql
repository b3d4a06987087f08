-- Which charge stands in which section, by the rule and not by what there is: first
-- who must have been charged, then the charge. Where there is none, -1 stands for it.
WITH RECURSIVE origin(plan, above) AS (
  SELECT id, id FROM plans UNION ALL SELECT o.plan, p.parent_id FROM origin AS o JOIN plans AS p ON p.id = o.above WHERE p.parent_id IS NOT NULL
),
chain AS (
  SELECT r.id, r.is_final, r.subscription_id,
    -- Who first offered the plan; money paid in advance is for the seller.
    CASE WHEN r.plan_id IS NULL THEN r.seller_id ELSE p.owner_id END AS origin_id,
    (SELECT b.above FROM below AS b JOIN accounts AS t ON t.id = b.above WHERE b.id = r.buyer_id AND t.parent_id = @viewer) AS below_id
  FROM charges AS r
  LEFT JOIN origin AS o ON o.plan = r.plan_id LEFT JOIN plans AS p ON p.id = o.above
  WHERE r.id = r.root_id AND (p.id IS NULL OR p.parent_id IS NULL)
    AND r.buyer_id IN @mine AND r.created_at >= @from AND r.created_at < @to
),
ruled AS (
  SELECT c.id, c.subscription_id, c.below_id,
    -- The viewer paid for what somebody above it offers; the account below it paid the
    -- viewer for that, and for what is the viewer's own.
    c.origin_id <> @viewer AND c.origin_id IN (SELECT above FROM below WHERE id = @viewer) AS reseller,
    c.below_id NOT IN (SELECT id FROM accounts WHERE is_operating_unit) AND c.origin_id IN (SELECT above FROM below WHERE id = @viewer) AS customer,
    c.is_final AND '@report_type' = 'PROVIDER' AS end_customer
  FROM chain AS c
),
filled AS (
  SELECT f.subscription_id,
    CASE WHEN f.reseller THEN COALESCE(o.id, -1) END AS RESELLER_DETAIL_ID,
    CASE WHEN f.customer THEN COALESCE(m.id, -1) END AS CUSTOMER_DETAIL_ID,
    CASE WHEN f.end_customer THEN f.id END AS END_CUSTOMER_DETAIL_ID
  FROM ruled AS f
  LEFT JOIN charges AS o ON f.reseller AND o.root_id = f.id AND o.buyer_id = @viewer AND o.seller_id = (SELECT parent_id FROM accounts WHERE id = @viewer)
  LEFT JOIN charges AS m ON f.customer AND m.root_id = f.id AND m.buyer_id = f.below_id AND m.seller_id = @viewer
)
SELECT RESELLER_DETAIL_ID, CUSTOMER_DETAIL_ID, END_CUSTOMER_DETAIL_ID,
  o.buyer_id AS RESELLER_ACCOUNT_ID, o.currency AS RESELLER_ACCOUNT_CURRENCY, o.extended_price AS RESELLER_DETAIL_EXTENDED_PRICE, o.tax_amount AS RESELLER_DETAIL_TAX_AMOUNT,
  CAST(o.quantity * o.unit_price - o.extended_price AS DECIMAL(38,8)) AS RESELLER_DETAIL_DISCOUNT_AMOUNT,
  m.buyer_id AS CUSTOMER_ACCOUNT_ID, m.currency AS CUSTOMER_ACCOUNT_CURRENCY, m.extended_price AS CUSTOMER_DETAIL_EXTENDED_PRICE, m.tax_amount AS CUSTOMER_DETAIL_TAX_AMOUNT,
  CAST(m.quantity * m.unit_price - m.extended_price AS DECIMAL(38,8)) AS CUSTOMER_DETAIL_DISCOUNT_AMOUNT,
  e.buyer_id AS END_CUSTOMER_ACCOUNT_ID, e.currency AS END_CUSTOMER_ACCOUNT_CURRENCY, e.extended_price AS END_CUSTOMER_DETAIL_EXTENDED_PRICE, e.tax_amount AS END_CUSTOMER_DETAIL_TAX_AMOUNT,
  CAST(e.quantity * e.unit_price - e.extended_price AS DECIMAL(38,8)) AS END_CUSTOMER_DETAIL_DISCOUNT_AMOUNT,
  m.order_id AS CUSTOMER_ORDER_ID, (SELECT sum(extended_price) FROM charges WHERE order_id = m.order_id) AS CUSTOMER_ORDER_TOTAL,
  m.resource_id AS CUSTOMER_RESOURCE_ID, (SELECT name FROM accounts WHERE id = m.buyer_id) AS CUSTOMER_NAME, f.subscription_id AS SUBSCRIPTION_ID,
  list_filter(CAST(q.attributes AS VARCHAR[][]), lambda pair: pair[1] = 'PONumber')[1][2] AS poNumber,
  CASE m.type WHEN 'recurring' THEN 'monthly fee' WHEN 'recurringRefund' THEN 'monthly fee given back' ELSE m.type END AS kind,
  CASE WHEN s.status = 10 THEN 'pending' WHEN s.status <= 40 THEN 'active' WHEN s.status IN (60, 70) THEN 'terminated' WHEN s.id IS NOT NULL THEN 'hold' END AS subscriptionStatus
FROM filled AS f
LEFT JOIN charges AS o ON o.id = f.RESELLER_DETAIL_ID
LEFT JOIN charges AS m ON m.id = f.CUSTOMER_DETAIL_ID
LEFT JOIN charges AS e ON e.id = f.END_CUSTOMER_DETAIL_ID
LEFT JOIN orders AS q ON q.id = m.order_id
LEFT JOIN subscriptions AS s ON s.id = f.subscription_id
WHERE COALESCE(RESELLER_DETAIL_ID, CUSTOMER_DETAIL_ID, END_CUSTOMER_DETAIL_ID) IS NOT NULL
