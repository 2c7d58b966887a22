-- SPDX-License-Identifier: Apache-2.0
-- Passwords that change: by rotation, and by the users' own SQL.

-- What the role is like inside its instances, and what its last change was. password_problem: it
-- was given a password by SQL that cannot be used (md5, malformed), or none; it has no valid
-- credential then. password_changed_at: of the newest credential or such a loss; gates put what an
-- instance tells them in force only if it is later. cut_before: sessions opened before then are
-- ended. rotation_due_at: when a sweep rotates it by itself; nothing sets it yet.
ALTER TABLE howdah.roles
  ADD COLUMN can_login boolean NOT NULL DEFAULT true,
  ADD COLUMN valid_until timestamptz(3),
  ADD COLUMN password_problem text NOT NULL DEFAULT ''
    CHECK (password_problem IN ('', 'none', 'md5', 'malformed')),
  ADD COLUMN password_changed_at timestamptz(3),
  ADD COLUMN cut_before timestamptz(3),
  ADD COLUMN rotation_due_at timestamptz(3);
UPDATE howdah.roles r SET password_changed_at =
  (SELECT max(c.valid_from) FROM howdah.credentials c WHERE c.role_id = r.id);
CREATE INDEX roles_rotation ON howdah.roles (rotation_due_at)
  WHERE rotation_due_at IS NOT NULL AND deleted_at IS NULL;

-- A credential without a sealed password was set by SQL. One that ended is kept for a while.
CREATE INDEX credentials_list ON howdah.credentials (database_id, role_id, generation);
