-- Keys and indexes of the business; beside 4_file_keys.sql.
SET ROLE breezycorp_owner;
SET maintenance_work_mem = '64MB';
ALTER TABLE staff_users ADD PRIMARY KEY (id), ADD UNIQUE (email);
ALTER TABLE staff_sessions ADD PRIMARY KEY (token_hash),
  ADD FOREIGN KEY (staff_user_id) REFERENCES staff_users ON DELETE CASCADE;
ALTER TABLE clients ADD PRIMARY KEY (id);
SELECT setval(pg_get_serial_sequence('clients', 'id'), max(id)) FROM clients \g /dev/null
CREATE UNIQUE INDEX clients_email ON clients (lower(email));
CREATE INDEX clients_profile ON clients USING gin (profile jsonb_path_ops);
ALTER TABLE orders ADD PRIMARY KEY (id), ADD FOREIGN KEY (client_id) REFERENCES clients;
SELECT setval(pg_get_serial_sequence('orders', 'id'), max(id)) FROM orders \g /dev/null
CREATE INDEX orders_client ON orders (client_id, ordered_at);
ALTER TABLE invoices ADD PRIMARY KEY (number), ADD FOREIGN KEY (order_id) REFERENCES orders,
  ADD FOREIGN KEY (client_id) REFERENCES clients;
CREATE INDEX invoices_unpaid ON invoices (due_on) WHERE paid_on IS NULL;
REFRESH MATERIALIZED VIEW revenue_by_month;
CREATE UNIQUE INDEX revenue_by_month_month ON revenue_by_month (month);
