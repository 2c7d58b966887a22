-- SPDX-License-Identifier: Apache-2.0
-- How the control plane works: settings, API keys, the audit log, jobs, schedules, operations; and
-- the views of requirement B7.

CREATE TABLE howdah.settings (
  organisation_id uuid NOT NULL DEFAULT '00000000-0000-4000-8000-000000000001'
    REFERENCES howdah.organisations,
  key text NOT NULL CHECK (length(key) BETWEEN 1 AND 100),
  value jsonb,
  sealed_value text,                     -- bound to ('settings', key, 'sealed_value', 1)
  updated_at timestamptz(3) NOT NULL DEFAULT now(),
  PRIMARY KEY (organisation_id, key),
  CHECK ((value IS NULL) <> (sealed_value IS NULL))
);

-- Keys of the API. Session keys are not here: they end with the process that made them.
CREATE TABLE howdah.api_keys (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  organisation_id uuid NOT NULL DEFAULT '00000000-0000-4000-8000-000000000001'
    REFERENCES howdah.organisations,
  prefix text NOT NULL CHECK (prefix ~ '^[a-z0-9]{8}$'),
  hash bytea NOT NULL CHECK (length(hash) = 32),             -- SHA-256 of the whole key
  name text NOT NULL CHECK (length(name) BETWEEN 1 AND 200),
  kind text NOT NULL DEFAULT 'standard' CHECK (kind IN ('standard', 'preset')),
  scope text NOT NULL CHECK (scope IN ('read', 'write', 'admin')),
  database_id uuid REFERENCES howdah.databases ON DELETE CASCADE,  -- NULL: all
  branch_id uuid REFERENCES howdah.branches ON DELETE CASCADE,
  created_by text NOT NULL DEFAULT '',
  created_at timestamptz(3) NOT NULL DEFAULT now(),
  expires_at timestamptz(3),
  last_used_at timestamptz(3),           -- written in batches, up to a minute late
  revoked_at timestamptz(3)
);
CREATE UNIQUE INDEX api_keys_prefix ON howdah.api_keys (prefix);
CREATE INDEX api_keys_list ON howdah.api_keys (organisation_id, created_at, id);
CREATE INDEX api_keys_database ON howdah.api_keys (database_id) WHERE database_id IS NOT NULL;
CREATE INDEX api_keys_branch ON howdah.api_keys (branch_id) WHERE branch_id IS NOT NULL;

-- The audit log (docs/formats/audit-chain.md). Its rows are chained by a keyed hash whose key is
-- not in the catalog in clear. details is json, not jsonb: its text is part of the hash. No foreign
-- keys: it outlives what it tells about.
CREATE TABLE howdah.audit_logs (
  position bigint PRIMARY KEY CHECK (position >= 1),
  at timestamptz(3) NOT NULL,
  organisation_id uuid NOT NULL,
  actor text NOT NULL,
  action text NOT NULL,
  subject text NOT NULL DEFAULT '',
  database_id uuid,
  remote_address text NOT NULL DEFAULT '',
  request_id text NOT NULL DEFAULT '',
  details json NOT NULL DEFAULT '{}',
  prev_hash bytea NOT NULL CHECK (length(prev_hash) = 32),
  hash bytea NOT NULL CHECK (length(hash) = 32)
);
CREATE INDEX audit_logs_database ON howdah.audit_logs (database_id, position);
CREATE INDEX audit_logs_at ON howdah.audit_logs (at);

-- The end of the chain: locked by whoever appends, so positions have no gap and no fork.
CREATE TABLE howdah.audit_head (
  single boolean PRIMARY KEY DEFAULT true CHECK (single),
  position bigint NOT NULL,
  hash bytea NOT NULL
) WITH (fillfactor = 50);
INSERT INTO howdah.audit_head (position, hash) VALUES (0, decode(repeat('00', 32), 'hex'));

CREATE FUNCTION howdah.refuse_change() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog AS $$
BEGIN
  RAISE EXCEPTION 'the audit log is only ever added to' USING ERRCODE = 'insufficient_privilege';
END $$;
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON howdah.audit_logs
  EXECUTE FUNCTION howdah.refuse_change();

-- Durable work. due_at is when a worker may take the job: for `scheduling` its start or next
-- attempt, for `running` and `cancelling` the moment its lease ends unless renewed. So one index
-- and one sweep find new work, retries and the jobs of dead workers.
CREATE TABLE howdah.jobs (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  organisation_id uuid NOT NULL DEFAULT '00000000-0000-4000-8000-000000000001'
    REFERENCES howdah.organisations,
  kind text NOT NULL CHECK (length(kind) BETWEEN 1 AND 100),
  payload jsonb NOT NULL DEFAULT '{}',
  exclusive_key text,                    -- no two unfinished jobs share one
  state text NOT NULL DEFAULT 'scheduling' CHECK (state IN
    ('scheduling', 'running', 'finished', 'failed', 'cancelling', 'cancelled', 'skipped')),
  step integer NOT NULL DEFAULT 0 CHECK (step >= 0),         -- steps completed
  attempt integer NOT NULL DEFAULT 0 CHECK (attempt >= 0),   -- of the present step
  due_at timestamptz(3) NOT NULL DEFAULT now(),
  lease_token uuid,                      -- new at each taking: a late worker changes nothing
  lease_owner uuid,
  memo jsonb NOT NULL DEFAULT '{}',      -- what steps tell later steps
  result jsonb NOT NULL DEFAULT '{}',    -- public
  error_code text NOT NULL DEFAULT '',
  error_message text NOT NULL DEFAULT '',  -- public
  created_at timestamptz(3) NOT NULL DEFAULT now(),
  started_at timestamptz(3),
  finished_at timestamptz(3),
  CHECK (state <> 'running' OR lease_token IS NOT NULL),
  CHECK ((state IN ('finished', 'failed', 'cancelled', 'skipped')) = (finished_at IS NOT NULL))
) WITH (fillfactor = 70);
CREATE INDEX jobs_due ON howdah.jobs (due_at)
  WHERE state IN ('scheduling', 'running', 'cancelling');
CREATE UNIQUE INDEX jobs_exclusive ON howdah.jobs (exclusive_key)
  WHERE state IN ('scheduling', 'running', 'cancelling');
CREATE INDEX jobs_finished ON howdah.jobs (finished_at) WHERE finished_at IS NOT NULL;
CREATE TRIGGER guard BEFORE UPDATE OF state ON howdah.jobs FOR EACH ROW
  WHEN (OLD.state IS DISTINCT FROM NEW.state)
  EXECUTE FUNCTION howdah.guard_transition('job', 'state');

-- Jobs that come again. next_due is worked out from the clock at each run, never from the last
-- run, so a lost run or a jumping clock stops nothing.
CREATE TABLE howdah.schedules (
  name text PRIMARY KEY,
  organisation_id uuid NOT NULL DEFAULT '00000000-0000-4000-8000-000000000001'
    REFERENCES howdah.organisations,
  kind text NOT NULL,
  payload jsonb NOT NULL DEFAULT '{}',
  cadence text NOT NULL,                 -- "every 3600 s", "daily 02:00"; changed: due anew
  period_s bigint NOT NULL CHECK (period_s > 0),  -- next_due is never further away than this
  next_due timestamptz(3) NOT NULL,
  last_enqueued_at timestamptz(3),
  last_job_id uuid
);
CREATE INDEX schedules_due ON howdah.schedules (next_due);

-- What makes a job watchable.
CREATE TABLE howdah.operations (
  id uuid PRIMARY KEY REFERENCES howdah.jobs ON DELETE CASCADE,
  organisation_id uuid NOT NULL DEFAULT '00000000-0000-4000-8000-000000000001'
    REFERENCES howdah.organisations,
  title text NOT NULL CHECK (length(title) <= 300),
  database_id uuid REFERENCES howdah.databases ON DELETE SET NULL,
  branch_id uuid REFERENCES howdah.branches ON DELETE SET NULL,
  created_by text NOT NULL DEFAULT '',
  created_at timestamptz(3) NOT NULL DEFAULT now(),
  percent integer NOT NULL DEFAULT 0 CHECK (percent BETWEEN 0 AND 100),
  bytes_done bigint,
  bytes_total bigint,
  last_event bigint NOT NULL DEFAULT 0
) WITH (fillfactor = 70);
CREATE INDEX operations_list ON howdah.operations (organisation_id, created_at, id);
CREATE INDEX operations_database ON howdah.operations (database_id, created_at);
CREATE INDEX operations_branch ON howdah.operations (branch_id) WHERE branch_id IS NOT NULL;

CREATE TABLE howdah.operation_steps (
  operation_id uuid NOT NULL REFERENCES howdah.operations ON DELETE CASCADE,
  position integer NOT NULL CHECK (position >= 0),
  name text NOT NULL,
  started_at timestamptz(3),
  finished_at timestamptz(3),
  PRIMARY KEY (operation_id, position)
);

-- What happened, in order, for the event stream and the log. sequence counts per operation without
-- a gap (it is taken under the operation's row lock), so Last-Event-ID is exact.
CREATE TABLE howdah.operation_events (
  operation_id uuid NOT NULL REFERENCES howdah.operations ON DELETE CASCADE,
  sequence bigint NOT NULL,
  at timestamptz(3) NOT NULL DEFAULT now(),
  kind text NOT NULL CHECK (kind IN ('state', 'step', 'progress', 'log')),
  data jsonb NOT NULL,
  PRIMARY KEY (operation_id, sequence)
);

-- Adds events of one kind; does nothing for a job that nobody watches.
CREATE FUNCTION howdah.add_operation_events(operation uuid, event_kind text, items jsonb[])
RETURNS void LANGUAGE sql SET search_path = pg_catalog AS $$
  WITH head AS (
    UPDATE howdah.operations SET last_event = last_event + cardinality(items)
    WHERE id = operation RETURNING last_event)
  INSERT INTO howdah.operation_events (operation_id, sequence, kind, data)
  SELECT operation, head.last_event - cardinality(items) + item.place, event_kind, item.data
  FROM head, unnest(items) WITH ORDINALITY AS item (data, place)
$$;

-- A change of state cannot be forgotten in the event stream.
CREATE FUNCTION howdah.report_job_state() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog AS $$
BEGIN
  PERFORM howdah.add_operation_events(NEW.id, 'state', ARRAY[jsonb_build_object(
    'state', NEW.state, 'error_code', NEW.error_code, 'error_message', NEW.error_message)]);
  RETURN NULL;
END $$;
CREATE TRIGGER report AFTER UPDATE OF state ON howdah.jobs FOR EACH ROW
  WHEN (OLD.state IS DISTINCT FROM NEW.state) EXECUTE FUNCTION howdah.report_job_state();

-- Requirement B7: the older names, without anything secret.
CREATE VIEW public.databases AS
  SELECT id, 'tenant_' || slug AS database_name, 'user_' || slug AS username, owner_email,
         friendly_name, max_connections, status, kind, pg_major, size_class, suspend_after_s,
         created_at, updated_at, deleted_at, purge_after
  FROM howdah.databases;
CREATE VIEW public.ip_whitelist AS
  SELECT id, database_id, branch_id, ip_address, network, description, added_by, added_at,
         expires_at
  FROM howdah.firewall_rules;
CREATE VIEW public.api_keys AS
  SELECT id, prefix, name, kind, scope, database_id, created_by, created_at, expires_at,
         last_used_at, revoked_at
  FROM howdah.api_keys;
CREATE VIEW public.audit_logs AS
  SELECT position AS id, at AS created_at, actor, action, subject, database_id, remote_address,
         request_id, details
  FROM howdah.audit_logs;
CREATE VIEW public.database_stats AS
  SELECT s.database_id, s.branch_id, 'tenant_' || d.slug AS database_name, s.size_bytes,
         pg_size_pretty(s.size_bytes) AS size_pretty, s.active_connections, d.max_connections,
         s.at AS recorded_at
  FROM howdah.database_stats s JOIN howdah.databases d ON d.id = s.database_id;
GRANT SELECT ON public.databases, public.ip_whitelist, public.api_keys, public.audit_logs,
  public.database_stats TO PUBLIC;
