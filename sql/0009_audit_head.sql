-- SPDX-License-Identifier: Apache-2.0
-- The end of the audit chain is bound to the chain's key, as its beginning is: somebody who cuts
-- rows off the end cannot make a head for what is left (docs/formats/audit-chain.md). Empty until
-- howdahd, which has the key, starts for the first time.
ALTER TABLE howdah.audit_head ADD COLUMN mac bytea CHECK (length(mac) = 32);
