-- Cluster B: a business database, 1.7 GB at scale 1. Words of natural frequency, jsonb, numbers, random bytes in TOAST,
-- a job queue, 15 indexes. Its heap compresses about 2.5:1. The same data each time: the seed is fixed.
SET synchronous_commit = off;
SET max_parallel_workers_per_gather = 0;
SELECT setseed(0.2026) \g /dev/null

-- Some thousand words, the n-th of them 1/n as frequent as the first, in sentences that rows are made of.
CREATE TEMP TABLE word AS
SELECT n, string_agg(substr('aeioubcdfghklmnprstvw', 1 + floor(random() * 21)::int, 1), '') AS text
FROM generate_series(1, 6000) n, generate_series(1, 8) letter WHERE letter <= 2 + n % 7 GROUP BY 1;
CREATE UNIQUE INDEX ON word (n);
CREATE TEMP TABLE sentence AS
SELECT draw.n AS number, string_agg(word.text, ' ') AS text
FROM (SELECT draw.n, floor(exp(random() * ln(6000)))::int AS pick
      FROM generate_series(1, 150000) draw(n), generate_series(1, 11)) draw
JOIN word ON word.n = draw.pick GROUP BY 1;
CREATE UNIQUE INDEX ON sentence (number);
ANALYZE sentence;
SET enable_hashjoin = off;
SET enable_mergejoin = off;

CREATE TABLE customers (id bigint, name text, email text, profile jsonb, notes text, credit numeric(12, 2), created_at timestamptz);
CREATE TABLE orders (id bigint, customer_id bigint, state text, total numeric(14, 2), reference uuid, remark text, ordered_at timestamptz);
CREATE TABLE order_lines (order_id bigint, line int, sku text, quantity int, price numeric(12, 2), tax numeric(8, 4));
CREATE TABLE events (id bigint, kind text, subject bigint, payload jsonb, occurred_at timestamptz);
CREATE TABLE documents (id bigint, customer_id bigint, title text, body bytea, extracted jsonb);
CREATE TABLE audit_log (id bigint, staff_id int, action text, address inet, detail jsonb, occurred_at timestamptz);
CREATE TABLE staff_sessions (token_hash bytea, staff_id int, agent text, expires_at timestamptz);
CREATE SCHEMA pgboss;
CREATE TABLE pgboss.job (id uuid, name text, data jsonb, state text, created_on timestamptz, completed_on timestamptz);

INSERT INTO customers
SELECT n, initcap(left(s.text, 18)), 'accounts' || n || '@' || split_part(s.text, ' ', 2) || '.example',
       jsonb_build_object('registration', md5(n::text), 'segment', split_part(s.text, ' ', 3), 'phone', 60000000 + floor(random() * 9999999)::int,
                          'address', jsonb_build_object('street', left(s.text, 24), 'postal', floor(random() * 900000)::int)),
       s.text, round((random() * 50000)::numeric, 2), timestamptz '2020-01-01Z' + random() * interval '2000 days'
FROM (SELECT n, 1 + floor(random() * 149999)::int AS pick FROM generate_series(1, (250000 * :scale)::int) n) row JOIN sentence s ON s.number = pick;

INSERT INTO orders
SELECT n, 1 + floor(power(random(), 3) * 250000 * :scale)::bigint, (ARRAY['open', 'paid', 'shipped', 'closed'])[1 + floor(random() * 4)::int],
       round((random() * 9000)::numeric, 2), gen_random_uuid(), s.text, timestamptz '2022-01-01Z' + n * interval '77 s' / :scale
FROM (SELECT n, 1 + floor(random() * 149999)::int AS pick FROM generate_series(1, (1400000 * :scale)::int) n) row JOIN sentence s ON s.number = pick;

INSERT INTO order_lines
SELECT n / 3, n % 3, 'SKU-' || floor(power(random(), 2) * 40000)::int, 1 + floor(random() * 20)::int,
       round((random() * 900)::numeric, 2), round(random()::numeric / 4, 4)
FROM generate_series(1, (4200000 * :scale)::int) n;

INSERT INTO events
SELECT n, (ARRAY['view', 'login', 'update', 'invoice', 'export'])[1 + floor(random() * 5)::int], floor(random() * 250000 * :scale)::bigint,
       jsonb_build_object('request', md5('request ' || n), 'ms', floor(random() * 900)::int, 'note', s.text,
                          'path', '/api/' || split_part(s.text, ' ', 1) || '/' || floor(random() * 90000)::int),
       timestamptz '2024-01-01Z' + n * interval '41 s' / :scale
FROM (SELECT n, 1 + floor(random() * 149999)::int AS pick FROM generate_series(1, (1300000 * :scale)::int) n) row JOIN sentence s ON s.number = pick;

INSERT INTO documents
SELECT n, 1 + floor(random() * 250000 * :scale)::bigint, initcap(left(s.text, 30)),
       (SELECT string_agg(sha512((n || ' ' || i)::bytea), NULL) FROM generate_series(1, 40 + n * 37 % 300) i),
       jsonb_build_object('language', 'en', 'pages', n % 30, 'text', (SELECT string_agg(text, '. ') FROM sentence t WHERE t.number BETWEEN pick AND pick + 60))
FROM (SELECT n, 1 + floor(random() * 149900)::int AS pick FROM generate_series(1, (13000 * :scale)::int) n) row JOIN sentence s ON s.number = pick;

INSERT INTO audit_log
SELECT n, floor(random() * 400)::int, (ARRAY['viewed', 'updated', 'created', 'sent', 'linked'])[1 + floor(random() * 5)::int],
       '10.20.0.0'::inet + floor(random() * 65000)::int,
       jsonb_build_object('table', 'orders', 'id', floor(random() * 1400000)::int, 'trace', substr(md5(n || 'trace'), 1, 16)),
       timestamptz '2024-01-01Z' + n * interval '53 s' / :scale
FROM generate_series(1, (1200000 * :scale)::int) n;

INSERT INTO staff_sessions
SELECT sha256(('token ' || n)::bytea), n % 400, 'Mozilla/5.0 (X11; Linux x86_64) Firefox/' || 110 + n % 20, now() + random() * interval '7 days'
FROM generate_series(1, (40000 * :scale)::int) n;

INSERT INTO pgboss.job
SELECT gen_random_uuid(), (ARRAY['send-email', 'render-invoice', 'scan-upload'])[1 + n % 3],
       jsonb_build_object('customer', floor(random() * 250000)::int, 'ref', md5(n || 'job')),
       (ARRAY['created', 'active', 'completed', 'completed'])[1 + floor(random() * 4)::int],
       now() - random() * interval '6 h', now()
FROM generate_series(1, (250000 * :scale)::int) n;

ALTER TABLE customers ADD PRIMARY KEY (id);
CREATE UNIQUE INDEX ON customers (email);
ALTER TABLE orders ADD PRIMARY KEY (id);
CREATE INDEX ON orders (customer_id, ordered_at);
CREATE UNIQUE INDEX ON orders (reference);
CREATE INDEX ON orders (ordered_at);
ALTER TABLE order_lines ADD PRIMARY KEY (order_id, line);
CREATE INDEX ON order_lines (sku);
ALTER TABLE events ADD PRIMARY KEY (id);
CREATE INDEX ON events (subject);
ALTER TABLE documents ADD PRIMARY KEY (id);
ALTER TABLE audit_log ADD PRIMARY KEY (id);
CREATE INDEX ON audit_log (staff_id, occurred_at);
CREATE UNIQUE INDEX ON staff_sessions (token_hash);
ALTER TABLE pgboss.job ADD PRIMARY KEY (id);
VACUUM ANALYZE;
