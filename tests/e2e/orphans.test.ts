// SPDX-License-Identifier: Apache-2.0
// What a crash, a person or an older catalog leaves behind: found, told, and put right by
// `howdah doctor --fix` without losing anything.
import assert from "node:assert/strict";
import fs from "node:fs";
import path from "node:path";
import { test } from "node:test";
import { Howdah } from "./harness/howdah.ts";
import { mountsOf } from "./harness/leftovers.ts";
import { IS_ROOT } from "./harness/paths.ts";
import { runOk, until } from "./harness/run.ts";
import { query } from "./harness/sql.ts";

const EXIT_FINDINGS = 6;

interface Finding {
  name: string;
  status: string;
  text: string;
  fix: string;
}

async function orphansOf(howdah: Howdah): Promise<Finding[]> {
  const result = await howdah.cli(["doctor", "-o", "json"]);
  const rows = JSON.parse(result.stdout) as Finding[];
  return rows.filter(({ name, status }) => name === "orphans" && status !== "ok");
}

/** The catalog's own psql, as the platform. */
function catalogSql(howdah: Howdah, sql: string): Promise<string> {
  const to = ["-h", path.join(howdah.runtimeDir, "i/catalog"), "-U", "howdah_admin"];
  return runOk("psql", ["-X", "-A", "-t", ...to, "-d", "postgres_control", "-c", sql]);
}

test("an instance that no database has is told, set aside when asked, and never deleted", {
  skip: !IS_ROOT,
}, async () => {
  const howdah = await Howdah.start({
    allowedAlarms: [/belongs to no branch/, /was set aside/],
  });
  try {
    const orphan = await howdah.api.createDatabase({ friendlyName: "orphan" });
    const owned = await howdah.api.createDatabase({ friendlyName: "owned" });
    for (const database of [orphan, owned]) {
      await query(howdah, database, "CREATE TABLE kept AS SELECT 42 AS n");
    }
    assert.deepEqual(await orphansOf(howdah), []);
    // As after an older catalog was put back.
    const instance = (
      await catalogSql(
        howdah,
        `SELECT instance_id FROM howdah.branches WHERE database_id = '${orphan.id}'`,
      )
    ).trim();
    await catalogSql(
      howdah,
      `BEGIN; SET LOCAL session_replication_role = replica;
       DELETE FROM howdah.branches WHERE database_id = '${orphan.id}';
       DELETE FROM howdah.databases WHERE id = '${orphan.id}'; COMMIT`,
    );
    const [finding, ...others] = await orphansOf(howdah);
    assert.deepEqual(others, []);
    assert.match(finding!.text, new RegExp(`${instance} .*belongs to no database`));
    assert.match(finding!.fix, /orphans\//);

    const dry = await howdah.cli(["doctor", "--fix", "--dry-run"]);
    assert.match(dry.stdout, new RegExp(`would move instance ${instance}`));
    const unasked = await howdah.cli(["doctor", "--fix"]); // no terminal to ask on
    assert.notEqual(unasked.code, 0);
    const instances = path.join(howdah.dataDir, "volume/instances");
    assert.ok(fs.existsSync(path.join(instances, instance)), "nothing was done");

    await until("it has no sessions", 30_000, async () => {
      const fixed = await howdah.cli(["doctor", "--fix", "--yes"]);
      return /done/.test(fixed.stdout);
    });
    assert.ok(!fs.existsSync(path.join(instances, instance)));
    const [aside] = fs.readdirSync(path.join(howdah.dataDir, "volume/orphans"));
    assert.match(aside!, new RegExp(instance));
    assert.deepEqual(await query(howdah, owned, "SELECT n FROM kept"), [{ n: 42 }]);
    const told = await orphansOf(howdah);
    assert.deepEqual(
      told.map(({ status }) => status),
      ["note"],
    );
    // Put back by hand it has everything.
    await howdah.stop();
    await runOk("mount", [
      "-o",
      "loop",
      path.join(howdah.dataDir, "volume.img"),
      path.join(howdah.dataDir, "volume"),
    ]);
    fs.renameSync(
      path.join(howdah.dataDir, "volume/orphans", aside!),
      path.join(instances, instance),
    );
    await runOk("umount", [path.join(howdah.dataDir, "volume")]);
    const slug = orphan.database_name.replace("tenant_", "");
    const read = await howdah.cli(["rescue", slug, "-c", "SELECT 'n is ' || n FROM kept"]);
    assert.match(read.stdout, /n is 42/, read.stderr);
  } finally {
    howdah.removeByForce();
  }
});

test("what a crash leaves of mounts, sockets and rescues is put right while Howdah is down", {
  skip: !IS_ROOT,
}, async () => {
  const howdah = await Howdah.start();
  try {
    const made = await howdah.api.createDatabase();
    howdah.killEverything({ deep: false });
    const stale = path.join(howdah.runtimeDir, "i/i-000000000000");
    fs.mkdirSync(stale);
    fs.mkdirSync(`${howdah.runtimeDir}-r`);
    assert.equal(mountsOf(howdah.dataDir).length, 1);
    const texts = (await orphansOf(howdah)).map(({ fix }) => fix).join("\n");
    for (const what of [/unmount .*volume/, /remove .*i-000000000000/, /remove .*-r/]) {
      assert.match(texts, what);
    }
    const fixed = await howdah.cli(["doctor", "--fix", "--yes"]);
    assert.match(fixed.stdout, /3 put right/, fixed.stdout);
    assert.equal(fixed.code, EXIT_FINDINGS, "the crash itself is still told");
    assert.ok(!fs.existsSync(stale));
    assert.ok(fs.existsSync(path.join(howdah.runtimeDir, "i/catalog")));
    assert.deepEqual(mountsOf(howdah.dataDir), []);
    assert.deepEqual(await orphansOf(howdah), []);
    await howdah.up();
    assert.deepEqual(await query(howdah, made, "SELECT 1 AS one"), [{ one: 1 }]);
    await howdah.end();
  } finally {
    howdah.removeByForce();
  }
});

test("holes in the volume's image are filled, while it is used", { skip: !IS_ROOT }, async () => {
  const howdah = await Howdah.start();
  try {
    const made = await howdah.api.createDatabase();
    await query(howdah, made, "CREATE TABLE t AS SELECT generate_series(1, 1000) AS n");
    const image = path.join(howdah.dataDir, "volume.img");
    await howdah.stop();
    await runOk("fallocate", ["--dig-holes", image]);
    const whole = () => fs.statSync(image).blocks * 512 >= fs.statSync(image).size;
    assert.ok(!whole());
    await howdah.up();
    const fixed = await howdah.cli(["doctor", "--fix", "--yes"]);
    assert.match(fixed.stdout, /allocate the .* lacks/);
    assert.ok(whole());
    const rows = await query(howdah, made, "SELECT count(*)::int AS n FROM t");
    assert.deepEqual(rows, [{ n: 1000 }]);
    await howdah.end();
  } finally {
    howdah.removeByForce();
  }
});
