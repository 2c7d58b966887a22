-- SPDX-License-Identifier: Apache-2.0
-- The firewall's other half: rules that were removed stay for a while, so that removing one twice
-- gets the same answer; and whom the gates refused.

ALTER TABLE howdah.firewall_rules ADD COLUMN removed_at timestamptz(3);
DROP INDEX howdah.firewall_rules_network;
CREATE UNIQUE INDEX firewall_rules_network ON howdah.firewall_rules
  (database_id, coalesce(branch_id, '00000000-0000-0000-0000-000000000000'), network)
  WHERE removed_at IS NULL;
CREATE INDEX firewall_rules_removed ON howdah.firewall_rules (removed_at)
  WHERE removed_at IS NOT NULL;

CREATE OR REPLACE VIEW public.ip_whitelist AS
  SELECT id, database_id, branch_id, ip_address, network, description, added_by, added_at,
         expires_at
  FROM howdah.firewall_rules WHERE removed_at IS NULL;

-- One row for each address that was refused at a branch, updated in place. address is empty for
-- those beyond what a gate tells apart. Pruned by age and number (control/firewall/denied_log.h).
CREATE TABLE howdah.denied_attempts (
  id bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
  organisation_id uuid NOT NULL DEFAULT '00000000-0000-4000-8000-000000000001'
    REFERENCES howdah.organisations,
  database_id uuid NOT NULL REFERENCES howdah.databases ON DELETE CASCADE,
  branch_id uuid NOT NULL REFERENCES howdah.branches ON DELETE CASCADE,
  address text NOT NULL CHECK (length(address) <= 45),
  direct_count bigint NOT NULL CHECK (direct_count >= 0),    -- by the port
  pooled_count bigint NOT NULL CHECK (pooled_count >= 0),
  first_at timestamptz(3) NOT NULL,
  last_at timestamptz(3) NOT NULL,
  UNIQUE (branch_id, address)
) WITH (fillfactor = 70);
CREATE INDEX denied_attempts_list ON howdah.denied_attempts (database_id, last_at, id);
CREATE INDEX denied_attempts_age ON howdah.denied_attempts (last_at);
