/*
version: 1
source: commerce
description: One row per charge, seen on up to three levels of the sales chain, with its subscription
tenant: buyer_id
period: {expr: rated_at, kind: instant}
key: [RESELLER_DETAIL_ID, CUSTOMER_DETAIL_ID, END_CUSTOMER_DETAIL_ID]
invoice: CUSTOMER_INVOICE_ID
split: root_id
fields:
  - {name: RESELLER_ACCOUNT_ID, type: int, id: true, evidence: D, meaning: "Account the report is made for, as the buyer of this section's charge; empty for the provider, and for plans of its own"}
  - {name: RESELLER_ACCOUNT_BSS_APS_ID, type: text, evidence: D, meaning: "APS id of the reseller's billing attributes"}
  - {name: RESELLER_NAME, type: text, evidence: D, meaning: "Company name, or first, middle and last name of a person"}
  - {name: RESELLER_ACCOUNT_CURRENCY, type: text, evidence: D, meaning: "Currency of all amounts in this section"}
  - {name: RESELLER_ACCOUNT_STATEMENT_DAY, type: int, evidence: D, meaning: "Day of the month on which the reseller is invoiced"}
  - {name: RESELLER_BILLING_CONTACT_NAME, type: text, evidence: D, meaning: "Name of the billing contact"}
  - {name: RESELLER_BILLING_CONTACT_EMAIL, type: text, evidence: D, meaning: "E-mail address of the billing contact"}
  - {name: RESELLER_BILLING_CONTACT_PHONE, type: text, evidence: D, meaning: "Phone of the billing contact, as +country (area) number"}
  - {name: RESELLER_BILLING_CONTACT_FAX, type: text, evidence: D, meaning: "Fax of the billing contact, as +country (area) number"}
  - {name: RESELLER_ADMIN_CONTACT_NAME, type: text, evidence: D, meaning: "Name of the administrative contact"}
  - {name: RESELLER_ADMIN_CONTACT_EMAIL, type: text, evidence: D, meaning: "E-mail address of the administrative contact"}
  - {name: RESELLER_ADMIN_CONTACT_PHONE, type: text, evidence: D, meaning: "Phone of the administrative contact, as +country (area) number"}
  - {name: RESELLER_ADMIN_CONTACT_FAX, type: text, evidence: D, meaning: "Fax of the administrative contact, as +country (area) number"}
  - {name: RESELLER_TECH_CONTACT_NAME, type: text, evidence: D, meaning: "Name of the technical contact"}
  - {name: RESELLER_TECH_CONTACT_EMAIL, type: text, evidence: D, meaning: "E-mail address of the technical contact"}
  - {name: RESELLER_TECH_CONTACT_PHONE, type: text, evidence: I, meaning: "Phone of the technical contact, as +country (area) number"}
  - {name: RESELLER_TECH_CONTACT_FAX, type: text, evidence: I, meaning: "Fax of the technical contact, as +country (area) number"}
  - {name: RESELLER_ACCOUNT_ATTRIBUTES, type: json, evidence: D, meaning: "Custom attributes of the account, [[name, value], …]"}
  - {name: RESELLER_ORDER_ID, type: int, id: true, evidence: I, meaning: "Order that the reseller placed with its vendor"}
  - {name: RESELLER_ORDER_NUMBER, type: text, evidence: I, meaning: "Number of that order, counted by the vendor"}
  - {name: RESELLER_ORDER_TYPE, type: text, evidence: I, meaning: "SO sales, RN renewal, BO billing, CH change, CL cancellation with a refund, CF cancellation charge, PO payment"}
  - {name: RESELLER_ORDER_STATUS, type: text, evidence: I, meaning: "Code of the order's state; CP is completed"}
  - {name: RESELLER_ORDER_DATE, type: date, evidence: I, meaning: "Day the order was created"}
  - {name: RESELLER_ORDER_TOTAL, type: decimal, scale: 8, currency: RESELLER_ACCOUNT_CURRENCY, evidence: I, meaning: "Total of the order before tax; stands on each of its charges, so do not add it up"}
  - {name: RESELLER_ORDER_ATTRIBUTES, type: json, evidence: D, meaning: "Custom attributes of the order, such as PONumber"}
  - {name: RESELLER_DETAIL_ID, type: int, id: true, evidence: I, meaning: "The charge"}
  - {name: RESELLER_DETAIL_TYPE, type: text, evidence: I, meaning: "Kind of charge: setup, recurring, renew, overuse, recurringRefund and others"}
  - {name: RESELLER_DETAIL_SKU, type: text, evidence: I, meaning: "Article number of the fee"}
  - {name: RESELLER_DETAIL_DESCRIPTION, type: text, evidence: I, meaning: "Text of the charge"}
  - {name: RESELLER_DETAIL_START_DATE, type: date, evidence: I, meaning: "First day that is charged"}
  - {name: RESELLER_DETAIL_END_DATE, type: date, evidence: I, meaning: "Last day that is charged"}
  - {name: RESELLER_DETAIL_DURATION, type: int, evidence: I, meaning: "Length of what is charged, in the unit beside; empty for one-time charges"}
  - {name: RESELLER_DETAIL_DURATION_UNIT, type: text, evidence: I, meaning: "DAYS, MONTHS or YEARS"}
  - {name: RESELLER_DETAIL_QUANTITY, type: decimal, scale: 8, evidence: I, meaning: "Units charged; negative where they are given back"}
  - {name: RESELLER_DETAIL_UNIT_PRICE, type: decimal, scale: 8, currency: RESELLER_ACCOUNT_CURRENCY, evidence: I, meaning: "Price of a unit before discount"}
  - {name: RESELLER_DETAIL_DISCOUNT_AMOUNT, type: decimal, scale: 8, currency: RESELLER_ACCOUNT_CURRENCY, additive: true, evidence: I, meaning: "Discount on the charge"}
  - {name: RESELLER_DETAIL_EXTENDED_PRICE, type: decimal, scale: 8, currency: RESELLER_ACCOUNT_CURRENCY, additive: true, evidence: I, meaning: "Quantity times unit price less discount, before tax is added"}
  - {name: RESELLER_DETAIL_TAX_AMOUNT, type: decimal, scale: 8, currency: RESELLER_ACCOUNT_CURRENCY, additive: true, evidence: I, meaning: "Tax on the charge"}
  - {name: RESELLER_DETAIL_TAX_INCLUSIVE, type: bool, evidence: I, meaning: "Whether the extended price contains the tax"}
  - {name: RESELLER_DETAIL_EXCHANGE_RATE, type: decimal, scale: 8, evidence: I, meaning: "Rate from the price list's currency to this section's; empty where they are the same"}
  - {name: RESELLER_DETAIL_EXCHANGE_TIME, type: time, scale: 0, evidence: I, meaning: "When that rate was fixed"}
  - {name: RESELLER_PLAN_ID, type: int, id: true, evidence: I, meaning: "Plan as the seller of this section owns it"}
  - {name: RESELLER_PLAN_NAME, type: text, evidence: I, meaning: "Name of that plan; several languages follow each other as code and text"}
  - {name: RESELLER_PLAN_CATEGORY, type: text, evidence: I, meaning: "Category of that plan"}
  - {name: RESELLER_RESOURCE_ID, type: int, id: true, evidence: I, meaning: "Resource that is charged"}
  - {name: RESELLER_RESOURCE_NAME, type: text, evidence: I, meaning: "Name of that resource; several languages follow each other as code and text"}
  - {name: RESELLER_RESOURCE_UNIT, type: text, evidence: I, meaning: "What a unit of it is"}
  - {name: RESELLER_INVOICE_ID, type: text, evidence: I, meaning: "Invoice that the reseller got for the charge; empty while there is none"}
  - {name: RESELLER_INVOICE_NUMBER, type: text, evidence: I, meaning: "Number of that invoice, counted by the vendor"}
  - {name: RESELLER_INVOICE_DATE, type: date, evidence: I, meaning: "Day that invoice was issued"}
  - {name: RESELLER_INVOICE_STATUS, type: text, evidence: I, meaning: "Open, Overdue or Closed"}
  - {name: CUSTOMER_ACCOUNT_ID, type: int, id: true, evidence: I, meaning: "Account directly below the one the report is made for, as the buyer of this section's charge"}
  - {name: CUSTOMER_ACCOUNT_BSS_APS_ID, type: text, evidence: I, meaning: "APS id of the customer's billing attributes"}
  - {name: CUSTOMER_NAME, type: text, evidence: I, meaning: "Company name, or first, middle and last name of a person"}
  - {name: CUSTOMER_ACCOUNT_CURRENCY, type: text, evidence: I, meaning: "Currency of all amounts in this section"}
  - {name: CUSTOMER_ACCOUNT_STATEMENT_DAY, type: int, evidence: I, meaning: "Day of the month on which the customer is invoiced"}
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
  - {name: CUSTOMER_ACCOUNT_ATTRIBUTES, type: json, evidence: D, meaning: "Custom attributes of the account, [[name, value], …]"}
  - {name: CUSTOMER_ORDER_ID, type: int, id: true, evidence: I, meaning: "Order that the customer placed with its vendor"}
  - {name: CUSTOMER_ORDER_NUMBER, type: text, evidence: I, meaning: "Number of that order, counted by the vendor"}
  - {name: CUSTOMER_ORDER_TYPE, type: text, evidence: I, meaning: "SO sales, RN renewal, BO billing, CH change, CL cancellation with a refund, CF cancellation charge, PO payment"}
  - {name: CUSTOMER_ORDER_STATUS, type: text, evidence: I, meaning: "Code of the order's state; CP is completed"}
  - {name: CUSTOMER_ORDER_DATE, type: date, evidence: I, meaning: "Day the order was created"}
  - {name: CUSTOMER_ORDER_TOTAL, type: decimal, scale: 8, currency: CUSTOMER_ACCOUNT_CURRENCY, evidence: I, meaning: "Total of the order before tax; stands on each of its charges, so do not add it up"}
  - {name: CUSTOMER_ORDER_ATTRIBUTES, type: json, evidence: D, meaning: "Custom attributes of the order, such as PONumber"}
  - {name: CUSTOMER_DETAIL_ID, type: int, id: true, evidence: I, meaning: "The charge"}
  - {name: CUSTOMER_DETAIL_TYPE, type: text, evidence: I, meaning: "Kind of charge: setup, recurring, renew, overuse, recurringRefund and others"}
  - {name: CUSTOMER_DETAIL_SKU, type: text, evidence: I, meaning: "Article number of the fee"}
  - {name: CUSTOMER_DETAIL_DESCRIPTION, type: text, evidence: I, meaning: "Text of the charge"}
  - {name: CUSTOMER_DETAIL_START_DATE, type: date, evidence: I, meaning: "First day that is charged"}
  - {name: CUSTOMER_DETAIL_END_DATE, type: date, evidence: I, meaning: "Last day that is charged"}
  - {name: CUSTOMER_DETAIL_DURATION, type: int, evidence: I, meaning: "Length of what is charged, in the unit beside; empty for one-time charges"}
  - {name: CUSTOMER_DETAIL_DURATION_UNIT, type: text, evidence: I, meaning: "DAYS, MONTHS or YEARS"}
  - {name: CUSTOMER_DETAIL_QUANTITY, type: decimal, scale: 8, evidence: I, meaning: "Units charged; negative where they are given back"}
  - {name: CUSTOMER_DETAIL_UNIT_PRICE, type: decimal, scale: 8, currency: CUSTOMER_ACCOUNT_CURRENCY, evidence: I, meaning: "Price of a unit before discount"}
  - {name: CUSTOMER_DETAIL_DISCOUNT_AMOUNT, type: decimal, scale: 8, currency: CUSTOMER_ACCOUNT_CURRENCY, additive: true, evidence: I, meaning: "Discount on the charge"}
  - {name: CUSTOMER_DETAIL_EXTENDED_PRICE, type: decimal, scale: 8, currency: CUSTOMER_ACCOUNT_CURRENCY, additive: true, evidence: I, meaning: "Quantity times unit price less discount, before tax is added"}
  - {name: CUSTOMER_DETAIL_TAX_AMOUNT, type: decimal, scale: 8, currency: CUSTOMER_ACCOUNT_CURRENCY, additive: true, evidence: I, meaning: "Tax on the charge"}
  - {name: CUSTOMER_DETAIL_TAX_INCLUSIVE, type: bool, evidence: I, meaning: "Whether the extended price contains the tax"}
  - {name: CUSTOMER_DETAIL_EXCHANGE_RATE, type: decimal, scale: 8, evidence: I, meaning: "Rate from the price list's currency to this section's; empty where they are the same"}
  - {name: CUSTOMER_DETAIL_EXCHANGE_TIME, type: time, scale: 0, evidence: I, meaning: "When that rate was fixed"}
  - {name: CUSTOMER_PLAN_ID, type: int, id: true, evidence: I, meaning: "Plan as the seller of this section owns it"}
  - {name: CUSTOMER_PLAN_NAME, type: text, evidence: I, meaning: "Name of that plan; several languages follow each other as code and text"}
  - {name: CUSTOMER_PLAN_CATEGORY, type: text, evidence: I, meaning: "Category of that plan"}
  - {name: CUSTOMER_RESOURCE_ID, type: int, id: true, evidence: I, meaning: "Resource that is charged"}
  - {name: CUSTOMER_RESOURCE_NAME, type: text, evidence: I, meaning: "Name of that resource; several languages follow each other as code and text"}
  - {name: CUSTOMER_RESOURCE_UNIT, type: text, evidence: I, meaning: "What a unit of it is"}
  - {name: CUSTOMER_INVOICE_ID, type: text, evidence: I, meaning: "Invoice that the customer got for the charge; empty while there is none"}
  - {name: CUSTOMER_INVOICE_NUMBER, type: text, evidence: I, meaning: "Number of that invoice, counted by the vendor"}
  - {name: CUSTOMER_INVOICE_DATE, type: date, evidence: I, meaning: "Day that invoice was issued"}
  - {name: CUSTOMER_INVOICE_STATUS, type: text, evidence: I, meaning: "Open, Overdue or Closed"}
  - {name: END_CUSTOMER_ACCOUNT_ID, type: int, id: true, evidence: I, meaning: "Account that bought for its own use"}
  - {name: END_CUSTOMER_ACCOUNT_BSS_APS_ID, type: text, evidence: I, meaning: "APS id of the end customer's billing attributes"}
  - {name: END_CUSTOMER_NAME, type: text, evidence: I, meaning: "Company name, or first, middle and last name of a person"}
  - {name: END_CUSTOMER_ACCOUNT_CURRENCY, type: text, evidence: I, meaning: "Currency of all amounts in this section"}
  - {name: END_CUSTOMER_ACCOUNT_STATEMENT_DAY, type: int, evidence: I, meaning: "Day of the month on which the end customer is invoiced"}
  - {name: END_CUSTOMER_BILLING_CONTACT_NAME, type: text, evidence: I, meaning: "Name of the billing contact"}
  - {name: END_CUSTOMER_BILLING_CONTACT_EMAIL, type: text, evidence: I, meaning: "E-mail address of the billing contact"}
  - {name: END_CUSTOMER_BILLING_CONTACT_PHONE, type: text, evidence: I, meaning: "Phone of the billing contact, as +country (area) number"}
  - {name: END_CUSTOMER_BILLING_CONTACT_FAX, type: text, evidence: I, meaning: "Fax of the billing contact, as +country (area) number"}
  - {name: END_CUSTOMER_ADMIN_CONTACT_NAME, type: text, evidence: I, meaning: "Name of the administrative contact"}
  - {name: END_CUSTOMER_ADMIN_CONTACT_EMAIL, type: text, evidence: I, meaning: "E-mail address of the administrative contact"}
  - {name: END_CUSTOMER_ADMIN_CONTACT_PHONE, type: text, evidence: I, meaning: "Phone of the administrative contact, as +country (area) number"}
  - {name: END_CUSTOMER_ADMIN_CONTACT_FAX, type: text, evidence: I, meaning: "Fax of the administrative contact, as +country (area) number"}
  - {name: END_CUSTOMER_TECH_CONTACT_NAME, type: text, evidence: I, meaning: "Name of the technical contact"}
  - {name: END_CUSTOMER_TECH_CONTACT_EMAIL, type: text, evidence: I, meaning: "E-mail address of the technical contact"}
  - {name: END_CUSTOMER_TECH_CONTACT_PHONE, type: text, evidence: I, meaning: "Phone of the technical contact, as +country (area) number"}
  - {name: END_CUSTOMER_TECH_CONTACT_FAX, type: text, evidence: I, meaning: "Fax of the technical contact, as +country (area) number"}
  - {name: END_CUSTOMER_ACCOUNT_ATTRIBUTES, type: json, evidence: D, meaning: "Custom attributes of the account, [[name, value], …]"}
  - {name: END_CUSTOMER_ORDER_ID, type: int, id: true, evidence: I, meaning: "Order that the end customer placed with its vendor"}
  - {name: END_CUSTOMER_ORDER_NUMBER, type: text, evidence: I, meaning: "Number of that order, counted by the vendor"}
  - {name: END_CUSTOMER_ORDER_TYPE, type: text, evidence: I, meaning: "SO sales, RN renewal, BO billing, CH change, CL cancellation with a refund, CF cancellation charge, PO payment"}
  - {name: END_CUSTOMER_ORDER_STATUS, type: text, evidence: I, meaning: "Code of the order's state; CP is completed"}
  - {name: END_CUSTOMER_ORDER_DATE, type: date, evidence: I, meaning: "Day the order was created"}
  - {name: END_CUSTOMER_ORDER_TOTAL, type: decimal, scale: 8, currency: END_CUSTOMER_ACCOUNT_CURRENCY, evidence: I, meaning: "Total of the order before tax; stands on each of its charges, so do not add it up"}
  - {name: END_CUSTOMER_ORDER_ATTRIBUTES, type: json, evidence: D, meaning: "Custom attributes of the order, such as PONumber"}
  - {name: END_CUSTOMER_DETAIL_ID, type: int, id: true, evidence: I, meaning: "The charge"}
  - {name: END_CUSTOMER_DETAIL_TYPE, type: text, evidence: I, meaning: "Kind of charge: setup, recurring, renew, overuse, recurringRefund and others"}
  - {name: END_CUSTOMER_DETAIL_SKU, type: text, evidence: I, meaning: "Article number of the fee"}
  - {name: END_CUSTOMER_DETAIL_DESCRIPTION, type: text, evidence: I, meaning: "Text of the charge"}
  - {name: END_CUSTOMER_DETAIL_START_DATE, type: date, evidence: I, meaning: "First day that is charged"}
  - {name: END_CUSTOMER_DETAIL_END_DATE, type: date, evidence: I, meaning: "Last day that is charged"}
  - {name: END_CUSTOMER_DETAIL_DURATION, type: int, evidence: I, meaning: "Length of what is charged, in the unit beside; empty for one-time charges"}
  - {name: END_CUSTOMER_DETAIL_DURATION_UNIT, type: text, evidence: I, meaning: "DAYS, MONTHS or YEARS"}
  - {name: END_CUSTOMER_DETAIL_QUANTITY, type: decimal, scale: 8, evidence: I, meaning: "Units charged; negative where they are given back"}
  - {name: END_CUSTOMER_DETAIL_UNIT_PRICE, type: decimal, scale: 8, currency: END_CUSTOMER_ACCOUNT_CURRENCY, evidence: I, meaning: "Price of a unit before discount"}
  - {name: END_CUSTOMER_DETAIL_DISCOUNT_AMOUNT, type: decimal, scale: 8, currency: END_CUSTOMER_ACCOUNT_CURRENCY, additive: true, evidence: I, meaning: "Discount on the charge"}
  - {name: END_CUSTOMER_DETAIL_EXTENDED_PRICE, type: decimal, scale: 8, currency: END_CUSTOMER_ACCOUNT_CURRENCY, additive: true, evidence: I, meaning: "Quantity times unit price less discount, before tax is added"}
  - {name: END_CUSTOMER_DETAIL_TAX_AMOUNT, type: decimal, scale: 8, currency: END_CUSTOMER_ACCOUNT_CURRENCY, additive: true, evidence: I, meaning: "Tax on the charge"}
  - {name: END_CUSTOMER_DETAIL_TAX_INCLUSIVE, type: bool, evidence: I, meaning: "Whether the extended price contains the tax"}
  - {name: END_CUSTOMER_DETAIL_EXCHANGE_RATE, type: decimal, scale: 8, evidence: I, meaning: "Rate from the price list's currency to this section's; empty where they are the same"}
  - {name: END_CUSTOMER_DETAIL_EXCHANGE_TIME, type: time, scale: 0, evidence: I, meaning: "When that rate was fixed"}
  - {name: END_CUSTOMER_PLAN_ID, type: int, id: true, evidence: I, meaning: "Plan as the seller of this section owns it"}
  - {name: END_CUSTOMER_PLAN_NAME, type: text, evidence: I, meaning: "Name of that plan; several languages follow each other as code and text"}
  - {name: END_CUSTOMER_PLAN_CATEGORY, type: text, evidence: I, meaning: "Category of that plan"}
  - {name: END_CUSTOMER_RESOURCE_ID, type: int, id: true, evidence: I, meaning: "Resource that is charged"}
  - {name: END_CUSTOMER_RESOURCE_NAME, type: text, evidence: I, meaning: "Name of that resource; several languages follow each other as code and text"}
  - {name: END_CUSTOMER_RESOURCE_UNIT, type: text, evidence: I, meaning: "What a unit of it is"}
  - {name: END_CUSTOMER_INVOICE_ID, type: text, evidence: I, meaning: "Invoice that the end customer got for the charge; empty while there is none"}
  - {name: END_CUSTOMER_INVOICE_NUMBER, type: text, evidence: I, meaning: "Number of that invoice, counted by the vendor"}
  - {name: END_CUSTOMER_INVOICE_DATE, type: date, evidence: I, meaning: "Day that invoice was issued"}
  - {name: END_CUSTOMER_INVOICE_STATUS, type: text, evidence: I, meaning: "Open, Overdue or Closed"}
  - {name: SUBSCRIPTION_ID, type: int, id: true, evidence: I, meaning: "Subscription of the end customer; empty for one-time fees and advance payments"}
  - {name: SUBSCRIPTION_NAME, type: text, evidence: I, meaning: "Its name; the plan's unless somebody changed it"}
  - {name: SUBSCRIPTION_STATUS, type: int, evidence: I, meaning: "10 ordered, 15 trial, 30 active, 40 graced, 50 expired, 60 terminated, 70 canceled, 80 administrative hold, 85 credit hold, 89 both holds"}
  - {name: SUBSCRIPTION_SERVICE_STATUS, type: int, evidence: I, meaning: "10 not provisioned, 20 provisioning, 30 stopped, 40 starting, 50 running, 60 stopping, 70 removing, 80 changing plan, 90 removed"}
  - {name: SUBSCRIPTION_START_DATE, type: date, evidence: I, meaning: "Day it was provisioned"}
  - {name: SUBSCRIPTION_EXP_DATE, type: date, evidence: I, meaning: "Day it expires or expired"}
  - {name: SUBSCRIPTION_BILLING_PERIOD, type: int, evidence: I, meaning: "How often it is billed, in the unit beside"}
  - {name: SUBSCRIPTION_BILLING_PERIOD_TYPE, type: text, evidence: I, meaning: "MONTHS or YEARS"}
  - {name: SUBSCRIPTION_ATTRIBUTES, type: json, evidence: D, meaning: "Custom attributes of the subscription"}
*/

-- A row is a chain of charges, told apart by its lowest charge (the root): a sale
-- to whoever uses the service, and what each vendor above paid for it in turn. Of
-- a chain, a report for an account shows three charges:
--
--   RESELLER      what the account itself paid
--   CUSTOMER      what the account directly below it paid
--   END_CUSTOMER  the sale at the end of the chain, unless the report type is RESELLER
--
--   who buys              RESELLER       CUSTOMER                 END_CUSTOMER
--   somebody deep below   its charge     of the account between   of the buyer
--   directly below        its charge     of the buyer             of the buyer
--   the account itself    its charge     –                        its charge
--
-- A section is empty, with all its columns, when there is no such charge:
--
--   RESELLER      for the provider, and for a plan that is the account's own
--   CUSTOMER      when the account below is an operating unit, which is never
--                 charged; for the provider also when the plan is a reseller's own
--   END_CUSTOMER  for a chain that has no sale at its end: money that vendors gave
--                 back above what the customer got. Its root is the lowest refund,
--                 so the account that got this one sees a row with RESELLER alone,
--                 and those above see their own part of it: RESELLER and CUSTOMER.
--
-- A row whose sections are all empty is left out.
--
-- Whose row it is follows the root's buyer; when, the root's instant.
WITH RECURSIVE reach (id) AS (
  -- The account and all below it.
  SELECT id FROM accounts WHERE id = CAST(@tenant AS BIGINT)
  UNION
  SELECT a.id FROM accounts AS a JOIN reach AS r ON a.parent_id = r.id
),
circle AS (
  -- The same. DuckDB expects millions of rows of a recursion, and would rather
  -- hash the orders than those; of a part of the accounts it does not.
  SELECT id FROM accounts WHERE id IN (SELECT id FROM reach)
),
people AS (
  SELECT account_id, kind, email,
    concat_ws(' ', NULLIF(first_name, ''), NULLIF(middle_name, ''), NULLIF(last_name, '')) AS name,
    '+' || phone_country || ' (' || phone_area || ') ' || phone_number AS phone,
    '+' || fax_country || ' (' || fax_area || ') ' || fax_number AS fax
  FROM contacts WHERE account_id IN (SELECT id FROM circle)
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
party AS (
  SELECT a.id, a.parent_id, a.aps_id, a.name, a.statement_day, a.attributes, c.*
  FROM accounts AS a LEFT JOIN contact AS c ON c.account_id = a.id WHERE a.id IN (SELECT id FROM circle)
),
sold AS (
  -- What a charge can be for: a resource of a plan, or the plan as a whole (0).
  SELECT p.id AS plan_id, x.id AS resource_id, p.name AS plan, c.name AS category, x.name AS resource, x.unit
  FROM plans AS p
  LEFT JOIN plan_categories AS c ON c.id = p.category_id
  JOIN (
    SELECT t.plan_id, r.id, r.name, r.unit FROM plan_rates AS t JOIN resources AS r ON r.id = t.resource_id
    UNION ALL
    SELECT id, 0, NULL, NULL FROM plans
  ) AS x ON x.plan_id = p.id
),
root AS (
  -- The lowest charge of each chain.
  SELECT c.*, c.is_final AND @report_type <> 'RESELLER' AS shows_end FROM charges AS c WHERE c.id = c.root_id AND c.buyer_id IN (SELECT id FROM circle)
)
SELECT
  own.buyer_id AS RESELLER_ACCOUNT_ID,
  ra.aps_id AS RESELLER_ACCOUNT_BSS_APS_ID,
  ra.name AS RESELLER_NAME,
  own.currency AS RESELLER_ACCOUNT_CURRENCY,
  ra.statement_day AS RESELLER_ACCOUNT_STATEMENT_DAY,
  ra.billing_name AS RESELLER_BILLING_CONTACT_NAME,
  ra.billing_email AS RESELLER_BILLING_CONTACT_EMAIL,
  ra.billing_phone AS RESELLER_BILLING_CONTACT_PHONE,
  ra.billing_fax AS RESELLER_BILLING_CONTACT_FAX,
  ra.admin_name AS RESELLER_ADMIN_CONTACT_NAME,
  ra.admin_email AS RESELLER_ADMIN_CONTACT_EMAIL,
  ra.admin_phone AS RESELLER_ADMIN_CONTACT_PHONE,
  ra.admin_fax AS RESELLER_ADMIN_CONTACT_FAX,
  ra.tech_name AS RESELLER_TECH_CONTACT_NAME,
  ra.tech_email AS RESELLER_TECH_CONTACT_EMAIL,
  ra.tech_phone AS RESELLER_TECH_CONTACT_PHONE,
  ra.tech_fax AS RESELLER_TECH_CONTACT_FAX,
  ra.attributes AS RESELLER_ACCOUNT_ATTRIBUTES,
  own.order_id AS RESELLER_ORDER_ID,
  ro.number AS RESELLER_ORDER_NUMBER,
  ro.type AS RESELLER_ORDER_TYPE,
  ro.status AS RESELLER_ORDER_STATUS,
  ro.order_date AS RESELLER_ORDER_DATE,
  ro.total AS RESELLER_ORDER_TOTAL,
  ro.attributes AS RESELLER_ORDER_ATTRIBUTES,
  own.id AS RESELLER_DETAIL_ID,
  own.type AS RESELLER_DETAIL_TYPE,
  own.sku AS RESELLER_DETAIL_SKU,
  own.description AS RESELLER_DETAIL_DESCRIPTION,
  own.start_date AS RESELLER_DETAIL_START_DATE,
  own.end_date AS RESELLER_DETAIL_END_DATE,
  own.duration AS RESELLER_DETAIL_DURATION,
  own.duration_unit AS RESELLER_DETAIL_DURATION_UNIT,
  own.quantity AS RESELLER_DETAIL_QUANTITY,
  own.unit_price AS RESELLER_DETAIL_UNIT_PRICE,
  own.discount_amount AS RESELLER_DETAIL_DISCOUNT_AMOUNT,
  own.extended_price AS RESELLER_DETAIL_EXTENDED_PRICE,
  own.tax_amount AS RESELLER_DETAIL_TAX_AMOUNT,
  own.tax_inclusive AS RESELLER_DETAIL_TAX_INCLUSIVE,
  own.exchange_rate AS RESELLER_DETAIL_EXCHANGE_RATE,
  own.exchange_time AS RESELLER_DETAIL_EXCHANGE_TIME,
  own.plan_id AS RESELLER_PLAN_ID,
  rp.plan AS RESELLER_PLAN_NAME,
  rp.category AS RESELLER_PLAN_CATEGORY,
  own.resource_id AS RESELLER_RESOURCE_ID,
  rp.resource AS RESELLER_RESOURCE_NAME,
  rp.unit AS RESELLER_RESOURCE_UNIT,
  own.invoice_id AS RESELLER_INVOICE_ID,
  ri.number AS RESELLER_INVOICE_NUMBER,
  ri.invoice_date AS RESELLER_INVOICE_DATE,
  ri.status AS RESELLER_INVOICE_STATUS,

  mid.buyer_id AS CUSTOMER_ACCOUNT_ID,
  ca.aps_id AS CUSTOMER_ACCOUNT_BSS_APS_ID,
  ca.name AS CUSTOMER_NAME,
  mid.currency AS CUSTOMER_ACCOUNT_CURRENCY,
  ca.statement_day AS CUSTOMER_ACCOUNT_STATEMENT_DAY,
  ca.billing_name AS CUSTOMER_BILLING_CONTACT_NAME,
  ca.billing_email AS CUSTOMER_BILLING_CONTACT_EMAIL,
  ca.billing_phone AS CUSTOMER_BILLING_CONTACT_PHONE,
  ca.billing_fax AS CUSTOMER_BILLING_CONTACT_FAX,
  ca.admin_name AS CUSTOMER_ADMIN_CONTACT_NAME,
  ca.admin_email AS CUSTOMER_ADMIN_CONTACT_EMAIL,
  ca.admin_phone AS CUSTOMER_ADMIN_CONTACT_PHONE,
  ca.admin_fax AS CUSTOMER_ADMIN_CONTACT_FAX,
  ca.tech_name AS CUSTOMER_TECH_CONTACT_NAME,
  ca.tech_email AS CUSTOMER_TECH_CONTACT_EMAIL,
  ca.tech_phone AS CUSTOMER_TECH_CONTACT_PHONE,
  ca.tech_fax AS CUSTOMER_TECH_CONTACT_FAX,
  ca.attributes AS CUSTOMER_ACCOUNT_ATTRIBUTES,
  mid.order_id AS CUSTOMER_ORDER_ID,
  co.number AS CUSTOMER_ORDER_NUMBER,
  co.type AS CUSTOMER_ORDER_TYPE,
  co.status AS CUSTOMER_ORDER_STATUS,
  co.order_date AS CUSTOMER_ORDER_DATE,
  co.total AS CUSTOMER_ORDER_TOTAL,
  co.attributes AS CUSTOMER_ORDER_ATTRIBUTES,
  mid.id AS CUSTOMER_DETAIL_ID,
  mid.type AS CUSTOMER_DETAIL_TYPE,
  mid.sku AS CUSTOMER_DETAIL_SKU,
  mid.description AS CUSTOMER_DETAIL_DESCRIPTION,
  mid.start_date AS CUSTOMER_DETAIL_START_DATE,
  mid.end_date AS CUSTOMER_DETAIL_END_DATE,
  mid.duration AS CUSTOMER_DETAIL_DURATION,
  mid.duration_unit AS CUSTOMER_DETAIL_DURATION_UNIT,
  mid.quantity AS CUSTOMER_DETAIL_QUANTITY,
  mid.unit_price AS CUSTOMER_DETAIL_UNIT_PRICE,
  mid.discount_amount AS CUSTOMER_DETAIL_DISCOUNT_AMOUNT,
  mid.extended_price AS CUSTOMER_DETAIL_EXTENDED_PRICE,
  mid.tax_amount AS CUSTOMER_DETAIL_TAX_AMOUNT,
  mid.tax_inclusive AS CUSTOMER_DETAIL_TAX_INCLUSIVE,
  mid.exchange_rate AS CUSTOMER_DETAIL_EXCHANGE_RATE,
  mid.exchange_time AS CUSTOMER_DETAIL_EXCHANGE_TIME,
  mid.plan_id AS CUSTOMER_PLAN_ID,
  cp.plan AS CUSTOMER_PLAN_NAME,
  cp.category AS CUSTOMER_PLAN_CATEGORY,
  mid.resource_id AS CUSTOMER_RESOURCE_ID,
  cp.resource AS CUSTOMER_RESOURCE_NAME,
  cp.unit AS CUSTOMER_RESOURCE_UNIT,
  mid.invoice_id AS CUSTOMER_INVOICE_ID,
  ci.number AS CUSTOMER_INVOICE_NUMBER,
  ci.invoice_date AS CUSTOMER_INVOICE_DATE,
  ci.status AS CUSTOMER_INVOICE_STATUS,

  CASE WHEN r.shows_end THEN r.buyer_id END AS END_CUSTOMER_ACCOUNT_ID,
  ea.aps_id AS END_CUSTOMER_ACCOUNT_BSS_APS_ID,
  ea.name AS END_CUSTOMER_NAME,
  CASE WHEN r.shows_end THEN r.currency END AS END_CUSTOMER_ACCOUNT_CURRENCY,
  ea.statement_day AS END_CUSTOMER_ACCOUNT_STATEMENT_DAY,
  ea.billing_name AS END_CUSTOMER_BILLING_CONTACT_NAME,
  ea.billing_email AS END_CUSTOMER_BILLING_CONTACT_EMAIL,
  ea.billing_phone AS END_CUSTOMER_BILLING_CONTACT_PHONE,
  ea.billing_fax AS END_CUSTOMER_BILLING_CONTACT_FAX,
  ea.admin_name AS END_CUSTOMER_ADMIN_CONTACT_NAME,
  ea.admin_email AS END_CUSTOMER_ADMIN_CONTACT_EMAIL,
  ea.admin_phone AS END_CUSTOMER_ADMIN_CONTACT_PHONE,
  ea.admin_fax AS END_CUSTOMER_ADMIN_CONTACT_FAX,
  ea.tech_name AS END_CUSTOMER_TECH_CONTACT_NAME,
  ea.tech_email AS END_CUSTOMER_TECH_CONTACT_EMAIL,
  ea.tech_phone AS END_CUSTOMER_TECH_CONTACT_PHONE,
  ea.tech_fax AS END_CUSTOMER_TECH_CONTACT_FAX,
  ea.attributes AS END_CUSTOMER_ACCOUNT_ATTRIBUTES,
  CASE WHEN r.shows_end THEN r.order_id END AS END_CUSTOMER_ORDER_ID,
  eo.number AS END_CUSTOMER_ORDER_NUMBER,
  eo.type AS END_CUSTOMER_ORDER_TYPE,
  eo.status AS END_CUSTOMER_ORDER_STATUS,
  eo.order_date AS END_CUSTOMER_ORDER_DATE,
  eo.total AS END_CUSTOMER_ORDER_TOTAL,
  eo.attributes AS END_CUSTOMER_ORDER_ATTRIBUTES,
  CASE WHEN r.shows_end THEN r.id END AS END_CUSTOMER_DETAIL_ID,
  CASE WHEN r.shows_end THEN r.type END AS END_CUSTOMER_DETAIL_TYPE,
  CASE WHEN r.shows_end THEN r.sku END AS END_CUSTOMER_DETAIL_SKU,
  CASE WHEN r.shows_end THEN r.description END AS END_CUSTOMER_DETAIL_DESCRIPTION,
  CASE WHEN r.shows_end THEN r.start_date END AS END_CUSTOMER_DETAIL_START_DATE,
  CASE WHEN r.shows_end THEN r.end_date END AS END_CUSTOMER_DETAIL_END_DATE,
  CASE WHEN r.shows_end THEN r.duration END AS END_CUSTOMER_DETAIL_DURATION,
  CASE WHEN r.shows_end THEN r.duration_unit END AS END_CUSTOMER_DETAIL_DURATION_UNIT,
  CASE WHEN r.shows_end THEN r.quantity END AS END_CUSTOMER_DETAIL_QUANTITY,
  CASE WHEN r.shows_end THEN r.unit_price END AS END_CUSTOMER_DETAIL_UNIT_PRICE,
  CASE WHEN r.shows_end THEN r.discount_amount END AS END_CUSTOMER_DETAIL_DISCOUNT_AMOUNT,
  CASE WHEN r.shows_end THEN r.extended_price END AS END_CUSTOMER_DETAIL_EXTENDED_PRICE,
  CASE WHEN r.shows_end THEN r.tax_amount END AS END_CUSTOMER_DETAIL_TAX_AMOUNT,
  CASE WHEN r.shows_end THEN r.tax_inclusive END AS END_CUSTOMER_DETAIL_TAX_INCLUSIVE,
  CASE WHEN r.shows_end THEN r.exchange_rate END AS END_CUSTOMER_DETAIL_EXCHANGE_RATE,
  CASE WHEN r.shows_end THEN r.exchange_time END AS END_CUSTOMER_DETAIL_EXCHANGE_TIME,
  CASE WHEN r.shows_end THEN r.plan_id END AS END_CUSTOMER_PLAN_ID,
  ep.plan AS END_CUSTOMER_PLAN_NAME,
  ep.category AS END_CUSTOMER_PLAN_CATEGORY,
  CASE WHEN r.shows_end THEN r.resource_id END AS END_CUSTOMER_RESOURCE_ID,
  ep.resource AS END_CUSTOMER_RESOURCE_NAME,
  ep.unit AS END_CUSTOMER_RESOURCE_UNIT,
  CASE WHEN r.shows_end THEN r.invoice_id END AS END_CUSTOMER_INVOICE_ID,
  ei.number AS END_CUSTOMER_INVOICE_NUMBER,
  ei.invoice_date AS END_CUSTOMER_INVOICE_DATE,
  ei.status AS END_CUSTOMER_INVOICE_STATUS,

  s.id AS SUBSCRIPTION_ID,
  s.name AS SUBSCRIPTION_NAME,
  s.status AS SUBSCRIPTION_STATUS,
  s.service_status AS SUBSCRIPTION_SERVICE_STATUS,
  s.start_date AS SUBSCRIPTION_START_DATE,
  s.expiration_date AS SUBSCRIPTION_EXP_DATE,
  s.billing_period AS SUBSCRIPTION_BILLING_PERIOD,
  s.billing_period_type AS SUBSCRIPTION_BILLING_PERIOD_TYPE,
  s.attributes AS SUBSCRIPTION_ATTRIBUTES,

  r.buyer_id AS buyer_id, r.created_at AS rated_at, r.root_id AS root_id
FROM root AS r
-- One row: the account itself. Compared as text it could be many, so DuckDB takes
-- what comes before for the largest side of all joins below. It streams that side
-- and hashes the others, which are cut to what the report can need.
JOIN accounts AS viewer ON CAST(viewer.id AS VARCHAR) = @tenant
LEFT JOIN (SELECT * FROM subscriptions WHERE account_id IN (SELECT id FROM circle)) AS s ON s.id = r.subscription_id

LEFT JOIN (SELECT * FROM charges WHERE buyer_id = CAST(@tenant AS BIGINT)) AS own ON own.root_id = r.root_id
LEFT JOIN (SELECT * FROM party WHERE id = CAST(@tenant AS BIGINT)) AS ra ON ra.id = own.buyer_id
LEFT JOIN (SELECT * FROM orders WHERE buyer_id = CAST(@tenant AS BIGINT)) AS ro ON ro.id = own.order_id
LEFT JOIN sold AS rp ON rp.plan_id = own.plan_id AND rp.resource_id = COALESCE(own.resource_id, 0)
LEFT JOIN (SELECT * FROM invoices WHERE buyer_id = CAST(@tenant AS BIGINT)) AS ri ON ri.id = own.invoice_id

LEFT JOIN (SELECT * FROM charges WHERE seller_id = CAST(@tenant AS BIGINT)) AS mid ON mid.root_id = r.root_id
LEFT JOIN (SELECT * FROM party WHERE parent_id = CAST(@tenant AS BIGINT)) AS ca ON ca.id = mid.buyer_id
LEFT JOIN (SELECT * FROM orders WHERE seller_id = CAST(@tenant AS BIGINT)) AS co ON co.id = mid.order_id
LEFT JOIN sold AS cp ON cp.plan_id = mid.plan_id AND cp.resource_id = COALESCE(mid.resource_id, 0)
LEFT JOIN (SELECT * FROM invoices WHERE seller_id = CAST(@tenant AS BIGINT)) AS ci ON ci.id = mid.invoice_id

LEFT JOIN party AS ea ON ea.id = CASE WHEN r.shows_end THEN r.buyer_id END
LEFT JOIN (SELECT * FROM orders WHERE buyer_id IN (SELECT id FROM circle)) AS eo ON eo.id = CASE WHEN r.shows_end THEN r.order_id END
LEFT JOIN sold AS ep ON ep.plan_id = CASE WHEN r.shows_end THEN r.plan_id END AND ep.resource_id = COALESCE(r.resource_id, 0)
LEFT JOIN (SELECT * FROM invoices WHERE buyer_id IN (SELECT id FROM circle)) AS ei ON ei.id = CASE WHEN r.shows_end THEN r.invoice_id END
WHERE r.shows_end OR own.id IS NOT NULL OR mid.id IS NOT NULL
