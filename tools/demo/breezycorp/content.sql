-- The content of a database, one line for each table and materialised view and one for all large objects: name, rows,
-- and a hash of all rows that does not depend on their order. Two databases are the same where these are.
SET max_parallel_workers_per_gather = 2;
SET min_parallel_table_scan_size = '1MB';
SET parallel_setup_cost = 0;
SET parallel_tuple_cost = 0;
SELECT format($$SELECT %L, count(*), coalesce(sum(hashtextextended(r::text, 0)), 0) FROM %I.%I r$$,
              n.nspname || '.' || c.relname, n.nspname, c.relname)
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'm') AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
ORDER BY n.nspname, c.relname
\gexec
SELECT 'large objects', count(DISTINCT loid), coalesce(sum(hashtextextended(loid || ' ' || pageno || ' ' || encode(data, 'hex'), 0)), 0)
FROM pg_largeobject;
