-- Rows about files: uploads, the audit log that links to them, documents. Loaded beside the business rows.
SET ROLE breezycorp_owner;
SET synchronous_commit = off;
SELECT setseed(0.24) \g /dev/null

CREATE FUNCTION pg_temp.one_of(choices text[]) RETURNS text LANGUAGE sql VOLATILE
  RETURN choices[1 + floor(random() * cardinality(choices))::int];

\echo templates
INSERT INTO client_templates (name, s3_key, s3_version_id, sha256, uploaded_by, uploaded_at)
SELECT 'Quotation ' || n || '.xlsx', format('templates/%s/quotation-%s.xlsx', n % 40, n),
       encode(substr(sha256(('v' || n)::bytea), 1, 24), 'base64'), sha256(n::text::bytea), 1 + n % 400,
       timestamptz '2025-01-01Z' + n * interval '1 day'
FROM generate_series(1, 300) n;

\echo documents
INSERT INTO documents (client_id, title, body, extracted, created_at)
SELECT 1 + floor(random() * 40000 * :scale)::bigint, 'Scan ' || n,
       (SELECT string_agg(sha512((n || ' ' || i)::bytea), NULL) FROM generate_series(1, 200 + n * 37 % 500) i),
       jsonb_build_object('pages', 1 + n % 12, 'language', pg_temp.one_of('{en,zh,ms,ta}'),
                          'text', (SELECT string_agg(md5(n * 1000 + i || ''), ' ') FROM generate_series(1, 60) i)),
       timestamptz '2025-01-01Z' + n * interval '1 hour'
FROM generate_series(1, (2200 * :scale)::int) n;

\echo uploads
INSERT INTO uploads
SELECT md5('upload ' || n)::uuid, 1 + floor(random() * 40000 * :scale)::bigint,
       format('uploads/2026/%s/%s.%s', n % 97, md5(n::text), CASE n % 3 WHEN 0 THEN 'pdf' WHEN 1 THEN 'jpg' ELSE 'xlsx' END),
       encode(substr(sha256(n::text::bytea), 1, 24), 'base64'),
       (ARRAY['application/pdf', 'image/jpeg', 'application/vnd.openxmlformats-officedocument.spreadsheetml.sheet'])[1 + n % 3],
       (random() * 4000000)::bigint, md5('etag ' || n),
       CASE WHEN n % 4 = 0 THEN '{"retention": "7y", "audit": true}'::jsonb ELSE '{"retention": "5y"}' END,
       timestamptz '2024-06-01Z' + n * interval '5 min' / :scale
FROM generate_series(1, (110000 * :scale)::int) n;

\echo audit log
INSERT INTO audit_log (occurred_at, staff_user_id, action, upload_id, ip, detail)
SELECT timestamptz '2025-01-01Z' + n * interval '3 min' / :scale, 1 + floor(random() * 400)::bigint,
       CASE WHEN n % 5 = 0 THEN 'upload.linked' ELSE pg_temp.one_of('{client.viewed,client.updated,order.created,invoice.sent,login}') END,
       CASE WHEN n % 5 = 0 THEN md5('upload ' || 4 * (1 + floor(random() * floor(27500 * :scale))::int))::uuid END,
       '10.20.0.0'::inet + (random() * 65000)::int,
       jsonb_build_object('request', md5('request ' || n), 'ms', (random() * 400)::int, 'path', '/api/v2/' || pg_temp.one_of('{clients,orders,invoices,uploads}') || '/' || (random() * 90000)::int)
FROM generate_series(1, (300000 * :scale)::int) n;
INSERT INTO audit_log_2024
SELECT n, timestamptz '2024-01-01Z' + n * interval '8 min' / :scale, 1 + floor(random() * 400)::bigint, 'client.viewed', NULL,
       '10.20.0.0'::inet + (random() * 65000)::int, jsonb_build_object('request', md5('request 2024 ' || n))
FROM generate_series(1, (60000 * :scale)::int) n;

-- A large object: the company's seal, as an old part of the application keeps it.
SELECT lo_from_bytea(20240, (SELECT string_agg(sha512(('seal ' || i)::bytea), NULL) FROM generate_series(1, (20000 * :scale)::int) i)) \g /dev/null
GRANT SELECT ON LARGE OBJECT 20240 TO breezycorp_app;
