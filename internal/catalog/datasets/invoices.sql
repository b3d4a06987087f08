/*
version: 1
source: commerce
description: One row per invoice
tenant: CUSTOMER_ACCOUNT_ID
period: {expr: INVOICE_CREATED_DATE, kind: date}
key: [INVOICE_ID]
invoice: INVOICE_ID
changed: updated_at
fields:
  - {name: INVOICE_ID, type: text, evidence: "D*", meaning: "The invoice; leading zeros count"}
  - {name: INVOICE_NUMBER, type: text, evidence: "D*", meaning: "Number counted by the seller, with the seller's prefix"}
  - {name: INVOICE_STATUS, type: text, evidence: D, meaning: "Open, Overdue, Closed"}
  - {name: INVOICE_CREATED_DATE, type: date, evidence: D, meaning: "Day the invoice was issued"}
  - {name: INVOICE_DUE_DATE, type: date, evidence: D, meaning: "Day by which it should be paid"}
  - {name: INVOICE_CLOSE_DATE, type: date, evidence: D, meaning: "Day it was settled; empty until then"}
  - {name: INVOICE_NET_TOTAL, type: decimal, scale: 8, currency: INVOICE_CURRENCY_CODE, additive: true, evidence: D, meaning: "Total before any tax"}
  - {name: INVOICE_TAX_TOTAL, type: decimal, scale: 8, currency: INVOICE_CURRENCY_CODE, additive: true, evidence: D, meaning: "All tax, included in prices or added to them"}
  - {name: INVOICE_TAX_RATE, type: decimal, scale: 8, evidence: D, meaning: "Tax of the lines to their total, in per cent: worked out backwards, so only near to the rates that were applied"}
  - {name: INVOICE_TOTAL, type: decimal, scale: 8, currency: INVOICE_CURRENCY_CODE, additive: true, evidence: D, meaning: "Total after discounts and taxes"}
  - {name: INVOICE_CORRECTION, type: decimal, scale: 8, currency: INVOICE_CURRENCY_CODE, additive: true, evidence: D, meaning: "Sum of the extended prices of the lines"}
  - {name: INVOICE_CURRENCY_CODE, type: text, evidence: D, meaning: "Currency of all amounts of the invoice"}
  - {name: INVOICE_PAYMENTS, type: json, evidence: "D*", meaning: "Numbers of the payment documents for the invoice"}
  - {name: INVOICE_DESCRIPTION, type: text, evidence: D, meaning: "Text of the invoice"}
  - {name: CUSTOMER_ACCOUNT_ID, type: int, id: true, evidence: D, meaning: "Account that was invoiced"}
  - {name: RESELLER_ACCOUNT_ID, type: int, id: true, evidence: D, meaning: "Its vendor, who issued the invoice"}
*/

WITH paid AS (
  SELECT x.invoice_id, to_json(array_agg(p.number ORDER BY p.number)) AS payments
  FROM payment_invoices AS x JOIN payments AS p ON p.id = x.payment_id
  GROUP BY x.invoice_id
)
SELECT
  i.id AS INVOICE_ID,
  i.number AS INVOICE_NUMBER,
  i.status AS INVOICE_STATUS,
  i.invoice_date AS INVOICE_CREATED_DATE,
  i.due_date AS INVOICE_DUE_DATE,
  i.close_date AS INVOICE_CLOSE_DATE,
  i.net_total AS INVOICE_NET_TOTAL,
  i.tax_total AS INVOICE_TAX_TOTAL,
  i.tax_rate AS INVOICE_TAX_RATE,
  i.total AS INVOICE_TOTAL,
  i.extended_total AS INVOICE_CORRECTION,
  i.currency AS INVOICE_CURRENCY_CODE,
  COALESCE(p.payments, CAST('[]' AS JSON)) AS INVOICE_PAYMENTS,
  i.description AS INVOICE_DESCRIPTION,
  i.buyer_id AS CUSTOMER_ACCOUNT_ID,
  i.seller_id AS RESELLER_ACCOUNT_ID,

  i.updated_at AS updated_at
FROM invoices AS i
LEFT JOIN paid AS p ON p.invoice_id = i.id
