-- Rows of the business: staff, clients, orders, invoices, jobs. :scale 1 is the whole of it.
SET ROLE breezycorp_owner;
SET synchronous_commit = off;
SELECT setseed(0.42) \g /dev/null

CREATE FUNCTION pg_temp.one_of(choices text[]) RETURNS text LANGUAGE sql VOLATILE
  RETURN choices[1 + floor(random() * cardinality(choices))::int];
-- `row_number` only ties the call to its row: without it the words would be drawn once.
CREATE FUNCTION pg_temp.some_words(n int, row_number bigint) RETURNS text LANGUAGE sql VOLATILE
  RETURN (SELECT string_agg((ARRAY['harbour', 'quay', 'invoice', 'pending', 'approved', 'freight',
    'container', 'monsoon', 'deposit', 'renewal', 'customs', 'clearance', 'tide', 'breakwater',
    'manifest', 'bonded', 'warehouse', 'quarterly', 'schedule', 'amended', 'contact', 'called',
    'about', 'the', 'late', 'delivery', 'agreed', 'new', 'terms', 'with', 'director', 'signed'])
    [1 + floor(random() * 32 + row_number * 0)::int], ' ') FROM generate_series(1, n));

INSERT INTO staff_users (email, full_name, password_hash, roles, totp_secret, created_at, disabled_at)
SELECT format('staff%s@breezycorp.example', n),
       pg_temp.one_of('{Aisha,Ben,Chen,Devi,Elena,Farid,Grace,Hiro,Ines,Jun}') || ' ' ||
         pg_temp.one_of('{Abdullah,Bose,Chua,Das,Eng,Fernandez,Goh,Ho,Ismail,Jansen}'),
       CASE WHEN n % 10 = 0 THEN crypt('password ' || n, '$2a$04$' || translate(left(encode(sha256(n::text::bytea), 'base64'), 22), '+=', '..'))
            ELSE '$argon2id$v=19$m=65536,t=3,p=4$' || rtrim(left(encode(sha256(('salt ' || n)::bytea), 'base64'), 22), '=')
                 || '$' || rtrim(encode(sha256(('hash ' || n)::bytea), 'base64'), '=') END,
       CASE WHEN n <= 5 THEN '{admin,staff}'::text[] ELSE '{staff}' END,
       CASE WHEN n % 3 = 0 THEN substr(sha256(('totp ' || n)::bytea), 1, 20) END,
       timestamptz '2023-01-01 01:00Z' + n * interval '2 days',
       CASE WHEN n % 29 = 0 THEN timestamptz '2026-03-01 02:00Z' END
FROM generate_series(1, 400) n;

INSERT INTO staff_sessions
SELECT sha256(('token ' || n)::bytea), 1 + n % 400, '10.20.0.0'::inet + (random() * 65000)::int,
       'Mozilla/5.0 (X11; Linux x86_64) Firefox/' || 110 + n % 20,
       now() - random() * interval '7 days', now() + random() * interval '7 days'
FROM generate_series(1, (15000 * :scale)::int) n;

\echo clients
INSERT INTO clients (id, name, email, status, credit_limit, profile, notes, created_at, updated_at)
SELECT n,
       initcap(pg_temp.some_words(2, n)) || ' Pte Ltd', format('accounts@client-%s.example', n),
       pg_temp.one_of('{lead,active,active,active,dormant}')::client_status,
       round((random() * 50000)::numeric, -2),
       jsonb_build_object('uen', upper(substr(md5(n::text), 1, 10)), 'segment', pg_temp.one_of('{retail,freight,marine,energy}'),
                          'contacts', jsonb_build_array(jsonb_build_object('name', initcap(pg_temp.some_words(2, n)), 'phone', '+65 6' || (1000000 + random() * 8999999)::int)),
                          'address', jsonb_build_object('street', (random() * 900)::int || ' ' || pg_temp.some_words(2, n), 'postal', (100000 + random() * 700000)::int)),
       pg_temp.some_words(12 + n % 17, n),
       timestamptz '2023-01-01Z' + random() * interval '1200 days', timestamptz '2026-05-01Z'
FROM generate_series(1, (40000 * :scale)::int) n;

\echo orders
INSERT INTO orders (id, client_id, ordered_at, lines, total, state)
SELECT n, 1 + floor(random() * 40000 * :scale)::bigint, timestamptz '2024-01-01Z' + n * interval '600 s' / :scale,
       jsonb_build_array(
         jsonb_build_object('sku', 'SKU-' || (random() * 9999)::int, 'qty', 1 + n % 9, 'price', round((random() * 900)::numeric, 2)),
         jsonb_build_object('sku', 'SKU-' || (random() * 9999)::int, 'qty', 1 + n % 4, 'price', round((random() * 90)::numeric, 2)),
         jsonb_build_object('freight', pg_temp.one_of('{sea,air,road}'), 'ref', substr(md5(n::text), 1, 16))),
       round((random() * 9000)::numeric, 2), pg_temp.one_of('{open,shipped,closed,closed}')
FROM generate_series(1, (100000 * :scale)::int) n;

\echo invoices
INSERT INTO invoices (order_id, client_id, issued_on, due_on, paid_on, amount, tax, terms)
SELECT id, client_id, ordered_at::date + 1, ordered_at::date + 31,
       CASE WHEN random() < 0.8 THEN ordered_at::date + (random() * 40)::int END, total * 1.09,
       jsonb_build_object('gst', round(total * 0.09, 2), 'rate', '9%', 'reg', 'M' || substr(md5(id::text), 1, 9)),
       'net 30; ' || pg_temp.some_words(10, id)
FROM orders WHERE id % 5 <> 0 ORDER BY id;

\echo jobs
INSERT INTO pgboss.job (name, data, state, retry_limit, retry_count, start_after, started_on, completed_on, created_on, singleton_key, policy)
SELECT queue, jsonb_build_object('client', 1 + n % 40000, 'ref', md5(n::text)), state::pgboss.job_state, 5,
       CASE state WHEN 'retry' THEN 1 + n % 3 ELSE 0 END, now() + random() * interval '10 min',
       CASE WHEN state <> 'created' THEN now() - random() * interval '5 min' END,
       CASE WHEN state = 'completed' THEN now() END, now() - random() * interval '6 h', n::text,
       CASE queue WHEN 'scan-upload' THEN 'short' ELSE 'standard' END
FROM (SELECT n, pg_temp.one_of('{send-email,send-email,render-invoice,scan-upload}') AS queue,
             pg_temp.one_of('{created,created,active,retry,completed,completed,completed}') AS state
      FROM generate_series(1, (20000 * :scale)::int) n) job;
INSERT INTO pgboss.job (name, state, started_on, policy) VALUES ('nightly-report', 'active', now(), 'singleton');
INSERT INTO pgboss.archive (id, name, priority, data, state, retry_limit, retry_count, retry_delay, retry_backoff,
                            start_after, started_on, expire_in, created_on, completed_on, keep_until)
SELECT md5('archive ' || n)::uuid, 'send-email', 0, jsonb_build_object('client', 1 + n % 40000), 'completed', 5, 0, 30, true,
       now() - interval '2 days', now() - interval '2 days', '2 min', now() - interval '2 days', now() - interval '2 days',
       now() + interval '12 days'
FROM generate_series(1, (10000 * :scale)::int) n;
