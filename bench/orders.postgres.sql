-- The benchmark's table in PostgreSQL: one order a row, 32 columns, about 500 bytes a row as CSV, with the types that
-- a billing database has. Deterministic: three numbers are mixed from the row's number, and everything else from
-- those. $rows is put in by the program. The figures that the goals came from were measured with these rows.
create type req_status as enum ('draft','pending','inquiring','approved','failed','tiers_setup','scheduled','revoking');
create type req_type as enum ('purchase','change','suspend','resume','renew','cancel');
create table orders (
  id bigint not null, asset_id text not null, request_id text not null, request_type req_type not null,
  status req_status not null, connection_type text not null, created_at timestamptz not null, updated_at timestamptz not null,
  effective_date date, marketplace_id text not null, marketplace_name text not null, hub_id text, hub_name text,
  provider_id bigint not null, provider_name text not null, vendor_id bigint not null, vendor_name text not null,
  product_id text not null, product_name text not null, customer_id bigint not null, customer_name text not null,
  customer_email text not null, customer_phone text, country char(2) not null, city text not null, currency char(3) not null,
  unit_price numeric(20,8) not null, quantity integer not null, total_amount numeric(20,8) not null, tax_amount numeric(20,8),
  paid boolean not null, attrs jsonb not null
);
insert into orders
select
  1000000000 + i,
  'AS-' || lpad(((i*2654435761) % 10000)::text,4,'0') || '-' || lpad(((i*40503) % 10000)::text,4,'0') || '-' || lpad((i % 10000)::text,4,'0'),
  'PR-' || lpad(((i*2654435761) % 10000)::text,4,'0') || '-' || lpad(((i*40503) % 10000)::text,4,'0') || '-' || lpad((i % 10000)::text,4,'0') || '-' || lpad((h1 % 7 + 1)::text,3,'0'),
  (array['purchase','change','suspend','resume','renew','cancel'])[(h1 % 11) % 6 + 1]::req_type,
  (array['approved','approved','approved','pending','inquiring','failed','tiers_setup','scheduled','draft','revoking'])[(h2 % 10) + 1]::req_status,
  (array['production','test','preview'])[(h3 % 17) / 8 + 1],
  timestamptz '2021-01-01 00:00:00+00' + make_interval(secs => i * 0.125 + (h1 % 1000000) / 1e6),
  timestamptz '2021-01-01 00:00:00+00' + make_interval(secs => i * 0.125 + (h2 % 864000) + (h3 % 1000000) / 1e6),
  case when h2 % 5 = 0 then null else date '2021-01-01' + ((i / 700000) + (h1 % 365))::int end,
  'MP-' || lpad((h1 % 40 * 977)::text,5,'0'),
  (array['Marché Européen','North America, Retail','日本マーケット','LATAM "Sur"','Deutschland & Österreich','Global'])[(h1 % 40) % 6 + 1],
  case when h3 % 3 = 0 then null else 'HB-' || lpad((h3 % 300 * 31)::text,4,'0') || '-' || lpad((h3 % 300 * 17)::text,4,'0') end,
  case when h3 % 3 = 0 then null else 'Hub ' || (h3 % 300) end,
  700000 + h2 % 1500,
  (array['Contoso','Fabrikam, Inc.','Ångström Distribution','Żabka "Cloud" Sp. z o.o.','Tech Data'])[(h2 % 1500) % 5 + 1] || ' ' || (h2 % 1500),
  300000 + h3 % 400,
  (array['Adatum','Northwind Traders, Ltd.','Société Générale de Logiciel','O''Reilly "Media"','深圳软件'])[(h3 % 400) % 5 + 1] || ' ' || (h3 % 400),
  'PRD-' || lpad((h3 % 2000 * 499)::text,6,'0') || '-' || lpad((h3 % 2000 * 7)::text,5,'0'),
  (array['Office Suite Business','Backup & Recovery (per GB)','Endpoint Protection, Advanced','CRM "Pro" seat','VM 4×16 GiB'])[(h3 % 2000) % 5 + 1] || ' v' || (h3 % 2000),
  50000000 + (h1 % 250000),
  (array['José García','Müller','O''Brien','Nguyễn Văn','Иванов','Smith','Łukasz','Dupont'])[h1 % 8 + 1] || ' '
    || (array['& Sons, Ltd.','"The Shop"','GmbH','S.A. de C.V.','LLC','Holdings'])[h2 % 6 + 1]
    || case when h3 % 50 = 0 then E'\nattn: accounts dept.' else '' end || ' ' || (h1 % 250000),
  'user' || (h1 % 250000) || '@' || (array['example.com','mail.example.org','shop.example.net','corp.example.co.uk'])[h1 % 4 + 1],
  case when h1 % 4 = 0 then null else '+' || (1 + h1 % 89) || ' ' || lpad((h2 % 1000)::text,3,'0') || '-' || lpad((h3 % 10000)::text,4,'0') || ' ' || lpad((h1 % 1000)::text,3,'0') end,
  (array['US','DE','FR','JP','BR','PL','VN','GB'])[h1 % 8 + 1],
  (array['New York','München','Saint-Étienne','東京','São Paulo','Łódź','Hà Nội','London'])[h1 % 8 + 1],
  (array['USD','EUR','EUR','JPY','BRL','PLN','VND','GBP'])[h1 % 8 + 1],
  ((h2 % 1000000)::numeric / 997)::numeric(20,8),
  (h3 % 250 + 1)::int,
  (((h2 % 1000000)::numeric / 997)::numeric(20,8) * (h3 % 250 + 1))::numeric(20,8),
  case when h1 % 6 = 0 then null else (((h2 % 1000000)::numeric / 997)::numeric(20,8) * (h3 % 250 + 1) * 0.21)::numeric(20,8) end,
  h2 % 3 <> 0,
  jsonb_build_object('sku', 'S' || (h3 % 5000), 'seats', h3 % 250, 'note', (array['auto "renew"','manual','über-plan, v2'])[h2 % 3 + 1], 'trial', h1 % 9 = 0)
from (select i,
   (hashint8extended(i, 11) & 9223372036854775807) % 1000000007 h1,
   (hashint8extended(i, 22) & 9223372036854775807) % 1000000007 h2,
   (hashint8extended(i, 33) & 9223372036854775807) % 1000000007 h3
 from generate_series(1::bigint, $rows) i) g;
alter table orders add primary key (id);
-- Rows lie by their key: now and then the server puts one into room that an earlier page has,
-- and a copy of the table would not come in the order in which slices of the key do.
cluster orders using orders_pkey;
