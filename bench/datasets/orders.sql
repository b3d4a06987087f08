/*
version: 1
source: bench
description: One row per order of the benchmark's table.
period: {expr: created_at, kind: instant}
key: [id]
split: id
fields:
  - {name: id, type: int}
  - {name: asset_id, type: text}
  - {name: request_id, type: text}
  - {name: request_type, type: text}
  - {name: status, type: text}
  - {name: connection_type, type: text}
  - {name: created_at, type: time, scale: 6}
  - {name: updated_at, type: time, scale: 6}
  - {name: effective_date, type: date}
  - {name: marketplace_id, type: text}
  - {name: marketplace_name, type: text}
  - {name: hub_id, type: text}
  - {name: hub_name, type: text}
  - {name: provider_id, type: int}
  - {name: provider_name, type: text}
  - {name: vendor_id, type: int}
  - {name: vendor_name, type: text}
  - {name: product_id, type: text}
  - {name: product_name, type: text}
  - {name: customer_id, type: int}
  - {name: customer_name, type: text}
  - {name: customer_email, type: text}
  - {name: customer_phone, type: text}
  - {name: country, type: text}
  - {name: city, type: text}
  - {name: currency, type: text}
  - {name: unit_price, type: decimal, scale: 8, currency: currency}
  - {name: quantity, type: int}
  - {name: total_amount, type: decimal, scale: 8, currency: currency, additive: true}
  - {name: tax_amount, type: decimal, scale: 8, currency: currency, additive: true}
  - {name: paid, type: bool}
  - {name: attrs, type: json}
*/
SELECT * FROM orders
