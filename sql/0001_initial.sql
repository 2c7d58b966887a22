-- SPDX-License-Identifier: Apache-2.0
-- The catalog: all desired state of Howdah.
-- Rules of every table: organisation_id from the first day; times with milliseconds, so that a
-- cursor made of (time, id) loses no row; states closed by CHECK and their changes by
-- howdah.state_transitions; an index for every list and every sweep. Secrets are stored sealed
-- (`sealed_*`) or hashed, never in clear. Real tables live in schema howdah; schema public holds
-- only the views of requirement B7.
-- Runs in one transaction; released files are never changed, only followed by new ones.

CREATE SCHEMA IF NOT EXISTS howdah;
REVOKE ALL ON SCHEMA howdah FROM PUBLIC;
REVOKE CREATE ON SCHEMA public FROM PUBLIC;

-- Which state may follow which. Data, so that every process and a person at psql obey the same.
CREATE TABLE howdah.state_transitions (
  subject text NOT NULL,
  old_state text NOT NULL,
  new_state text NOT NULL,
  PRIMARY KEY (subject, old_state, new_state)
);
INSERT INTO howdah.state_transitions
SELECT subject, old_state, unnest(string_to_array(next_states, ' ')) FROM (VALUES
  ('database', 'creating', 'active failed deleted'),
  ('database', 'active', 'suspended paused failed deleted'),
  ('database', 'suspended', 'active paused failed deleted'),
  ('database', 'paused', 'active suspended failed deleted'),
  ('database', 'failed', 'creating active suspended paused deleted'),
  ('database', 'deleted', 'active suspended paused failed'),
  ('job', 'scheduling', 'running cancelling'),
  ('job', 'running', 'scheduling finished failed cancelling cancelled skipped'),
  ('job', 'cancelling', 'cancelled failed finished skipped')
) AS rules (subject, old_state, next_states);
-- Branches live by the rules of databases.
INSERT INTO howdah.state_transitions
SELECT 'branch', old_state, new_state FROM howdah.state_transitions WHERE subject = 'database';

-- Trigger arguments: the subject, the column.
CREATE FUNCTION howdah.guard_transition() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog AS $$
DECLARE
  was text := to_jsonb(OLD) ->> TG_ARGV[1];
  will_be text := to_jsonb(NEW) ->> TG_ARGV[1];
BEGIN
  IF NOT EXISTS (SELECT FROM howdah.state_transitions
                 WHERE subject = TG_ARGV[0] AND old_state = was AND new_state = will_be) THEN
    RAISE EXCEPTION '% %: % cannot become %', TG_ARGV[0], NEW.id, was, will_be
      USING ERRCODE = 'object_not_in_prerequisite_state';
  END IF;
  RETURN NEW;
END $$;

-- version is the ETag. Falling asleep and waking are not changes that a PATCH can lose, so they
-- leave it alone.
CREATE FUNCTION howdah.touch() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog AS $$
BEGIN
  IF (to_jsonb(OLD) - '{status,status_reason}'::text[])
       = (to_jsonb(NEW) - '{status,status_reason}'::text[])
     AND OLD.status IN ('active', 'suspended') AND NEW.status IN ('active', 'suspended') THEN
    RETURN NEW;
  END IF;
  NEW.version := OLD.version + 1;
  NEW.updated_at := now();
  RETURN NEW;
END $$;

CREATE TABLE howdah.organisations (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  name text NOT NULL CHECK (length(name) BETWEEN 1 AND 200),
  firewall_default text NOT NULL DEFAULT 'open' CHECK (firewall_default IN ('open', 'closed')),
  databases_max integer CHECK (databases_max >= 0),          -- NULL: no cap
  branches_max integer CHECK (branches_max >= 0),
  storage_bytes_max bigint CHECK (storage_bytes_max >= 0),
  created_at timestamptz(3) NOT NULL DEFAULT now()
);
-- Known to the binary (control/principal.h).
INSERT INTO howdah.organisations (id, name)
VALUES ('00000000-0000-4000-8000-000000000001', 'default');

-- Machines. What a node agent runs at the moment is its own knowledge; this is whom to ask, and how
-- far its journal was read.
CREATE TABLE howdah.nodes (
  id uuid PRIMARY KEY,
  organisation_id uuid NOT NULL DEFAULT '00000000-0000-4000-8000-000000000001'
    REFERENCES howdah.organisations,
  name text NOT NULL DEFAULT '',
  address text NOT NULL DEFAULT '',                          -- empty: the local unix socket
  state text NOT NULL DEFAULT 'active' CHECK (state IN ('active', 'draining', 'lost', 'removed')),
  agent_version text NOT NULL DEFAULT '',
  volume_driver text NOT NULL DEFAULT '',
  pg_majors integer[] NOT NULL DEFAULT '{}',
  pg_major_default integer,
  journal_boot_id text NOT NULL DEFAULT '',
  journal_sequence bigint NOT NULL DEFAULT 0,
  created_at timestamptz(3) NOT NULL DEFAULT now(),
  last_seen_at timestamptz(3)
);
CREATE INDEX nodes_organisation ON howdah.nodes (organisation_id);

CREATE TABLE howdah.databases (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  organisation_id uuid NOT NULL DEFAULT '00000000-0000-4000-8000-000000000001'
    REFERENCES howdah.organisations,
  kind text NOT NULL DEFAULT 'managed' CHECK (kind IN ('managed', 'attached')),
  -- Comes from the claimed instance, so a managed database has none before it is active. All
  -- platform names derive from it: tenant_<slug>, tenant_<slug>_shadow, user_<slug>.
  slug text CHECK (slug ~ '^[a-z0-9]{8}$'),
  name text CHECK (name ~ '^[a-z0-9](-?[a-z0-9])*$' AND length(name) <= 63),
  friendly_name text NOT NULL CHECK (length(friendly_name) BETWEEN 1 AND 200),
  owner_email text NOT NULL CHECK (length(owner_email) BETWEEN 3 AND 320),
  status text NOT NULL DEFAULT 'creating'
    CHECK (status IN ('creating', 'active', 'suspended', 'paused', 'failed', 'deleted')),
  status_reason text NOT NULL DEFAULT '',
  max_connections integer NOT NULL DEFAULT 20 CHECK (max_connections BETWEEN 1 AND 500),
  suspend_after_s integer NOT NULL DEFAULT 300 CHECK (suspend_after_s >= 0),  -- 0: never
  pg_major integer CHECK (pg_major BETWEEN 10 AND 99),
  size_class text NOT NULL DEFAULT ''                        -- empty: the node's default
    CHECK (size_class IN ('', 'nano', 'small', 'medium', 'large', 'custom')),
  storage_limit_bytes bigint CHECK (storage_limit_bytes > 0),
  protected boolean NOT NULL DEFAULT false,
  settings jsonb NOT NULL DEFAULT '{}',
  sealed_source_url text,                                    -- of an attached database
  created_by text NOT NULL DEFAULT '',
  created_at timestamptz(3) NOT NULL DEFAULT now(),
  updated_at timestamptz(3) NOT NULL DEFAULT now(),
  version bigint NOT NULL DEFAULT 1,
  deleted_at timestamptz(3),
  purge_after timestamptz(3),
  CHECK (kind = 'attached' OR slug IS NOT NULL OR status IN ('creating', 'failed', 'deleted')),
  CHECK ((kind = 'attached') = (sealed_source_url IS NOT NULL)),
  CHECK ((status = 'deleted') = (deleted_at IS NOT NULL))
);
CREATE UNIQUE INDEX databases_slug ON howdah.databases (slug);
CREATE UNIQUE INDEX databases_name ON howdah.databases (organisation_id, name)
  WHERE status <> 'deleted';
CREATE INDEX databases_list ON howdah.databases (organisation_id, created_at, id);
CREATE INDEX databases_purge ON howdah.databases (purge_after) WHERE purge_after IS NOT NULL;
CREATE INDEX databases_half_made ON howdah.databases (created_at) WHERE status = 'creating';
CREATE TRIGGER guard BEFORE UPDATE OF status ON howdah.databases FOR EACH ROW
  WHEN (OLD.status IS DISTINCT FROM NEW.status)
  EXECUTE FUNCTION howdah.guard_transition('database', 'status');
CREATE TRIGGER touch BEFORE UPDATE ON howdah.databases FOR EACH ROW
  WHEN (OLD.* IS DISTINCT FROM NEW.*) EXECUTE FUNCTION howdah.touch();

-- parent_id is lineage: what the data came from. base_snapshot_id is storage: which blocks are
-- shared. They differ after a restore, a rebuild or a move.
CREATE TABLE howdah.branches (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  organisation_id uuid NOT NULL DEFAULT '00000000-0000-4000-8000-000000000001'
    REFERENCES howdah.organisations,
  database_id uuid NOT NULL REFERENCES howdah.databases ON DELETE CASCADE,
  slug text NOT NULL DEFAULT 'main'
    CHECK (slug ~ '^[a-z0-9](-?[a-z0-9])*$' AND length(slug) <= 40),
  name text NOT NULL DEFAULT 'main' CHECK (length(name) BETWEEN 1 AND 200),
  parent_id uuid REFERENCES howdah.branches ON DELETE SET NULL,
  parent_time timestamptz(3),                                -- the moment it was taken at
  base_snapshot_id uuid,
  origin text NOT NULL DEFAULT 'created'
    CHECK (origin IN ('created', 'clone', 'restore', 'rebuilt')),
  sensitivity text NOT NULL DEFAULT 'original' CHECK (sensitivity IN ('original', 'masked')),
  status text NOT NULL DEFAULT 'creating'
    CHECK (status IN ('creating', 'active', 'suspended', 'paused', 'failed', 'deleted')),
  status_reason text NOT NULL DEFAULT '',
  -- sealed: nobody may connect until the reason is gone (a masked copy that was not scanned, a
  -- restore that was not checked). Enforced by the gate and by the node.
  route_state text NOT NULL DEFAULT 'open' CHECK (route_state IN ('open', 'sealed')),
  sealed_reason text NOT NULL DEFAULT '',
  paused_at timestamptz(3),
  paused_reason text NOT NULL DEFAULT '',
  node_id uuid REFERENCES howdah.nodes,
  instance_id text CHECK (instance_id ~ '^[a-z0-9-]{1,40}$'),
  system_identifier numeric(20) CHECK (system_identifier >= 0),  -- 64 bits without a sign
  timeline integer NOT NULL DEFAULT 1 CHECK (timeline >= 1),
  archive_prefix text NOT NULL DEFAULT '',                   -- never the parent's
  max_connections integer CHECK (max_connections BETWEEN 1 AND 500),  -- NULL: the database's
  suspend_after_s integer CHECK (suspend_after_s >= 0),
  size_class text CHECK (size_class IN ('nano', 'small', 'medium', 'large', 'custom')),
  protected boolean NOT NULL DEFAULT false,
  expires_at timestamptz(3),
  created_by text NOT NULL DEFAULT '',
  created_at timestamptz(3) NOT NULL DEFAULT now(),
  updated_at timestamptz(3) NOT NULL DEFAULT now(),
  version bigint NOT NULL DEFAULT 1,
  deleted_at timestamptz(3),
  purge_after timestamptz(3),
  CHECK (parent_id IS DISTINCT FROM id),
  CHECK ((route_state = 'sealed') = (sealed_reason <> '')),
  CHECK ((status = 'paused') = (paused_at IS NOT NULL)),
  CHECK ((status = 'deleted') = (deleted_at IS NOT NULL)),
  CHECK (instance_id IS NOT NULL OR status IN ('creating', 'failed', 'deleted'))
);
CREATE UNIQUE INDEX branches_slug ON howdah.branches (database_id, slug)
  WHERE status <> 'deleted';
CREATE UNIQUE INDEX branches_instance ON howdah.branches (instance_id);
CREATE UNIQUE INDEX branches_archive_prefix ON howdah.branches (archive_prefix)
  WHERE archive_prefix <> '';
CREATE INDEX branches_list ON howdah.branches (database_id, created_at, id);
CREATE INDEX branches_organisation ON howdah.branches (organisation_id);
CREATE INDEX branches_node ON howdah.branches (node_id);
CREATE INDEX branches_parent ON howdah.branches (parent_id);
CREATE INDEX branches_expiry ON howdah.branches (expires_at) WHERE expires_at IS NOT NULL;
CREATE INDEX branches_purge ON howdah.branches (purge_after) WHERE purge_after IS NOT NULL;
CREATE TRIGGER guard BEFORE UPDATE OF status ON howdah.branches FOR EACH ROW
  WHEN (OLD.status IS DISTINCT FROM NEW.status)
  EXECUTE FUNCTION howdah.guard_transition('branch', 'status');
CREATE TRIGGER touch BEFORE UPDATE ON howdah.branches FOR EACH ROW
  WHEN (OLD.* IS DISTINCT FROM NEW.*) EXECUTE FUNCTION howdah.touch();

-- What nodes and gates reported last: run state, not desired state. Written often, so apart from
-- branches, in short rows that are updated in place.
CREATE TABLE howdah.branch_runs (
  branch_id uuid PRIMARY KEY REFERENCES howdah.branches ON DELETE CASCADE,
  organisation_id uuid NOT NULL DEFAULT '00000000-0000-4000-8000-000000000001'
    REFERENCES howdah.organisations,
  instance_state text NOT NULL DEFAULT 'stopped'
    CHECK (instance_state IN ('stopped', 'starting', 'running', 'stopping', 'failed')),
  reason text NOT NULL DEFAULT '',
  changed_at timestamptz(3) NOT NULL DEFAULT now(),
  open_sessions integer NOT NULL DEFAULT 0 CHECK (open_sessions >= 0),
  last_activity_at timestamptz(3)                            -- of a client, as gates saw it
) WITH (fillfactor = 70);

CREATE TABLE howdah.snapshots (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  organisation_id uuid NOT NULL DEFAULT '00000000-0000-4000-8000-000000000001'
    REFERENCES howdah.organisations,
  branch_id uuid REFERENCES howdah.branches ON DELETE SET NULL,  -- outlives its branch while shared
  node_id uuid NOT NULL REFERENCES howdah.nodes,
  name text NOT NULL DEFAULT '' CHECK (length(name) <= 200),
  reason text NOT NULL DEFAULT 'manual'
    CHECK (reason IN ('manual', 'scheduled', 'branch', 'savepoint', 'backup')),
  status text NOT NULL DEFAULT 'creating'
    CHECK (status IN ('creating', 'ready', 'failed', 'deleted')),
  sensitivity text NOT NULL DEFAULT 'original' CHECK (sensitivity IN ('original', 'masked')),
  system_identifier numeric(20) CHECK (system_identifier >= 0),
  timeline integer CHECK (timeline >= 1),
  lsn pg_lsn,
  size_bytes bigint CHECK (size_bytes >= 0),
  taken_at timestamptz(3),
  created_at timestamptz(3) NOT NULL DEFAULT now(),
  expires_at timestamptz(3),
  deleted_at timestamptz(3),
  CHECK ((status = 'deleted') = (deleted_at IS NOT NULL))
);
CREATE INDEX snapshots_list ON howdah.snapshots (branch_id, created_at, id);
CREATE INDEX snapshots_organisation ON howdah.snapshots (organisation_id);
CREATE INDEX snapshots_node ON howdah.snapshots (node_id);
CREATE INDEX snapshots_expiry ON howdah.snapshots (expires_at) WHERE expires_at IS NOT NULL;
ALTER TABLE howdah.branches
  ADD CONSTRAINT branches_base_snapshot FOREIGN KEY (base_snapshot_id)
  REFERENCES howdah.snapshots;
CREATE INDEX branches_base_snapshot ON howdah.branches (base_snapshot_id);

CREATE TABLE howdah.roles (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  organisation_id uuid NOT NULL DEFAULT '00000000-0000-4000-8000-000000000001'
    REFERENCES howdah.organisations,
  database_id uuid NOT NULL REFERENCES howdah.databases ON DELETE CASCADE,
  name text NOT NULL CHECK (length(name) BETWEEN 1 AND 63),  -- the real one: user_k3v9x2ab
  kind text NOT NULL DEFAULT 'custom'
    CHECK (kind IN ('owner', 'migration', 'app', 'analytics', 'custom')),
  connection_limit integer CHECK (connection_limit > 0),
  created_by text NOT NULL DEFAULT '',
  created_at timestamptz(3) NOT NULL DEFAULT now(),
  deleted_at timestamptz(3)
);
CREATE UNIQUE INDEX roles_name ON howdah.roles (database_id, name) WHERE deleted_at IS NULL;
CREATE INDEX roles_organisation ON howdah.roles (organisation_id);

-- Passwords of a role: any number of generations may be valid at once, so that a rotation locks
-- nobody out. Those valid together share one salt (the server names a salt before it has seen
-- which password the client has). branch_id NULL: on every branch of the database.
-- sealed_password is bound to ('credentials', id, 'sealed_password', generation).
CREATE TABLE howdah.credentials (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  organisation_id uuid NOT NULL DEFAULT '00000000-0000-4000-8000-000000000001'
    REFERENCES howdah.organisations,
  database_id uuid NOT NULL REFERENCES howdah.databases ON DELETE CASCADE,
  branch_id uuid REFERENCES howdah.branches ON DELETE CASCADE,
  role_id uuid NOT NULL REFERENCES howdah.roles ON DELETE CASCADE,
  generation integer NOT NULL CHECK (generation >= 1),
  verifier text NOT NULL CHECK (verifier LIKE 'SCRAM-SHA-256$%'),
  sealed_password text,                                      -- NULL: set by SQL, unknown to us
  valid_from timestamptz(3) NOT NULL DEFAULT now(),
  valid_until timestamptz(3),                                -- NULL: for ever
  last_seen timestamptz(3),                                  -- of a login with it
  created_at timestamptz(3) NOT NULL DEFAULT now(),
  CHECK (valid_until IS NULL OR valid_until >= valid_from)
);
CREATE UNIQUE INDEX credentials_generation ON howdah.credentials
  (database_id, coalesce(branch_id, '00000000-0000-0000-0000-000000000000'), role_id, generation);
CREATE INDEX credentials_role ON howdah.credentials (role_id);
CREATE INDEX credentials_branch ON howdah.credentials (branch_id) WHERE branch_id IS NOT NULL;
CREATE INDEX credentials_end ON howdah.credentials (valid_until) WHERE valid_until IS NOT NULL;

-- Allowed addresses. No rule: everybody, unless the organisation's firewall_default is closed.
CREATE TABLE howdah.firewall_rules (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  organisation_id uuid NOT NULL DEFAULT '00000000-0000-4000-8000-000000000001'
    REFERENCES howdah.organisations,
  database_id uuid NOT NULL REFERENCES howdah.databases ON DELETE CASCADE,
  branch_id uuid REFERENCES howdah.branches ON DELETE CASCADE,   -- NULL: every branch
  network cidr NOT NULL,
  ip_address text NOT NULL,                                  -- as it was given
  description text NOT NULL DEFAULT '' CHECK (length(description) <= 500),
  expires_at timestamptz(3),
  added_by text NOT NULL DEFAULT '',
  added_at timestamptz(3) NOT NULL DEFAULT now()
);
CREATE UNIQUE INDEX firewall_rules_network ON howdah.firewall_rules
  (database_id, coalesce(branch_id, '00000000-0000-0000-0000-000000000000'), network);
CREATE INDEX firewall_rules_list ON howdah.firewall_rules (database_id, added_at, id);
CREATE INDEX firewall_rules_branch ON howdah.firewall_rules (branch_id)
  WHERE branch_id IS NOT NULL;
CREATE INDEX firewall_rules_expiry ON howdah.firewall_rules (expires_at)
  WHERE expires_at IS NOT NULL;

-- Samples of running instances; a stopped one is answered from its last.
CREATE TABLE howdah.database_stats (
  branch_id uuid NOT NULL REFERENCES howdah.branches ON DELETE CASCADE,
  at timestamptz(3) NOT NULL DEFAULT now(),
  organisation_id uuid NOT NULL DEFAULT '00000000-0000-4000-8000-000000000001'
    REFERENCES howdah.organisations,
  database_id uuid NOT NULL REFERENCES howdah.databases ON DELETE CASCADE,
  size_bytes bigint NOT NULL CHECK (size_bytes >= 0),
  active_connections integer NOT NULL CHECK (active_connections >= 0),
  details jsonb NOT NULL DEFAULT '{}',
  PRIMARY KEY (branch_id, at)
);
CREATE INDEX database_stats_database ON howdah.database_stats (database_id, at);
CREATE INDEX database_stats_age ON howdah.database_stats (at);

-- The route stream's version: it grows over restarts too.
CREATE SEQUENCE howdah.route_version;
