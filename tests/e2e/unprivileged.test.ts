// SPDX-License-Identifier: Apache-2.0
// Without root everything runs as the caller, with the drivers and walls that this allows, and says
// once what is missing.
import assert from "node:assert/strict";
import fs from "node:fs";
import { test } from "node:test";
import { Howdah } from "./harness/howdah.ts";
import { processesOf } from "./harness/leftovers.ts";
import { IS_ROOT, publicProgram } from "./harness/paths.ts";
import { run, until } from "./harness/run.ts";
import { query } from "./harness/sql.ts";

const NOBODY = 65534;

test("as an ordinary user: create, query, suspend, wake, stop", async () => {
  const user = IS_ROOT ? { uid: NOBODY, gid: NOBODY } : {};
  const howdah = await Howdah.start({
    ...user,
    env: { HOME: "/nonexistent", XDG_RUNTIME_DIR: "" },
  });
  try {
    const made = await howdah.api.createDatabase({ suspendAfterSeconds: 1 });
    await query(howdah, made, "CREATE TABLE t AS SELECT 42 AS n");
    for (const { pid } of processesOf(howdah.dataDir)) {
      assert.equal(fs.statSync(`/proc/${pid}`).uid, howdah.uid);
    }
    await until("it is suspended", 20_000, async () => {
      const shown = await howdah.api.expect(200, "GET", `/api/databases/${made.id}`);
      return shown.data.status === "suspended";
    });
    assert.deepEqual(await query(howdah, made, "SELECT n FROM t"), [{ n: 42 }]);
    await howdah.restart();
    assert.deepEqual(await query(howdah, made, "SELECT n FROM t"), [{ n: 42 }]);
    const doctor = await howdah.cli(["doctor"]);
    assert.match(doctor.stdout + doctor.stderr, /root|copy/);
    await howdah.end();
  } finally {
    howdah.removeByForce();
  }
});

test("who called sudo commands it without being root; others do not", {
  skip: !IS_ROOT,
}, async () => {
  const howdah = await Howdah.start({ env: { SUDO_USER: "nobody" } });
  const as = (uid: number, args: string[]) =>
    run(publicProgram("howdah"), ["--data-dir", howdah.dataDir, ...args], {
      uid,
      gid: NOBODY,
      env: { HOME: "/nonexistent" },
    });
  try {
    const made = await as(NOBODY, ["db", "create", "mine"]);
    assert.equal(made.code, 0, made.stderr);
    const asked = await as(NOBODY, ["psql", "mine", "--", "-XAtc", "SELECT 6 * 7"]);
    assert.equal(asked.stdout, "42\n", asked.stderr);
    const status = await as(NOBODY, ["status", "-o", "json"]);
    assert.equal(JSON.parse(status.stdout).api_url, howdah.connection.api_url);
    const key = (await as(NOBODY, ["key", "create", "ci", "--quiet"])).stdout.trim();
    await howdah.api.expect(200, "GET", "/api/databases", { key });
    const other = await as(1, ["db", "list"]);
    assert.equal(other.code, 5, other.stderr);
    await howdah.end();
  } finally {
    howdah.removeByForce();
  }
});

test("the copy driver does the same as root", { skip: !IS_ROOT }, async () => {
  const howdah = await Howdah.start({ args: ["--volume-driver", "copy"] });
  try {
    const made = await howdah.api.createDatabase();
    await query(howdah, made, "CREATE TABLE t AS SELECT 42 AS n");
    await howdah.restart();
    assert.deepEqual(await query(howdah, made, "SELECT n FROM t"), [{ n: 42 }]);
    await howdah.end();
  } finally {
    howdah.removeByForce();
  }
});
