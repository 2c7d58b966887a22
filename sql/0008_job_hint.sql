-- SPDX-License-Identifier: Apache-2.0
-- What a person can do about a job's last failure: as public as its message. Without it here, only
-- the process that saw the failure could tell.
ALTER TABLE howdah.jobs ADD COLUMN error_hint text NOT NULL DEFAULT '';
