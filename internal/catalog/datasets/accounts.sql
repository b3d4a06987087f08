/*
version: 1
source: commerce
description: One row per account, the viewer's own and all below it
tenant: ACCOUNT_ID
period: {expr: created_at, kind: instant}
key: [ACCOUNT_ID]
split: ACCOUNT_ID
changed: updated_at
fields:
  - {name: RESELLER_ACCOUNT_ID, type: int, id: true, evidence: D, meaning: "The account's vendor; for the provider itself, which has none, 1"}
  - {name: ACCOUNT_ZIP, type: text, evidence: "D*", meaning: "Post code; leading zeros count"}
  - {name: ACCOUNT_TYPE, type: text, evidence: D, meaning: "Customer, Reseller or Provider"}
  - {name: ACCOUNT_TECH_PHONE_COUNTRY_CODE, type: text, evidence: D, meaning: "Phone of the technical contact: country code, without +"}
  - {name: ACCOUNT_TECH_PHONE_AREA_CODE, type: text, evidence: D, meaning: "Phone of the technical contact: area code"}
  - {name: ACCOUNT_TECH_PHONE_NUMBER, type: text, evidence: D, meaning: "Phone of the technical contact: number without codes"}
  - {name: ACCOUNT_TECH_PHONE_EXTENTION, type: text, evidence: D, meaning: "Phone of the technical contact: extension; leading zeros count"}
  - {name: ACCOUNT_TECH_FNAME, type: text, evidence: D, meaning: "First name of the technical contact"}
  - {name: ACCOUNT_TECH_MNAME, type: text, evidence: D, meaning: "Middle name of the technical contact"}
  - {name: ACCOUNT_TECH_LNAME, type: text, evidence: D, meaning: "Last name of the technical contact"}
  - {name: ACCOUNT_TECH_FAX_COUNTRY_CODE, type: text, evidence: D, meaning: "Fax of the technical contact: country code, without +"}
  - {name: ACCOUNT_TECH_FAX_AREA_CODE, type: text, evidence: D, meaning: "Fax of the technical contact: area code"}
  - {name: ACCOUNT_TECH_FAX_NUMBER, type: text, evidence: D, meaning: "Fax of the technical contact: number without codes"}
  - {name: ACCOUNT_TECH_FAX_EXTENTION, type: text, evidence: D, meaning: "Fax of the technical contact: extension; leading zeros count"}
  - {name: ACCOUNT_TECH_EMAIL, type: text, evidence: D, meaning: "E-mail address of the technical contact"}
  - {name: ACCOUNT_TAX_REGISTRATION_ID, type: text, evidence: D, meaning: "Number under which the account is registered for tax; leading zeros count"}
  - {name: ACCOUNT_TAX_STATUS, type: text, evidence: D, meaning: "Tax status, as the installation codes it"}
  - {name: ACCOUNT_TAX_ZONE_ID, type: text, evidence: D, meaning: "Tax zone: decides which taxes its vendor charges"}
  - {name: ACCOUNT_STATUS_INT, type: text, evidence: D, meaning: "Code of the status, as text; the word is in ACCOUNT_STATUS"}
  - {name: ACCOUNT_STATUS, type: text, evidence: I, meaning: "pending, active, creditHold, adminHold, cancelled or error"}
  - {name: ACCOUNT_STATE, type: text, evidence: I, meaning: "State or province of the address; empty where the country has none"}
  - {name: ACCOUNT_NAME, type: text, evidence: I, meaning: "Company name, or first, middle and last name of a person"}
  - {name: ACCOUNT_ID, type: int, id: true, evidence: I, meaning: "The account"}
  - {name: ACCOUNT_CURRENCY, type: text, evidence: I, meaning: "Currency it usually buys in"}
  - {name: ACCOUNT_CREATION_DATE, type: date, evidence: I, meaning: "Day it was created, in the report's zone"}
  - {name: ACCOUNT_CREATION_DATE_INT, type: int, evidence: I, meaning: "Day it was created: its first instant in the report's zone, as Unix seconds"}
  - {name: ACCOUNT_COUNTRY, type: text, evidence: I, meaning: "Country of the address, two letters"}
  - {name: ACCOUNT_CITY, type: text, evidence: I, meaning: "City of the address"}
  - {name: ACCOUNT_ADDRESS1, type: text, evidence: I, meaning: "First line of the address"}
  - {name: ACCOUNT_ADDRESS2, type: text, evidence: I, meaning: "Second line of the address"}
  - {name: ACCOUNT_BILL_PHONE_COUNTRY_CODE, type: text, evidence: I, meaning: "Phone of the billing contact: country code, without +"}
  - {name: ACCOUNT_BILL_PHONE_AREA_CODE, type: text, evidence: I, meaning: "Phone of the billing contact: area code"}
  - {name: ACCOUNT_BILL_PHONE_NUMBER, type: text, evidence: I, meaning: "Phone of the billing contact: number without codes"}
  - {name: ACCOUNT_BILL_PHONE_EXTENTION, type: text, evidence: I, meaning: "Phone of the billing contact: extension; leading zeros count"}
  - {name: ACCOUNT_BILL_FNAME, type: text, evidence: I, meaning: "First name of the billing contact"}
  - {name: ACCOUNT_BILL_MNAME, type: text, evidence: I, meaning: "Middle name of the billing contact"}
  - {name: ACCOUNT_BILL_LNAME, type: text, evidence: I, meaning: "Last name of the billing contact"}
  - {name: ACCOUNT_BILL_FAX_COUNTRY_CODE, type: text, evidence: I, meaning: "Fax of the billing contact: country code, without +"}
  - {name: ACCOUNT_BILL_FAX_AREA_CODE, type: text, evidence: I, meaning: "Fax of the billing contact: area code"}
  - {name: ACCOUNT_BILL_FAX_NUMBER, type: text, evidence: I, meaning: "Fax of the billing contact: number without codes"}
  - {name: ACCOUNT_BILL_FAX_EXTENTION, type: text, evidence: I, meaning: "Fax of the billing contact: extension; leading zeros count"}
  - {name: ACCOUNT_BILL_EMAIL, type: text, evidence: I, meaning: "E-mail address of the billing contact"}
  - {name: ACCOUNT_ADM_PHONE_COUNTRY_CODE, type: text, evidence: I, meaning: "Phone of the administrative contact: country code, without +"}
  - {name: ACCOUNT_ADM_PHONE_AREA_CODE, type: text, evidence: I, meaning: "Phone of the administrative contact: area code"}
  - {name: ACCOUNT_ADM_PHONE_NUMBER, type: text, evidence: I, meaning: "Phone of the administrative contact: number without codes"}
  - {name: ACCOUNT_ADM_PHONE_EXTENTION, type: text, evidence: I, meaning: "Phone of the administrative contact: extension; leading zeros count"}
  - {name: ACCOUNT_ADM_FNAME, type: text, evidence: I, meaning: "First name of the administrative contact"}
  - {name: ACCOUNT_ADM_MNAME, type: text, evidence: I, meaning: "Middle name of the administrative contact"}
  - {name: ACCOUNT_ADM_LNAME, type: text, evidence: I, meaning: "Last name of the administrative contact"}
  - {name: ACCOUNT_ADM_FAX_COUNTRY_CODE, type: text, evidence: I, meaning: "Fax of the administrative contact: country code, without +"}
  - {name: ACCOUNT_ADM_FAX_AREA_CODE, type: text, evidence: I, meaning: "Fax of the administrative contact: area code"}
  - {name: ACCOUNT_ADM_FAX_NUMBER, type: text, evidence: I, meaning: "Fax of the administrative contact: number without codes"}
  - {name: ACCOUNT_ADM_FAX_EXTENTION, type: text, evidence: I, meaning: "Fax of the administrative contact: extension; leading zeros count"}
  - {name: ACCOUNT_ADM_EMAIL, type: text, evidence: I, meaning: "E-mail address of the administrative contact"}
  - {name: ACCOUNT_ATTRIBUTES, type: json, evidence: I, meaning: "Custom attributes of the account, [[name, value], …]"}
*/

-- The names are as published, EXTENTION too.
--
-- A day's number is its first instant in the report's zone, in Unix seconds. Where
-- clocks skip midnight that is the first instant after the gap, which is what the
-- engine makes of a midnight that does not exist. Where midnight comes twice the
-- engine takes the second; an hour after eleven the evening before is the first, so
-- the earlier of the two is right.
SELECT
  COALESCE(a.parent_id, 1) AS RESELLER_ACCOUNT_ID,
  a.zip AS ACCOUNT_ZIP,
  a.type AS ACCOUNT_TYPE,
  t.phone_country AS ACCOUNT_TECH_PHONE_COUNTRY_CODE,
  t.phone_area AS ACCOUNT_TECH_PHONE_AREA_CODE,
  t.phone_number AS ACCOUNT_TECH_PHONE_NUMBER,
  t.phone_extension AS ACCOUNT_TECH_PHONE_EXTENTION,
  t.first_name AS ACCOUNT_TECH_FNAME,
  t.middle_name AS ACCOUNT_TECH_MNAME,
  t.last_name AS ACCOUNT_TECH_LNAME,
  t.fax_country AS ACCOUNT_TECH_FAX_COUNTRY_CODE,
  t.fax_area AS ACCOUNT_TECH_FAX_AREA_CODE,
  t.fax_number AS ACCOUNT_TECH_FAX_NUMBER,
  t.fax_extension AS ACCOUNT_TECH_FAX_EXTENTION,
  t.email AS ACCOUNT_TECH_EMAIL,
  a.tax_registration_id AS ACCOUNT_TAX_REGISTRATION_ID,
  a.tax_status AS ACCOUNT_TAX_STATUS,
  a.tax_zone AS ACCOUNT_TAX_ZONE_ID,
  a.status_code AS ACCOUNT_STATUS_INT,
  a.status AS ACCOUNT_STATUS,
  a.state AS ACCOUNT_STATE,
  a.name AS ACCOUNT_NAME,
  a.id AS ACCOUNT_ID,
  a.currency AS ACCOUNT_CURRENCY,
  CAST(a.midnight AS DATE) AS ACCOUNT_CREATION_DATE,
  CAST(extract(epoch FROM LEAST(timezone(@zone, a.midnight), timezone(@zone, a.midnight - INTERVAL '1 hour') + INTERVAL '1 hour')) AS BIGINT)
    AS ACCOUNT_CREATION_DATE_INT,
  a.country AS ACCOUNT_COUNTRY,
  a.city AS ACCOUNT_CITY,
  a.address1 AS ACCOUNT_ADDRESS1,
  a.address2 AS ACCOUNT_ADDRESS2,
  b.phone_country AS ACCOUNT_BILL_PHONE_COUNTRY_CODE,
  b.phone_area AS ACCOUNT_BILL_PHONE_AREA_CODE,
  b.phone_number AS ACCOUNT_BILL_PHONE_NUMBER,
  b.phone_extension AS ACCOUNT_BILL_PHONE_EXTENTION,
  b.first_name AS ACCOUNT_BILL_FNAME,
  b.middle_name AS ACCOUNT_BILL_MNAME,
  b.last_name AS ACCOUNT_BILL_LNAME,
  b.fax_country AS ACCOUNT_BILL_FAX_COUNTRY_CODE,
  b.fax_area AS ACCOUNT_BILL_FAX_AREA_CODE,
  b.fax_number AS ACCOUNT_BILL_FAX_NUMBER,
  b.fax_extension AS ACCOUNT_BILL_FAX_EXTENTION,
  b.email AS ACCOUNT_BILL_EMAIL,
  m.phone_country AS ACCOUNT_ADM_PHONE_COUNTRY_CODE,
  m.phone_area AS ACCOUNT_ADM_PHONE_AREA_CODE,
  m.phone_number AS ACCOUNT_ADM_PHONE_NUMBER,
  m.phone_extension AS ACCOUNT_ADM_PHONE_EXTENTION,
  m.first_name AS ACCOUNT_ADM_FNAME,
  m.middle_name AS ACCOUNT_ADM_MNAME,
  m.last_name AS ACCOUNT_ADM_LNAME,
  m.fax_country AS ACCOUNT_ADM_FAX_COUNTRY_CODE,
  m.fax_area AS ACCOUNT_ADM_FAX_AREA_CODE,
  m.fax_number AS ACCOUNT_ADM_FAX_NUMBER,
  m.fax_extension AS ACCOUNT_ADM_FAX_EXTENTION,
  m.email AS ACCOUNT_ADM_EMAIL,
  a.attributes AS ACCOUNT_ATTRIBUTES,

  a.created_at AS created_at, a.updated_at AS updated_at
FROM (SELECT *, CAST(date_trunc('day', timezone(@zone, created_at)) AS TIMESTAMP) AS midnight FROM accounts) AS a
LEFT JOIN contacts AS t ON t.account_id = a.id AND t.kind = 'tech'
LEFT JOIN contacts AS b ON b.account_id = a.id AND b.kind = 'billing'
LEFT JOIN contacts AS m ON m.account_id = a.id AND m.kind = 'admin'
