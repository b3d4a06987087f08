/*
version: 1
source: commerce
description: One row per payment document, with the account that paid
tenant: CUSTOMER_ACCOUNT_ID
period: {expr: document_at, kind: instant}
key: [CUSTOMER_PAYMENT_DOCUMENT_NUMBER]
split: payment_id
changed: updated_at
fields:
  - {name: CUSTOMER_PAYMENT_DOCUMENT_NUMBER, type: text, evidence: D, meaning: "Number of the payment document"}
  - {name: CUSTOMER_PAYMENT_DOCUMENT_DATE, type: int, evidence: D, meaning: "Day of the document: its first instant in the report's zone, as Unix seconds"}
  - {name: CUSTOMER_PAYMENT_DOCUMENT_TYPE, type: text, evidence: D, meaning: "Payment, Check, Void"}
  - {name: CUSTOMER_PAYMENT_STATUS, type: text, evidence: D, meaning: "Hold, Open, Closed"}
  - {name: CUSTOMER_PAYMENT_TOTAL, type: decimal, scale: 8, currency: CUSTOMER_PAYMENT_CURRENCY_ID, additive: true, evidence: D, meaning: "Amount of the document; negative where money went back"}
  - {name: CUSTOMER_PAYMENT_CURRENCY_ID, type: text, evidence: D, meaning: "Currency of the document"}
  - {name: CUSTOMER_PAYMENT_REFERENCE_NUMBER, type: text, evidence: D, meaning: "Reference of the last online transaction"}
  - {name: CUSTOMER_PAYMENT_DESCRIPTION, type: text, evidence: D, meaning: "Text of the document"}
  - {name: CUSTOMER_PAYMENT_CREATION_TIME, type: int, evidence: D, meaning: "When the document was made, as Unix seconds, not truncated to a day"}
  - {name: CUSTOMER_PAYMENT_PROCESSING_STATUS, type: text, evidence: D, meaning: "New, Canceled, Refunded, Void, Money Captured"}
  - {name: CUSTOMER_PAYMENT_AUTH_CODE, type: text, evidence: D, meaning: "Authentication code of the transaction; empty where the gateway sent none"}
  - {name: CUSTOMER_PAYMENT_CREATED_BY, type: int, id: true, evidence: D, meaning: "User who made the document; -1 is the system"}
  - {name: INVOICES, type: json, evidence: D, meaning: "Ids of the invoices that the document is for"}
  - {name: CUSTOMER_PAYMENT_METHOD_ID, type: int, id: true, evidence: D, meaning: "The payer's payment method"}
  - {name: CUSTOMER_PAYMENT_METHOD_PAY_SYSTEM, type: text, evidence: D, meaning: "Kind of payment system: Redirect, Token, Offline"}
  - {name: CUSTOMER_PAYMENT_METHOD_NAME, type: text, evidence: I, meaning: "Display name of the payment method"}
  - {name: CUSTOMER_ACCOUNT_ID, type: int, id: true, evidence: I, meaning: "Account that paid"}
  - {name: CUSTOMER_NAME, type: text, evidence: I, meaning: "Company name, or first, middle and last name of a person"}
  - {name: CUSTOMER_ACCOUNT_CURRENCY, type: text, evidence: I, meaning: "Currency the payer usually buys in; the document's may be another"}
  - {name: CUSTOMER_BILLING_CONTACT_NAME, type: text, evidence: I, meaning: "Name of the billing contact"}
  - {name: CUSTOMER_BILLING_CONTACT_EMAIL, type: text, evidence: I, meaning: "E-mail address of the billing contact"}
  - {name: CUSTOMER_BILLING_CONTACT_PHONE, type: text, evidence: I, meaning: "Phone of the billing contact, as +country (area) number"}
  - {name: CUSTOMER_BILLING_CONTACT_FAX, type: text, evidence: I, meaning: "Fax of the billing contact, as +country (area) number"}
  - {name: CUSTOMER_ADMIN_CONTACT_NAME, type: text, evidence: I, meaning: "Name of the administrative contact"}
  - {name: CUSTOMER_ADMIN_CONTACT_EMAIL, type: text, evidence: I, meaning: "E-mail address of the administrative contact"}
  - {name: CUSTOMER_ADMIN_CONTACT_PHONE, type: text, evidence: I, meaning: "Phone of the administrative contact, as +country (area) number"}
  - {name: CUSTOMER_ADMIN_CONTACT_FAX, type: text, evidence: I, meaning: "Fax of the administrative contact, as +country (area) number"}
  - {name: CUSTOMER_TECH_CONTACT_NAME, type: text, evidence: I, meaning: "Name of the technical contact"}
  - {name: CUSTOMER_TECH_CONTACT_EMAIL, type: text, evidence: I, meaning: "E-mail address of the technical contact"}
  - {name: CUSTOMER_TECH_CONTACT_PHONE, type: text, evidence: I, meaning: "Phone of the technical contact, as +country (area) number"}
  - {name: CUSTOMER_TECH_CONTACT_FAX, type: text, evidence: I, meaning: "Fax of the technical contact, as +country (area) number"}
  - {name: RESELLER_ACCOUNT_ID, type: int, id: true, evidence: I, meaning: "The payer's vendor"}
  - {name: RESELLER_NAME, type: text, evidence: I, meaning: "Name of the vendor"}
*/

-- The window selects by the document's instant. A window that is cut in the
-- report's zone therefore holds whole days of CUSTOMER_PAYMENT_DOCUMENT_DATE.
--
-- A day's number is its first instant in the report's zone, in Unix seconds. Where
-- clocks skip midnight that is the first instant after the gap, which is what the
-- engine makes of a midnight that does not exist. Where midnight comes twice the
-- engine takes the second; an hour after eleven the evening before is the first, so
-- the earlier of the two is right.
WITH people AS (
  SELECT account_id, kind, email,
    concat_ws(' ', NULLIF(first_name, ''), NULLIF(middle_name, ''), NULLIF(last_name, '')) AS name,
    '+' || phone_country || ' (' || phone_area || ') ' || phone_number AS phone,
    '+' || fax_country || ' (' || fax_area || ') ' || fax_number AS fax
  FROM contacts
),
contact AS (
  SELECT account_id,
    MAX(CASE WHEN kind = 'billing' THEN name END) AS billing_name,
    MAX(CASE WHEN kind = 'billing' THEN email END) AS billing_email,
    MAX(CASE WHEN kind = 'billing' THEN phone END) AS billing_phone,
    MAX(CASE WHEN kind = 'billing' THEN fax END) AS billing_fax,
    MAX(CASE WHEN kind = 'admin' THEN name END) AS admin_name,
    MAX(CASE WHEN kind = 'admin' THEN email END) AS admin_email,
    MAX(CASE WHEN kind = 'admin' THEN phone END) AS admin_phone,
    MAX(CASE WHEN kind = 'admin' THEN fax END) AS admin_fax,
    MAX(CASE WHEN kind = 'tech' THEN name END) AS tech_name,
    MAX(CASE WHEN kind = 'tech' THEN email END) AS tech_email,
    MAX(CASE WHEN kind = 'tech' THEN phone END) AS tech_phone,
    MAX(CASE WHEN kind = 'tech' THEN fax END) AS tech_fax
  FROM people GROUP BY account_id
),
paid AS (
  SELECT payment_id, to_json(array_agg(invoice_id ORDER BY invoice_id)) AS invoices
  FROM payment_invoices GROUP BY payment_id
)
SELECT
  p.number AS CUSTOMER_PAYMENT_DOCUMENT_NUMBER,
  CAST(extract(epoch FROM LEAST(timezone(@zone, p.midnight), timezone(@zone, p.midnight - INTERVAL '1 hour') + INTERVAL '1 hour')) AS BIGINT)
    AS CUSTOMER_PAYMENT_DOCUMENT_DATE,
  p.type AS CUSTOMER_PAYMENT_DOCUMENT_TYPE,
  p.status AS CUSTOMER_PAYMENT_STATUS,
  p.total AS CUSTOMER_PAYMENT_TOTAL,
  p.currency AS CUSTOMER_PAYMENT_CURRENCY_ID,
  p.reference_number AS CUSTOMER_PAYMENT_REFERENCE_NUMBER,
  p.description AS CUSTOMER_PAYMENT_DESCRIPTION,
  CAST(floor(extract(epoch FROM p.created_at)) AS BIGINT) AS CUSTOMER_PAYMENT_CREATION_TIME,
  p.processing_status AS CUSTOMER_PAYMENT_PROCESSING_STATUS,
  p.auth_code AS CUSTOMER_PAYMENT_AUTH_CODE,
  p.created_by AS CUSTOMER_PAYMENT_CREATED_BY,
  COALESCE(i.invoices, CAST('[]' AS JSON)) AS INVOICES,
  p.method_id AS CUSTOMER_PAYMENT_METHOD_ID,
  m.pay_system AS CUSTOMER_PAYMENT_METHOD_PAY_SYSTEM,
  m.name AS CUSTOMER_PAYMENT_METHOD_NAME,

  p.payer_id AS CUSTOMER_ACCOUNT_ID,
  a.name AS CUSTOMER_NAME,
  a.currency AS CUSTOMER_ACCOUNT_CURRENCY,
  c.billing_name AS CUSTOMER_BILLING_CONTACT_NAME,
  c.billing_email AS CUSTOMER_BILLING_CONTACT_EMAIL,
  c.billing_phone AS CUSTOMER_BILLING_CONTACT_PHONE,
  c.billing_fax AS CUSTOMER_BILLING_CONTACT_FAX,
  c.admin_name AS CUSTOMER_ADMIN_CONTACT_NAME,
  c.admin_email AS CUSTOMER_ADMIN_CONTACT_EMAIL,
  c.admin_phone AS CUSTOMER_ADMIN_CONTACT_PHONE,
  c.admin_fax AS CUSTOMER_ADMIN_CONTACT_FAX,
  c.tech_name AS CUSTOMER_TECH_CONTACT_NAME,
  c.tech_email AS CUSTOMER_TECH_CONTACT_EMAIL,
  c.tech_phone AS CUSTOMER_TECH_CONTACT_PHONE,
  c.tech_fax AS CUSTOMER_TECH_CONTACT_FAX,

  p.payee_id AS RESELLER_ACCOUNT_ID,
  v.name AS RESELLER_NAME,

  p.document_at AS document_at, p.updated_at AS updated_at, p.id AS payment_id
FROM (SELECT *, CAST(date_trunc('day', timezone(@zone, document_at)) AS TIMESTAMP) AS midnight FROM payments) AS p
LEFT JOIN payment_methods AS m ON m.id = p.method_id
LEFT JOIN accounts AS a ON a.id = p.payer_id
LEFT JOIN contact AS c ON c.account_id = p.payer_id
LEFT JOIN accounts AS v ON v.id = p.payee_id
LEFT JOIN paid AS i ON i.payment_id = p.id
