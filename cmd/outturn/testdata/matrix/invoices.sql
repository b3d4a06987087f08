-- The amounts of an invoice are those of its charges, and its taxes one by one.
SELECT i.id AS INVOICE_ID, i.number AS INVOICE_NUMBER, i.buyer_id AS CUSTOMER_ACCOUNT_ID, a.parent_id AS RESELLER_ACCOUNT_ID, i.currency AS INVOICE_CURRENCY_CODE,
  sum(c.extended_price - CASE WHEN c.tax_inclusive THEN c.tax_amount ELSE 0 END) AS INVOICE_NET_TOTAL,
  (SELECT sum(amount) FROM invoice_taxes WHERE invoice_id = i.id) AS INVOICE_TAX_TOTAL,
  sum(c.extended_price + CASE WHEN c.tax_inclusive THEN 0 ELSE c.tax_amount END) AS INVOICE_TOTAL,
  sum(c.extended_price) AS INVOICE_CORRECTION,
  CASE i.status WHEN 'Open' THEN 'to be paid' WHEN 'Overdue' THEN 'too late' ELSE i.status END AS state
FROM charges AS c JOIN invoices AS i ON i.id = c.invoice_id JOIN accounts AS a ON a.id = i.buyer_id
WHERE c.buyer_id IN @mine AND i.invoice_date >= @from_day AND i.invoice_date < @to_day
GROUP BY ALL
