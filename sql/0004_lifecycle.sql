-- SPDX-License-Identifier: Apache-2.0
-- Pausing, undeleting and purging databases.

-- Since when a database is paused. Its branches keep their own state, so that a resume of the
-- database does not resume a branch that was paused by itself.
ALTER TABLE howdah.databases ADD COLUMN paused_at timestamptz(3);
ALTER TABLE howdah.databases ADD CONSTRAINT databases_paused
  CHECK ((status = 'paused') = (paused_at IS NOT NULL));

-- Time as it really passed, whatever the wall clock was set to: what deletes for ever waits for
-- both. It is moved on from the kernel's time since boot (control/databases/elapsed_time.h).
CREATE TABLE howdah.elapsed_time (
  single boolean PRIMARY KEY DEFAULT true CHECK (single),
  elapsed_s bigint NOT NULL DEFAULT 0 CHECK (elapsed_s >= 0),
  boot_id text NOT NULL DEFAULT '',
  since_boot_s bigint NOT NULL DEFAULT 0,
  wall timestamptz(3) NOT NULL DEFAULT now()
) WITH (fillfactor = 50);
INSERT INTO howdah.elapsed_time DEFAULT VALUES;

ALTER TABLE howdah.databases ADD COLUMN purge_after_elapsed_s bigint;  -- on the clock above
UPDATE howdah.databases
SET purge_after_elapsed_s = greatest(0, extract(epoch FROM purge_after - now()))::bigint
WHERE status = 'deleted';

-- Slugs of purged databases: a name that somebody may still have in a file must never lead to
-- another database's data.
CREATE TABLE howdah.retired_slugs (
  slug text PRIMARY KEY CHECK (slug ~ '^[a-z0-9]{8}$'),
  organisation_id uuid NOT NULL DEFAULT '00000000-0000-4000-8000-000000000001'
    REFERENCES howdah.organisations,
  retired_at timestamptz(3) NOT NULL DEFAULT now()
);

CREATE FUNCTION howdah.refuse_retired_slug() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog AS $$
BEGIN
  IF EXISTS (SELECT FROM howdah.retired_slugs WHERE slug = NEW.slug) THEN
    RAISE EXCEPTION 'slug % belonged to a database that was purged', NEW.slug
      USING ERRCODE = 'unique_violation';
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER retired_slug BEFORE INSERT OR UPDATE OF slug ON howdah.databases FOR EACH ROW
  WHEN (NEW.slug IS NOT NULL) EXECUTE FUNCTION howdah.refuse_retired_slug();
