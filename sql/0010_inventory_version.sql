-- SPDX-License-Identifier: Apache-2.0
-- Tells the reconciler whether databases or branches may have changed since it last compared them
-- with the nodes, so that nothing walks over what sleeps and stays as it is. A sequence, because
-- its steps lock nothing: creates do not wait for each other. It goes on when a transaction begins
-- to write, so a reader looks for a while longer than it sees changes.

CREATE SEQUENCE howdah.inventory_version;

CREATE FUNCTION howdah.step_inventory_version() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog AS $$
BEGIN
  PERFORM nextval('howdah.inventory_version');
  RETURN NULL;
END $$;

-- Falling asleep and waking leave `version` alone (howdah.touch), and are not meant.
CREATE TRIGGER step_inventory AFTER INSERT OR DELETE ON howdah.databases
  FOR EACH STATEMENT EXECUTE FUNCTION howdah.step_inventory_version();
CREATE TRIGGER step_inventory_changed AFTER UPDATE ON howdah.databases FOR EACH ROW
  WHEN (OLD.version <> NEW.version) EXECUTE FUNCTION howdah.step_inventory_version();
CREATE TRIGGER step_inventory AFTER INSERT OR DELETE ON howdah.branches
  FOR EACH STATEMENT EXECUTE FUNCTION howdah.step_inventory_version();
CREATE TRIGGER step_inventory_changed AFTER UPDATE ON howdah.branches FOR EACH ROW
  WHEN (OLD.version <> NEW.version) EXECUTE FUNCTION howdah.step_inventory_version();

-- What is awake: the statistics and the look for missing instances read these only.
CREATE INDEX branches_active ON howdah.branches (id) WHERE status = 'active';
