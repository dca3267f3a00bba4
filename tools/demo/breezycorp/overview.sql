-- What is in the database, for the reader: name, rows, size, what it is.
SELECT name, rows, size, about FROM (
SELECT nr, name, to_char(c.reltuples, 'FM999,999,990') AS rows, pg_size_pretty(pg_total_relation_size(c.oid)) AS size, about
FROM (VALUES
  (1, 'staff_users', 'password hashes: argon2id and bcrypt'),
  (2, 'staff_sessions', 'hashed opaque tokens; not to come back'),
  (3, 'clients', 'jsonb profiles under a GIN index'),
  (4, 'orders', 'jsonb lines'),
  (5, 'invoices', 'the company''s money'),
  (6, 'uploads', 'S3 keys, tagged retention=5y or 7y'),
  (7, 'audit_log', 'links to uploads by foreign key'),
  (8, 'audit_log_2024', 'in a tablespace of its own'),
  (9, 'documents', 'TOASTed bytea, random to a compressor')) t (nr, name, about)
JOIN pg_class c ON c.oid = name::regclass
UNION ALL
SELECT 10, 'pgboss.job', to_char(sum(c.reltuples), 'FM999,999,990') AS rows, pg_size_pretty(sum(pg_total_relation_size(c.oid))),
       count(*) || ' queues of pg-boss 10, jobs in flight'
FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid WHERE i.inhparent = 'pgboss.job'::regclass) t
ORDER BY nr;
