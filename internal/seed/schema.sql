-- The reference commerce schema: a billing database of a distributor, its
-- resellers and their customers. docs/schema.md tells the same in prose.
--
-- One text for DuckDB and PostgreSQL. A "key:" line stands where a constraint
-- would: DuckDB keeps every index in memory and takes a third longer to load with
-- one. Tests check the keys and references instead.
--
-- Money is exact, DECIMAL(20,8). DATE columns are billing days, TIMESTAMP WITH
-- TIME ZONE columns are instants to the microsecond. Codes that may begin with a
-- zero are TEXT.

-- Everybody who buys or sells. key: id
CREATE TABLE accounts (
  id                  BIGINT NOT NULL,
  parent_id           BIGINT,            -- the account's vendor; null for the provider
  level               INTEGER NOT NULL,  -- steps below the provider
  type                TEXT NOT NULL,     -- Provider, Reseller, Customer
  is_operating_unit   BOOLEAN NOT NULL,  -- a reseller in name only: it is never charged itself
  is_company          BOOLEAN NOT NULL,  -- false: a person, named after the admin contact
  name                TEXT NOT NULL,
  aps_id              TEXT NOT NULL,
  status              TEXT NOT NULL,     -- pending, active, creditHold, adminHold, cancelled
  status_code         TEXT NOT NULL,
  currency            TEXT NOT NULL,     -- what it usually buys in
  statement_day       INTEGER NOT NULL,  -- day of the month its invoices are issued
  language            TEXT NOT NULL,
  time_zone           TEXT NOT NULL,     -- IANA name
  address1            TEXT NOT NULL,
  address2            TEXT,              -- empty: asked, and there is none; null: never asked
  city                TEXT NOT NULL,
  state               TEXT,
  zip                 TEXT NOT NULL,
  country             TEXT NOT NULL,
  tax_registration_id TEXT,
  tax_status          TEXT NOT NULL,
  tax_zone            TEXT NOT NULL,
  attributes          JSON,              -- [["name","value"],…]
  created_at          TIMESTAMP WITH TIME ZONE NOT NULL,
  updated_at          TIMESTAMP WITH TIME ZONE NOT NULL
);

-- The people of an account. key: account_id, kind
CREATE TABLE contacts (
  account_id      BIGINT NOT NULL,
  kind            TEXT NOT NULL,         -- admin, billing, tech
  first_name      TEXT NOT NULL,
  middle_name     TEXT,
  last_name       TEXT NOT NULL,
  email           TEXT NOT NULL,
  phone_country   TEXT,
  phone_area      TEXT,
  phone_number    TEXT,
  phone_extension TEXT,
  fax_country     TEXT,
  fax_area        TEXT,
  fax_number      TEXT,
  fax_extension   TEXT
);

-- What kind of service a plan is made from. key: id
CREATE TABLE service_templates (
  id   BIGINT NOT NULL,
  name TEXT NOT NULL
);

-- The shelf a plan stands on. key: id
CREATE TABLE plan_categories (
  id   BIGINT NOT NULL,
  name TEXT NOT NULL
);

-- What is counted and charged: a seat, a gigabyte. key: id
CREATE TABLE resources (
  id       BIGINT NOT NULL,
  name     TEXT NOT NULL,
  category TEXT NOT NULL,
  unit     TEXT NOT NULL
);

-- An offer as one account sells it. A delegated plan has a row per account that
-- may sell it, each pointing to the plan it came from. key: id
CREATE TABLE plans (
  id                  BIGINT NOT NULL,
  aps_id              TEXT NOT NULL,
  parent_id           BIGINT,            -- the vendor's plan; null for the owner's own
  owner_id            BIGINT NOT NULL,
  service_template_id BIGINT NOT NULL,
  category_id         BIGINT NOT NULL,
  name                TEXT NOT NULL,
  short_description   TEXT,
  long_description    TEXT,
  currency            TEXT NOT NULL,
  billing_period      INTEGER NOT NULL,
  billing_period_type TEXT NOT NULL,     -- MONTHS, YEARS
  available_for_sale  TEXT NOT NULL,
  is_one_time_fee     BOOLEAN NOT NULL,
  is_published        BOOLEAN NOT NULL,
  is_auto_renew       BOOLEAN NOT NULL,
  created_at          TIMESTAMP WITH TIME ZONE NOT NULL
);

-- For how long a plan can be subscribed to. key: id
CREATE TABLE plan_periods (
  id          BIGINT NOT NULL,
  plan_id     BIGINT NOT NULL,
  period      INTEGER NOT NULL,
  period_type TEXT NOT NULL
);

-- What a plan asks for a resource. key: id
CREATE TABLE plan_rates (
  id                       BIGINT NOT NULL,
  plan_id                  BIGINT NOT NULL,
  resource_id              BIGINT NOT NULL,
  currency                 TEXT NOT NULL,
  included_amount          DECIMAL(20,8) NOT NULL,
  min_amount               DECIMAL(20,8) NOT NULL,
  max_amount               DECIMAL(20,8),   -- null: no limit
  setup_fee                DECIMAL(20,8) NOT NULL,
  recurring_fee            DECIMAL(20,8) NOT NULL,
  overuse_fee              DECIMAL(20,8) NOT NULL,
  cancellation_fee         DECIMAL(20,8) NOT NULL,
  setup_sku                TEXT NOT NULL,
  recurring_sku            TEXT NOT NULL,
  overuse_sku              TEXT NOT NULL,
  cancellation_sku         TEXT NOT NULL,
  setup_description        TEXT,
  recurring_description    TEXT,
  overuse_description      TEXT,
  cancellation_description TEXT,
  mpn                      TEXT NOT NULL
);

-- A plan in use by an account. key: id
CREATE TABLE subscriptions (
  id                  BIGINT NOT NULL,
  account_id          BIGINT NOT NULL,
  plan_id             BIGINT NOT NULL,   -- a plan of the account's vendor
  period_id           BIGINT NOT NULL,
  order_id            BIGINT NOT NULL,   -- the sales order it began with
  name                TEXT NOT NULL,
  status              INTEGER NOT NULL,  -- 10 ordered … 30 active … 89 on hold
  service_status      INTEGER NOT NULL,  -- 10 not provisioned … 50 running … 90 removed
  start_date          DATE NOT NULL,
  expiration_date     DATE NOT NULL,
  last_billing_date   DATE,
  next_billing_date   DATE,
  period              INTEGER NOT NULL,
  period_type         TEXT NOT NULL,
  billing_period      INTEGER NOT NULL,
  billing_period_type TEXT NOT NULL,
  is_auto_renew       BOOLEAN NOT NULL,
  currency            TEXT NOT NULL,
  attributes          JSON,
  created_at          TIMESTAMP WITH TIME ZONE NOT NULL,
  updated_at          TIMESTAMP WITH TIME ZONE NOT NULL
);

-- How much of a resource a subscription has. key: subscription_id, rate_id
CREATE TABLE subscription_resources (
  subscription_id   BIGINT NOT NULL,
  rate_id           BIGINT NOT NULL,
  resource_id       BIGINT NOT NULL,
  status            TEXT NOT NULL,       -- Installed, Installing, Suspended, Removed
  included_amount   DECIMAL(20,8) NOT NULL,
  additional_amount DECIMAL(20,8) NOT NULL,
  ordered_amount    DECIMAL(20,8) NOT NULL,
  used_amount       DECIMAL(20,8) NOT NULL,
  min_amount        DECIMAL(20,8) NOT NULL,
  max_amount        DECIMAL(20,8)
);

-- What one account asked of its vendor. A purchase further down makes an order
-- on every level of the chain. key: id
CREATE TABLE orders (
  id              BIGINT NOT NULL,
  number          TEXT NOT NULL,         -- counted per seller and type
  type            TEXT NOT NULL,         -- SO, BO, RN, CH, CL, CF, PO
  status          TEXT NOT NULL,         -- CP completed, OP open
  buyer_id        BIGINT NOT NULL,
  seller_id       BIGINT NOT NULL,
  subscription_id BIGINT,                -- null: one-time fees and payments
  currency        TEXT NOT NULL,
  total           DECIMAL(20,8) NOT NULL, -- the sum of its charges, before tax
  tax_total       DECIMAL(20,8) NOT NULL, -- the sum of their taxes
  attributes      JSON,
  order_date      DATE NOT NULL,
  created_at      TIMESTAMP WITH TIME ZONE NOT NULL
);

-- A line of an order, and the grain of the schema: what a buyer owes its vendor,
-- or gets back (negative). The charges that one fact causes on the levels of the
-- sales chain share a root, the lowest of them, and are one each per buyer.
-- extended_price = quantity * unit_price - discount_amount, exactly. key: id
CREATE TABLE charges (
  id              BIGINT NOT NULL,
  root_id         BIGINT NOT NULL,       -- the lowest charge of the chain
  is_final        BOOLEAN NOT NULL,      -- bought by whoever uses the service
  level           INTEGER NOT NULL,      -- the buyer's level
  buyer_id        BIGINT NOT NULL,
  seller_id       BIGINT NOT NULL,       -- the buyer's vendor
  order_id        BIGINT NOT NULL,
  subscription_id BIGINT,
  plan_id         BIGINT,                -- the seller's plan; null for deposits
  resource_id     BIGINT,
  type            TEXT NOT NULL,         -- setup, recurring, overuse, renewRefund, …
  sku             TEXT,
  description     TEXT NOT NULL,
  start_date      DATE NOT NULL,
  end_date        DATE NOT NULL,         -- inclusive
  duration        INTEGER,               -- null: not for a period
  duration_unit   TEXT,                  -- DAYS, MONTHS, YEARS
  quantity        DECIMAL(20,8) NOT NULL,
  unit_price      DECIMAL(20,8) NOT NULL,
  discount_amount DECIMAL(20,8) NOT NULL,
  extended_price  DECIMAL(20,8) NOT NULL,
  tax_amount      DECIMAL(20,8) NOT NULL,
  tax_inclusive   BOOLEAN NOT NULL,      -- whether extended_price contains the tax
  currency        TEXT NOT NULL,
  exchange_rate   DECIMAL(20,8),         -- plan's currency to the charge's; null when they are one
  exchange_time   TIMESTAMP WITH TIME ZONE,
  invoice_id      TEXT,                  -- null: not invoiced yet
  created_at      TIMESTAMP WITH TIME ZONE NOT NULL
);

-- A statement of what a buyer was charged by its vendor in one currency. key: id
CREATE TABLE invoices (
  id             TEXT NOT NULL,
  number         TEXT NOT NULL,          -- counted per seller
  buyer_id       BIGINT NOT NULL,
  seller_id      BIGINT NOT NULL,
  status         TEXT NOT NULL,          -- Open, Overdue, Closed
  currency       TEXT NOT NULL,
  extended_total DECIMAL(20,8) NOT NULL, -- the sum of the extended prices
  net_total      DECIMAL(20,8) NOT NULL, -- without any tax
  tax_total      DECIMAL(20,8) NOT NULL,
  tax_rate       DECIMAL(20,8) NOT NULL, -- per cent, tax_total to extended_total
  total          DECIMAL(20,8) NOT NULL, -- net_total + tax_total
  description    TEXT,
  invoice_date   DATE NOT NULL,
  due_date       DATE NOT NULL,
  close_date     DATE,
  created_at     TIMESTAMP WITH TIME ZONE NOT NULL,
  updated_at     TIMESTAMP WITH TIME ZONE NOT NULL
);

-- An invoice's tax by tax. key: invoice_id, line
CREATE TABLE invoice_taxes (
  invoice_id  TEXT NOT NULL,
  line        INTEGER NOT NULL,
  name        TEXT NOT NULL,
  rate        DECIMAL(20,8) NOT NULL,    -- per cent
  inclusive   BOOLEAN NOT NULL,
  base_amount DECIMAL(20,8) NOT NULL,
  amount      DECIMAL(20,8) NOT NULL
);

-- How an account can pay. key: id
CREATE TABLE payment_methods (
  id         BIGINT NOT NULL,
  account_id BIGINT NOT NULL,
  type       TEXT NOT NULL,              -- card, wallet, transfer, check, cash
  pay_system TEXT NOT NULL,              -- Token, Redirect, Offline
  name       TEXT NOT NULL
);

-- A payment document: money that came in or (negative) went back. key: id
CREATE TABLE payments (
  id                BIGINT NOT NULL,
  number            TEXT NOT NULL,
  payer_id          BIGINT NOT NULL,
  payee_id          BIGINT NOT NULL,
  method_id         BIGINT NOT NULL,
  type              TEXT NOT NULL,       -- Payment, Check, Void
  status            TEXT NOT NULL,       -- Hold, Open, Closed
  processing_status TEXT NOT NULL,       -- New, Canceled, Refunded, Void, Money Captured
  total             DECIMAL(20,8) NOT NULL,
  currency          TEXT NOT NULL,
  reference_number  TEXT,
  auth_code         TEXT,                -- empty: the gateway sent none; null: no gateway
  description       TEXT,
  created_by        BIGINT NOT NULL,     -- a user; -1 is the system
  document_at       TIMESTAMP WITH TIME ZONE NOT NULL,
  created_at        TIMESTAMP WITH TIME ZONE NOT NULL,
  updated_at        TIMESTAMP WITH TIME ZONE NOT NULL
);

-- Which invoices a payment is for. key: payment_id, invoice_id
CREATE TABLE payment_invoices (
  payment_id BIGINT NOT NULL,
  invoice_id TEXT NOT NULL,
  amount     DECIMAL(20,8) NOT NULL
);

-- A person who uses a subscription. key: id
CREATE TABLE service_users (
  id              BIGINT NOT NULL,
  account_id      BIGINT NOT NULL,
  subscription_id BIGINT NOT NULL,
  login           TEXT NOT NULL,
  first_name      TEXT NOT NULL,
  last_name       TEXT NOT NULL,
  email           TEXT NOT NULL,
  phone           TEXT,
  status          INTEGER NOT NULL,      -- 0 disabled, 1 enabled
  created_at      TIMESTAMP WITH TIME ZONE NOT NULL,
  cancelled_at    TIMESTAMP WITH TIME ZONE
);

-- A licence that a service user holds. key: id
CREATE TABLE licenses (
  id              BIGINT NOT NULL,
  service_user_id BIGINT NOT NULL,
  resource_id     BIGINT NOT NULL
);
