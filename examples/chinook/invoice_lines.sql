/*
version: 1
source: chinook
description: One row per line of an invoice, with the track that was sold.
tenant: of_seller
period: {expr: SOLD_ON, kind: date}
key: [LINE_ID]
invoice: INVOICE_ID
fields:
  - {name: LINE_ID, type: text, meaning: Number of the line}
  - {name: INVOICE_ID, type: text, meaning: Invoice it stands on}
  - {name: SOLD_ON, type: date, meaning: Day the invoice was issued}
  - {name: CUSTOMER_ID, type: text, meaning: Customer who bought}
  - {name: TRACK_ID, type: text, meaning: What was sold}
  - {name: TRACK_NAME, type: text, meaning: Its name}
  - {name: COMPOSER, type: text, meaning: Who wrote it}
  - {name: QUANTITY, type: int, meaning: How many}
  - {name: CURRENCY, type: text, meaning: The store sells in US dollars}
  - {name: UNIT_PRICE, type: decimal, scale: 2, currency: CURRENCY, meaning: Price of one}
  - {name: AMOUNT, type: decimal, scale: 2, currency: CURRENCY, additive: true, meaning: Quantity times price}
*/
SELECT
  CAST(l.invoice_line_id AS VARCHAR) AS LINE_ID,
  CAST(l.invoice_id AS VARCHAR)      AS INVOICE_ID,
  CAST(i.invoice_date AS DATE)       AS SOLD_ON,
  CAST(i.customer_id AS VARCHAR)     AS CUSTOMER_ID,
  CAST(l.track_id AS VARCHAR)        AS TRACK_ID,
  t.name                             AS TRACK_NAME,
  t.composer                         AS COMPOSER,
  l.quantity                         AS QUANTITY,
  'USD'                              AS CURRENCY,
  l.unit_price                       AS UNIT_PRICE,
  CAST(CAST(l.unit_price AS DECIMAL(10,2)) * CAST(l.quantity AS INTEGER) AS DECIMAL(18,2)) AS AMOUNT,
  c.support_rep_id                   AS of_seller
FROM invoice_line l
JOIN invoice i ON i.invoice_id = l.invoice_id
JOIN customer c ON c.customer_id = i.customer_id
JOIN track t ON t.track_id = l.track_id
