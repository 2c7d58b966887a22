// SPDX-License-Identifier: Apache-2.0
// Runs as the owner role in a database that nobody else has seen yet, so public holds nothing
// hostile. All values come from generate_series and arithmetic: the same at every load.
#include "control/databases/sample_data.h"
#include "model/names.h"
#include "pg/platform_session.h"

namespace howdah::control {
namespace {

constexpr std::string_view kTables = R"(
CREATE TABLE customers (
  id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  name text NOT NULL,
  email text NOT NULL UNIQUE,
  city text NOT NULL,
  joined_on date NOT NULL
);
COMMENT ON TABLE customers IS 'People who buy in the demo shop';
CREATE TABLE products (
  id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  name text NOT NULL UNIQUE,
  category text NOT NULL,
  price numeric(8, 2) NOT NULL CHECK (price > 0),
  in_stock integer NOT NULL CHECK (in_stock >= 0)
);
COMMENT ON TABLE products IS 'What the demo shop sells';
CREATE TABLE orders (
  id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  customer_id integer NOT NULL REFERENCES customers,
  status text NOT NULL CHECK (status IN ('new', 'paid', 'shipped', 'delivered', 'returned')),
  ordered_at timestamptz NOT NULL
);
COMMENT ON TABLE orders IS 'One purchase of a customer';
CREATE TABLE order_items (
  order_id integer NOT NULL REFERENCES orders ON DELETE CASCADE,
  product_id integer NOT NULL REFERENCES products,
  quantity integer NOT NULL CHECK (quantity BETWEEN 1 AND 99),
  unit_price numeric(8, 2) NOT NULL,
  PRIMARY KEY (order_id, product_id)
);
COMMENT ON TABLE order_items IS 'The products of an order, at the price of that day';
CREATE INDEX orders_customer ON orders (customer_id, ordered_at);
CREATE INDEX order_items_product ON order_items (product_id);
)";

constexpr std::string_view kRows = R"(
INSERT INTO customers (name, email, city, joined_on)
SELECT first || ' ' || last, lower(first) || '.' || lower(last) || '@example.com',
  (ARRAY['Jaipur', 'Bangkok', 'Nairobi', 'Lisbon', 'Bergen', 'Austin', 'Kyoto', 'Quito'])
    [1 + (i * 5) % 8],
  date '2025-01-01' + (i * 37) % 365
FROM (
  SELECT i,
    (ARRAY['Asha', 'Ben', 'Chen', 'Dara', 'Elif', 'Femi', 'Gita', 'Hugo', 'Ines', 'Jonas'])
      [1 + i % 10] AS first,
    (ARRAY['Adler', 'Brandt', 'Castro', 'Dogan', 'Eze', 'Fischer', 'Gupta', 'Haas'])
      [1 + i / 10] AS last
  FROM generate_series(0, 79) AS i
) AS people ORDER BY i;

INSERT INTO products (name, category, price, in_stock)
SELECT style || ' ' || kind, category, (9.5 + (i * 733) % 24000 / 100.0)::numeric(8, 2),
  (i * 17) % 120
FROM (
  SELECT i,
    (ARRAY['Classic', 'Light', 'Royal', 'Travel', 'Garden', 'Winter'])[1 + i % 6] AS style,
    (ARRAY['Saddle', 'Canopy', 'Cushion', 'Lantern', 'Blanket', 'Ladder', 'Harness'])
      [1 + i / 6] AS kind,
    (ARRAY['Riding', 'Shade', 'Comfort', 'Light', 'Comfort', 'Tools', 'Riding'])
      [1 + i / 6] AS category
  FROM generate_series(0, 41) AS i
) AS goods ORDER BY i;

INSERT INTO orders (customer_id, status, ordered_at)
SELECT 1 + (i * 29) % 80,
  (ARRAY['delivered', 'delivered', 'shipped', 'paid', 'delivered', 'new', 'returned'])[1 + i % 7],
  timestamptz '2026-01-01 08:00+00' + make_interval(hours => i * 19, mins => (i * 7) % 60)
FROM generate_series(0, 299) AS i ORDER BY i;

INSERT INTO order_items (order_id, product_id, quantity, unit_price)
SELECT o.id, p.id, 1 + (o.id * 3 + line) % 4, p.price
FROM orders o
CROSS JOIN generate_series(0, 3) AS line
JOIN products p ON p.id = 1 + (o.id * 11 + line * 13) % 42
WHERE line <= o.id % 4;
)";

}  // namespace

Task<void> load_sample_data(nodeapi::Instance instance) {
  pg::ConnectOptions options = pg::admin_session(
      {instance.socket_directory, tenant_database(instance.slug), "howdah sample data"});
  options.options += " -c search_path=public";
  HOWDAH_CO_TRY(pg::Connection connection, co_await pg::Connection::open(options));
  HOWDAH_CO_TRY(const pg::Rows there,
                co_await connection.query("SELECT to_regclass('public.order_items') AS t"));
  if (there.value(0, "t")) co_return Result<void>{};
  const std::string owner = pg::quote_identifier(owner_role(instance.slug));
  co_return co_await connection.script("BEGIN; SET SESSION AUTHORIZATION " + owner + ";" +
                                       std::string(kTables) + std::string(kRows) + "COMMIT");
}

}  // namespace howdah::control
