-- The job queue: what pg-boss 10 (schema version 24) makes for itself, object for object.
SET ROLE breezycorp_owner;
CREATE SCHEMA pgboss;
GRANT USAGE ON SCHEMA pgboss TO breezycorp_app, breezycorp_reports;

CREATE TYPE pgboss.job_state AS ENUM
  ('created', 'retry', 'active', 'completed', 'cancelled', 'failed');

CREATE TABLE pgboss.version (
  version int PRIMARY KEY,
  maintained_on timestamptz,
  cron_on timestamptz,
  monitored_on timestamptz
);

CREATE TABLE pgboss.queue (
  name text PRIMARY KEY,
  policy text,
  retry_limit int,
  retry_delay int,
  retry_backoff boolean,
  expire_seconds int,
  retention_minutes int,
  dead_letter text REFERENCES pgboss.queue (name),
  partition_name text,
  created_on timestamptz NOT NULL DEFAULT now(),
  updated_on timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE pgboss.schedule (
  name text PRIMARY KEY REFERENCES pgboss.queue ON DELETE CASCADE,
  cron text NOT NULL,
  timezone text,
  data jsonb,
  options jsonb,
  created_on timestamptz NOT NULL DEFAULT now(),
  updated_on timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE pgboss.subscription (
  event text NOT NULL,
  name text NOT NULL REFERENCES pgboss.queue ON DELETE CASCADE,
  created_on timestamptz NOT NULL DEFAULT now(),
  updated_on timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (event, name)
);

CREATE TABLE pgboss.job (
  id uuid NOT NULL DEFAULT gen_random_uuid(),
  name text NOT NULL,
  priority integer NOT NULL DEFAULT 0,
  data jsonb,
  state pgboss.job_state NOT NULL DEFAULT 'created',
  retry_limit integer NOT NULL DEFAULT 2,
  retry_count integer NOT NULL DEFAULT 0,
  retry_delay integer NOT NULL DEFAULT 0,
  retry_backoff boolean NOT NULL DEFAULT false,
  start_after timestamptz NOT NULL DEFAULT now(),
  started_on timestamptz,
  singleton_key text,
  singleton_on timestamp,
  expire_in interval NOT NULL DEFAULT interval '15 minutes',
  created_on timestamptz NOT NULL DEFAULT now(),
  completed_on timestamptz,
  keep_until timestamptz NOT NULL DEFAULT now() + interval '14 days',
  output jsonb,
  dead_letter text,
  policy text,
  PRIMARY KEY (name, id)
) PARTITION BY LIST (name);

CREATE TABLE pgboss.archive (LIKE pgboss.job);
ALTER TABLE pgboss.archive ADD PRIMARY KEY (name, id);
ALTER TABLE pgboss.archive ADD archived_on timestamptz NOT NULL DEFAULT now();
CREATE INDEX archive_i1 ON pgboss.archive (archived_on);

-- Each queue is a row and a partition of its own, named j and the SHA-224 of the queue's name.
CREATE FUNCTION pgboss.create_queue(queue_name text, options json) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  part text := 'j' || encode(sha224(queue_name::bytea), 'hex');
  fresh timestamptz;
  statement text;
BEGIN
  INSERT INTO pgboss.queue (name, policy, retry_limit, retry_delay, retry_backoff, expire_seconds,
                            retention_minutes, dead_letter, partition_name)
  VALUES (queue_name, options->>'policy', (options->>'retryLimit')::int,
          (options->>'retryDelay')::int, (options->>'retryBackoff')::boolean,
          (options->>'expireInSeconds')::int, (options->>'retentionMinutes')::int,
          options->>'deadLetter', part)
  ON CONFLICT DO NOTHING RETURNING created_on INTO fresh;
  IF fresh IS NULL THEN RETURN; END IF;
  FOREACH statement IN ARRAY ARRAY[
    'CREATE TABLE pgboss.%1$I (LIKE pgboss.job INCLUDING DEFAULTS)',
    'ALTER TABLE pgboss.%1$I ADD PRIMARY KEY (name, id)',
    'ALTER TABLE pgboss.%1$I ADD CONSTRAINT q_fkey FOREIGN KEY (name) REFERENCES pgboss.queue (name)
       ON DELETE RESTRICT DEFERRABLE INITIALLY DEFERRED',
    'ALTER TABLE pgboss.%1$I ADD CONSTRAINT dlq_fkey FOREIGN KEY (dead_letter)
       REFERENCES pgboss.queue (name) ON DELETE RESTRICT DEFERRABLE INITIALLY DEFERRED',
    'CREATE UNIQUE INDEX %1$s_i1 ON pgboss.%1$I (name, COALESCE(singleton_key, ''''))
       WHERE state = ''created'' AND policy = ''short''',
    'CREATE UNIQUE INDEX %1$s_i2 ON pgboss.%1$I (name, COALESCE(singleton_key, ''''))
       WHERE state = ''active'' AND policy = ''singleton''',
    'CREATE UNIQUE INDEX %1$s_i3 ON pgboss.%1$I (name, state, COALESCE(singleton_key, ''''))
       WHERE state <= ''active'' AND policy = ''stately''',
    'CREATE UNIQUE INDEX %1$s_i4 ON pgboss.%1$I (name, singleton_on, COALESCE(singleton_key, ''''))
       WHERE state <> ''cancelled'' AND singleton_on IS NOT NULL',
    'CREATE INDEX %1$s_i5 ON pgboss.%1$I (name, start_after) INCLUDE (priority, created_on, id)
       WHERE state < ''active''',
    'ALTER TABLE pgboss.%1$I ADD CONSTRAINT cjc CHECK (name = %2$L)',
    'ALTER TABLE pgboss.job ATTACH PARTITION pgboss.%1$I FOR VALUES IN (%2$L)']
  LOOP
    EXECUTE format(statement, part, queue_name);
  END LOOP;
END $$;

CREATE FUNCTION pgboss.delete_queue(queue_name text) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  part text;
BEGIN
  DELETE FROM pgboss.queue WHERE name = queue_name RETURNING partition_name INTO part;
  EXECUTE format('DROP TABLE IF EXISTS pgboss.%I', part);
END $$;

INSERT INTO pgboss.version (version, maintained_on, cron_on) VALUES (24, now(), now());
SELECT pgboss.create_queue(name, options::json) FROM (VALUES
  ('__pgboss__send-it', '{"policy": "standard"}'),
  ('dead-letters',      '{"policy": "standard"}'),
  ('send-email',        '{"policy": "standard", "retryLimit": 5, "retryDelay": 30, "retryBackoff": true,
                          "expireInSeconds": 120, "deadLetter": "dead-letters"}'),
  ('render-invoice',    '{"policy": "standard", "retryLimit": 3, "deadLetter": "dead-letters"}'),
  ('scan-upload',       '{"policy": "short", "expireInSeconds": 600}'),
  ('nightly-report',    '{"policy": "singleton"}')) AS queue (name, options) \g /dev/null

INSERT INTO pgboss.schedule (name, cron, timezone, data, options) VALUES
  ('nightly-report', '0 6 * * *', 'Asia/Singapore', '{"kind": "daily"}', '{"tz": "Asia/Singapore"}'),
  ('render-invoice', '*/15 * * * *', 'Asia/Singapore', '{"batch": 200}', '{"tz": "Asia/Singapore"}');
INSERT INTO pgboss.subscription (event, name) VALUES ('upload.created', 'scan-upload');
