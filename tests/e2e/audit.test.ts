// SPDX-License-Identifier: Apache-2.0
// Every call of the API that changes something stands in the audit log: with its request, who made
// it, and no secret. The list of calls is the contract's own, so a new one cannot be forgotten.
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Database, Json } from "./harness/api.ts";
import { hostIsShort, MIB } from "./harness/disk_full.ts";
import { shared } from "./harness/howdah.ts";
import { Contract } from "./harness/openapi.ts";
import { connect } from "./harness/sql.ts";

const howdah = shared();

/** Changing calls that leave no row of their own, with the reason. */
const NOT_AUDITED: Record<string, string> = {
  cancelOperation: "needs work that goes on: operations_pgtest.cc",
  setOrphanAside: "needs an orphan: orphans.test.ts",
};

/** operationId of every call that may change something. */
function changingCalls(): string[] {
  const paths = Object.values(new Contract().document.paths) as Json[];
  return paths
    .flatMap((path) => ["post", "patch", "delete"].map((method) => path[method]))
    .filter((operation) => operation !== undefined)
    .map((operation) => operation.operationId as string);
}

const seen = new Map<string, string>();

/** The row of a dump is its job's, which runs daily by itself: it carries no request. */
const ROWS_OF_JOBS: Record<string, string> = { createCatalogDump: "action=catalog.dump" };

/** One call, and the action of the audit row that carries its request id. */
async function does(id: string, method: string, path: string, body?: Json): Promise<Json> {
  const { api } = howdah.it;
  const requestId = `audit-${id}`;
  const reply = await api.call(method, path, { body, headers: { "X-Request-Id": requestId } });
  assert.ok(reply.status < 300, `${id}: ${reply.status} ${JSON.stringify(reply.body)}`);
  const search = ROWS_OF_JOBS[id] ?? `requestId=${requestId}`;
  const { data } = await api.expect(200, "GET", `/api/audit?${search}`);
  assert.ok(data.length > 0, `${id} left no row`);
  for (const row of data) {
    assert.match(row.actor, /\S/, id);
    const secrets = [reply.body.data?.password, reply.body.data?.key].filter(Boolean);
    for (const secret of secrets) assert.ok(!JSON.stringify(row).includes(secret), id);
  }
  seen.set(id, data.map(({ action }: Json) => action).join(" "));
  return reply.body.data;
}

test("every call that changes something is in the audit log", async () => {
  const { api } = howdah.it;
  const body = { friendlyName: "audited", ownerEmail: "a@example.org" };
  const made: Database = await does("createDatabase", "POST", "/api/databases", body);
  const at = `/api/databases/${made.id}`;
  await does("updateDatabase", "PATCH", at, { friendlyName: "renamed" });
  const rule = await does("createFirewallRule", "POST", `${at}/whitelist`, {
    ipAddress: "127.0.0.0/8",
  });
  await does("deleteFirewallRule", "DELETE", `${at}/whitelist/${rule.id}`);
  await does("installExtension", "POST", `${at}/extensions`, { name: "pg_trgm" });
  await does("removeExtension", "DELETE", `${at}/extensions/pg_trgm`);
  const session = await connect(howdah.it, made);
  const [client] = (await api.expect(200, "GET", `${at}/clients`)).data;
  await does("cutClient", "DELETE", `${at}/clients/${client.id}`);
  await session.end().catch(() => {});
  await does("revealConnectionStrings", "POST", `${at}/connection-strings/reveal`);
  await does("rotatePassword", "POST", `${at}/rotate-password`, {});
  await does("pauseDatabase", "POST", `${at}/pause`);
  await does("resumeDatabase", "POST", `${at}/resume`);
  await does("deleteDatabase", "DELETE", at);
  await does("undeleteDatabase", "POST", `${at}/undelete`);
  await api.deleteDatabase(made.id);
  await does("updateOrganisation", "PATCH", "/api/organisation", { databasesMax: 1000 });
  const key = await does("createApiKey", "POST", "/api/keys", { name: "audited" });
  await does("revokeApiKey", "DELETE", `/api/keys/${key.id}`);
  await does("createCatalogDump", "POST", "/api/catalog/dumps");
  await does("rotateMasterKey", "POST", "/api/secrets/rotate-master-key");
  if (hostIsShort()) seen.set("growVolume", "not run: too little disk is free");
  else await does("growVolume", "POST", "/api/volume/grow", { addBytes: 64 * MIB });

  // Only who may command the machine gets it, so not by this API key.
  const keysShown = async (): Promise<number> =>
    (await api.expect(200, "GET", "/api/audit?action=recovery_key.show")).count;
  const before = await keysShown();
  assert.equal((await howdah.it.cli(["recovery-key", "--quiet"])).code, 0);
  assert.equal(await keysShown(), before + 1);
  seen.set("showRecoveryKey", "recovery_key.show");

  const missing = changingCalls().filter((id) => !seen.has(id) && !NOT_AUDITED[id]);
  assert.deepEqual(missing, [], "each changing call of the contract is tried here");
});
