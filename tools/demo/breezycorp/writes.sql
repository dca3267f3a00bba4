-- One piece of a working day, for pgbench: an order, its invoice, an upload, what the audit log says of it, a job.
\set client random(1, 40000 * :scale)
\set staff random(1, 400)
\set amount random(10, 9000)
BEGIN;
UPDATE clients SET updated_at = now(), credit_limit = credit_limit + 1 WHERE id = :client;
INSERT INTO orders (client_id, ordered_at, lines, total, state)
  VALUES (:client, now(), jsonb_build_array(jsonb_build_object('sku', 'SKU-' || :amount, 'qty', 1)), :amount, 'open')
  RETURNING id AS order \gset
INSERT INTO invoices (order_id, client_id, issued_on, due_on, amount, tax, terms)
  VALUES (:order, :client, current_date, current_date + 30, :amount * 1.09, '{"rate": "9%"}', 'net 30');
WITH upload AS (
  INSERT INTO uploads VALUES (gen_random_uuid(), :client, 'uploads/2026/' || gen_random_uuid() || '.pdf', md5(random()::text),
                              'application/pdf', :amount * 1000, md5(random()::text), '{"retention": "7y", "audit": true}', now())
  RETURNING id)
INSERT INTO audit_log (occurred_at, staff_user_id, action, upload_id, ip, detail)
  SELECT now(), :staff, 'upload.linked', id, '10.20.1.2', jsonb_build_object('order', :order) FROM upload;
INSERT INTO pgboss.job (name, data) VALUES ('render-invoice', jsonb_build_object('order', :order));
COMMIT;
