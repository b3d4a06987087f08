-- What PostgreSQL gets besides schema.sql, after the rows: the references, and the
-- indexes that the data sets ask for. The keys come from the "key:" lines there and
-- have indexes of their own.
--
-- A data set's rows are found by whose they are, by their period, and by what it is
-- split by; what is looked up for a row is found by what it belongs to.

-- accounts: the tree, its rows by day
CREATE INDEX accounts_parent_id ON accounts (parent_id);
CREATE INDEX accounts_created_at ON accounts (created_at);
-- Accounts are looked up by the text of their id. PostgreSQL takes a comparison with an
-- expression that it has no statistics of for one that many rows meet, and joins
-- accordingly: provisioned_orders took seven times as long without.
CREATE INDEX accounts_id_text ON accounts (CAST(id AS VARCHAR));
CREATE INDEX payment_methods_account_id ON payment_methods (account_id);

-- service_plans, service_plan_resource_rates
CREATE INDEX plans_owner_id ON plans (owner_id);
CREATE INDEX plans_created_at ON plans (created_at);
CREATE INDEX plan_periods_plan_id ON plan_periods (plan_id);
CREATE INDEX plan_rates_plan_id ON plan_rates (plan_id);

-- subscriptions, subscription_resources, service_users
CREATE INDEX subscriptions_account_id ON subscriptions (account_id);
CREATE INDEX subscriptions_plan_id ON subscriptions (plan_id);
CREATE INDEX subscriptions_created_at ON subscriptions (created_at);
CREATE INDEX service_users_account_id ON service_users (account_id);
CREATE INDEX service_users_created_at ON service_users (created_at);
CREATE INDEX licenses_service_user_id ON licenses (service_user_id);

-- provisioned_orders: the roots by who bought and when, the chain by its root
CREATE INDEX charges_root_buyer_id ON charges (buyer_id) WHERE id = root_id;
CREATE INDEX charges_root_created_at ON charges (created_at) WHERE id = root_id;
CREATE INDEX charges_root_id ON charges (root_id);
CREATE INDEX charges_buyer_id ON charges (buyer_id);
CREATE INDEX charges_seller_id ON charges (seller_id);
CREATE INDEX charges_invoice_id ON charges (invoice_id);
CREATE INDEX orders_buyer_id ON orders (buyer_id);
CREATE INDEX orders_seller_id ON orders (seller_id);

-- invoices, payments
CREATE INDEX invoices_buyer_id ON invoices (buyer_id);
CREATE INDEX invoices_seller_id ON invoices (seller_id);
CREATE INDEX invoices_invoice_date ON invoices (invoice_date);
CREATE INDEX payments_payer_id ON payments (payer_id);
CREATE INDEX payments_document_at ON payments (document_at);
CREATE INDEX payment_invoices_invoice_id ON payment_invoices (invoice_id);

ALTER TABLE accounts ADD FOREIGN KEY (parent_id) REFERENCES accounts;
ALTER TABLE contacts ADD FOREIGN KEY (account_id) REFERENCES accounts;
ALTER TABLE payment_methods ADD FOREIGN KEY (account_id) REFERENCES accounts;
ALTER TABLE plans ADD FOREIGN KEY (parent_id) REFERENCES plans, ADD FOREIGN KEY (owner_id) REFERENCES accounts,
  ADD FOREIGN KEY (service_template_id) REFERENCES service_templates, ADD FOREIGN KEY (category_id) REFERENCES plan_categories;
ALTER TABLE plan_periods ADD FOREIGN KEY (plan_id) REFERENCES plans;
ALTER TABLE plan_rates ADD FOREIGN KEY (plan_id) REFERENCES plans, ADD FOREIGN KEY (resource_id) REFERENCES resources;
ALTER TABLE subscriptions ADD FOREIGN KEY (account_id) REFERENCES accounts, ADD FOREIGN KEY (plan_id) REFERENCES plans,
  ADD FOREIGN KEY (period_id) REFERENCES plan_periods, ADD FOREIGN KEY (order_id) REFERENCES orders;
ALTER TABLE subscription_resources ADD FOREIGN KEY (subscription_id) REFERENCES subscriptions,
  ADD FOREIGN KEY (rate_id) REFERENCES plan_rates, ADD FOREIGN KEY (resource_id) REFERENCES resources;
ALTER TABLE orders ADD FOREIGN KEY (buyer_id) REFERENCES accounts, ADD FOREIGN KEY (seller_id) REFERENCES accounts,
  ADD FOREIGN KEY (subscription_id) REFERENCES subscriptions;
ALTER TABLE charges ADD FOREIGN KEY (root_id) REFERENCES charges, ADD FOREIGN KEY (buyer_id) REFERENCES accounts,
  ADD FOREIGN KEY (seller_id) REFERENCES accounts, ADD FOREIGN KEY (order_id) REFERENCES orders,
  ADD FOREIGN KEY (subscription_id) REFERENCES subscriptions, ADD FOREIGN KEY (plan_id) REFERENCES plans,
  ADD FOREIGN KEY (resource_id) REFERENCES resources, ADD FOREIGN KEY (invoice_id) REFERENCES invoices;
ALTER TABLE invoices ADD FOREIGN KEY (buyer_id) REFERENCES accounts, ADD FOREIGN KEY (seller_id) REFERENCES accounts;
ALTER TABLE invoice_taxes ADD FOREIGN KEY (invoice_id) REFERENCES invoices;
ALTER TABLE payments ADD FOREIGN KEY (payer_id) REFERENCES accounts, ADD FOREIGN KEY (payee_id) REFERENCES accounts,
  ADD FOREIGN KEY (method_id) REFERENCES payment_methods;
ALTER TABLE payment_invoices ADD FOREIGN KEY (payment_id) REFERENCES payments, ADD FOREIGN KEY (invoice_id) REFERENCES invoices;
ALTER TABLE service_users ADD FOREIGN KEY (account_id) REFERENCES accounts, ADD FOREIGN KEY (subscription_id) REFERENCES subscriptions;
ALTER TABLE licenses ADD FOREIGN KEY (service_user_id) REFERENCES service_users, ADD FOREIGN KEY (resource_id) REFERENCES resources;
