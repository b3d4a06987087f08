-- The amount of a document is what it pays of each invoice.
SELECT p.number AS CUSTOMER_PAYMENT_DOCUMENT_NUMBER, p.currency AS CUSTOMER_PAYMENT_CURRENCY_ID, p.auth_code AS CUSTOMER_PAYMENT_AUTH_CODE,
  p.reference_number AS CUSTOMER_PAYMENT_REFERENCE_NUMBER, p.payer_id AS CUSTOMER_ACCOUNT_ID,
  (SELECT sum(amount) FROM payment_invoices WHERE payment_id = p.id) AS CUSTOMER_PAYMENT_TOTAL,
  (SELECT name FROM accounts WHERE id = p.payer_id) AS CUSTOMER_NAME,
  (SELECT parent_id FROM accounts WHERE id = p.payer_id) AS RESELLER_ACCOUNT_ID,
  (SELECT email FROM contacts WHERE account_id = p.payer_id AND kind = 'billing') AS CUSTOMER_BILLING_CONTACT_EMAIL,
  (SELECT pay_system FROM payment_methods WHERE id = p.method_id) AS CUSTOMER_PAYMENT_METHOD_PAY_SYSTEM,
  CASE p.status WHEN 'Hold' THEN 'waiting' WHEN 'Closed' THEN 'done' ELSE p.status END AS state
FROM payments AS p
WHERE p.payer_id IN @mine AND p.document_at >= @from AND p.document_at < @to
