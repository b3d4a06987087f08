/*
version: 1
source: chinook
description: One row per invoice, with the customer it was sent to and the seller who serves them.
tenant: of_seller
period: {expr: INVOICE_DATE, kind: date}
key: [INVOICE_ID]
invoice: INVOICE_ID
fields:
  - {name: INVOICE_ID, type: text, meaning: Number of the invoice}
  - {name: INVOICE_DATE, type: date, meaning: Day it was issued}
  - {name: SELLER_ID, type: text, meaning: Employee who serves the customer}
  - {name: SELLER_NAME, type: text, meaning: Name of that employee}
  - {name: CUSTOMER_ID, type: text, meaning: Customer it was sent to}
  - {name: CUSTOMER_NAME, type: text, meaning: First and last name}
  - {name: CUSTOMER_COMPANY, type: text, meaning: Company; empty for private persons}
  - {name: CUSTOMER_EMAIL, type: text, meaning: E-mail address}
  - {name: BILLING_ADDRESS, type: text, meaning: Street}
  - {name: BILLING_POSTAL_CODE, type: text, meaning: "Post code, with its leading zeros"}
  - {name: BILLING_CITY, type: text, meaning: City}
  - {name: BILLING_STATE, type: text, meaning: State or region}
  - {name: BILLING_COUNTRY, type: text, meaning: Country}
  - {name: CURRENCY, type: text, meaning: The store sells in US dollars}
  - {name: TOTAL, type: decimal, scale: 2, currency: CURRENCY, additive: true, meaning: Amount of the invoice}
*/
SELECT
  CAST(i.invoice_id AS VARCHAR)      AS INVOICE_ID,
  CAST(i.invoice_date AS DATE)       AS INVOICE_DATE,
  CAST(c.support_rep_id AS VARCHAR)  AS SELLER_ID,
  e.first_name || ' ' || e.last_name AS SELLER_NAME,
  CAST(i.customer_id AS VARCHAR)     AS CUSTOMER_ID,
  c.first_name || ' ' || c.last_name AS CUSTOMER_NAME,
  c.company                          AS CUSTOMER_COMPANY,
  c.email                            AS CUSTOMER_EMAIL,
  i.billing_address                  AS BILLING_ADDRESS,
  i.billing_postal_code              AS BILLING_POSTAL_CODE,
  i.billing_city                     AS BILLING_CITY,
  i.billing_state                    AS BILLING_STATE,
  i.billing_country                  AS BILLING_COUNTRY,
  'USD'                              AS CURRENCY,
  i.total                            AS TOTAL,
  c.support_rep_id                   AS of_seller
FROM invoice i
JOIN customer c ON c.customer_id = i.customer_id
JOIN employee e ON e.employee_id = c.support_rep_id
