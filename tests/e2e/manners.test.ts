// SPDX-License-Identifier: Apache-2.0
// Clients without manners: many silent connections of one address, and what the daemons may take.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import net from "node:net";
import { test } from "node:test";
import { type Daemon, shared } from "./harness/howdah.ts";
import { connect, PORTS, postmasterOf, query } from "./harness/sql.ts";

const howdah = shared();
const SILENT = 1_500; // the gate lets one address have half of its 2,000 newcomers

/** Connections that say nothing, from another loopback address; those that were closed are out. */
async function silent(port: number, count: number): Promise<net.Socket[]> {
  const open = new Set<net.Socket>();
  const connecting = Array.from({ length: count }, () => {
    const socket = net.connect({ port, host: "127.0.0.1", localAddress: "127.0.0.77" });
    socket.on("error", () => {});
    socket.on("close", () => open.delete(socket));
    return new Promise<void>((resolve) => {
      socket.once("connect", () => {
        open.add(socket);
        resolve();
      });
      socket.once("close", () => resolve());
    });
  });
  await Promise.all(connecting);
  await new Promise((resolve) => setTimeout(resolve, 500));
  return [...open];
}

for (const port of PORTS) {
  test(`${SILENT} silent connections of one address keep nobody off the ${port} port`, async () => {
    const made = await howdah.it.api.createDatabase();
    const number =
      port === "direct" ? howdah.it.connection.direct_port : howdah.it.connection.pooled_port;
    const held = await silent(number, SILENT);
    try {
      assert.ok(held.length <= 1_000, `${held.length} of one address were let in`);
      assert.ok(held.length >= 500, `only ${held.length} were let in`);
      for (let i = 0; i < 10; ++i) {
        assert.deepEqual(await query(howdah.it, made, "SELECT 1 AS n", { port }), [{ n: 1 }]);
      }
    } finally {
      for (const socket of held) socket.destroy();
    }
    await howdah.it.api.deleteDatabase(made.id);
  });
}

/** Soft limit of private memory in bytes; undefined: none. */
function memoryCap(pid: number): number | undefined {
  const limits = readFileSync(`/proc/${pid}/limits`, "utf8");
  const soft = /^Max data size\s+(\S+)/m.exec(limits)![1]!;
  return soft === "unlimited" ? undefined : Number(soft);
}

test("each daemon's memory is capped, and an instance's is not by theirs", async () => {
  for (const daemon of ["howdahd", "howdah-gate", "howdah-node"] satisfies Daemon[]) {
    const cap = memoryCap(howdah.it.pidsOf(daemon)[0]!);
    assert.ok(
      cap !== undefined && cap >= 512 * 1024 ** 2 && cap <= 8 * 1024 ** 3,
      `${daemon}: ${cap}`,
    );
  }
  const made = await howdah.it.api.createDatabase();
  const session = await connect(howdah.it, made);
  assert.equal(memoryCap(await postmasterOf(session)), undefined);
  await session.end();
  await howdah.it.api.deleteDatabase(made.id);
});
