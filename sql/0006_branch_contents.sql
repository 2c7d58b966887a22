-- SPDX-License-Identifier: Apache-2.0
-- What was seen inside each branch's instance last, so that it can be told while the instance
-- sleeps. One row a branch, replaced in place; read by its branch only.

CREATE TABLE howdah.branch_contents (
  branch_id uuid PRIMARY KEY REFERENCES howdah.branches ON DELETE CASCADE,
  organisation_id uuid NOT NULL DEFAULT '00000000-0000-4000-8000-000000000001'
    REFERENCES howdah.organisations,
  databases_at timestamptz(3),                    -- empty: never looked at
  logical_databases jsonb NOT NULL DEFAULT '[]',  -- control/stats/logical_databases.h
  extensions_at timestamptz(3),
  extensions jsonb NOT NULL DEFAULT '{}'          -- control/extensions/extension.h
) WITH (fillfactor = 70);
