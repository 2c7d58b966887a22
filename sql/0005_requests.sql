-- SPDX-License-Identifier: Apache-2.0
-- Repeated requests get their first answer; the audit log is searched and, after 400 days,
-- shortened from its beginning.

-- One row for each Idempotency-Key of a caller, for 24 hours. Unfinished (no status): it is
-- running, or howdahd ended meanwhile; then job_id or subject tells what it has done so far.
CREATE TABLE howdah.idempotency_keys (
  id uuid PRIMARY KEY,
  organisation_id uuid NOT NULL DEFAULT '00000000-0000-4000-8000-000000000001'
    REFERENCES howdah.organisations,
  caller text NOT NULL,                  -- the key's id, or the local user
  key text NOT NULL CHECK (length(key) BETWEEN 1 AND 255),
  request_hash bytea NOT NULL CHECK (length(request_hash) = 32),
  created_at timestamptz(3) NOT NULL DEFAULT now(),
  job_id uuid,                           -- no reference: it may be pruned on its own
  subject text NOT NULL DEFAULT '',      -- of its audit row: what it made
  status integer,
  sealed_response text,                  -- bound to ('idempotency_keys', id, 'sealed_response', 1)
  UNIQUE (caller, key),
  CHECK ((status IS NULL) = (sealed_response IS NULL))
);
CREATE INDEX idempotency_keys_age ON howdah.idempotency_keys (created_at);

-- Lists of one action or one actor, newest first, without reading the others.
CREATE INDEX audit_logs_action ON howdah.audit_logs (action text_pattern_ops, position);
CREATE INDEX audit_logs_actor ON howdah.audit_logs (actor text_pattern_ops, position);

-- Where the chain begins after its oldest rows were forgotten (docs/formats/audit-chain.md). mac is
-- made with the chain's key, so nobody else can move the beginning.
CREATE TABLE howdah.audit_base (
  single boolean PRIMARY KEY DEFAULT true CHECK (single),
  position bigint NOT NULL CHECK (position >= 1),
  hash bytea NOT NULL CHECK (length(hash) = 32),
  mac bytea NOT NULL CHECK (length(mac) = 32)
);

-- Rows behind the base are still only ever added to; those up to it may go.
CREATE OR REPLACE FUNCTION howdah.refuse_change() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog AS $$
BEGIN
  IF TG_OP = 'DELETE' AND TG_LEVEL = 'ROW' THEN
    IF OLD.position <= (SELECT position FROM howdah.audit_base) THEN
      RETURN OLD;
    END IF;
  END IF;
  RAISE EXCEPTION 'the audit log is only ever added to' USING ERRCODE = 'insufficient_privilege';
END $$;
DROP TRIGGER append_only ON howdah.audit_logs;
CREATE TRIGGER append_only BEFORE UPDATE OR TRUNCATE ON howdah.audit_logs
  EXECUTE FUNCTION howdah.refuse_change();
CREATE TRIGGER append_only_rows BEFORE DELETE ON howdah.audit_logs FOR EACH ROW
  EXECUTE FUNCTION howdah.refuse_change();
