// SPDX-License-Identifier: Apache-2.0
// howdah uninstall: what Howdah made goes, the data only when its folder is named.
import assert from "node:assert/strict";
import fs from "node:fs";
import path from "node:path";
import { test } from "node:test";
import { Howdah, makeBase } from "./harness/howdah.ts";
import { leftovers } from "./harness/leftovers.ts";

test("it stops Howdah and keeps the data; --purge needs the folder's name", async () => {
  const base = makeBase();
  const dataDir = path.join(base, "data");
  const howdah = await Howdah.start({ dataDir });
  const destination = ["--destdir", path.join(base, "dest")];
  try {
    await howdah.api.createDatabase({ friendlyName: "precious" });
    const unsure = await howdah.cli(["uninstall", ...destination, "--no-input"]);
    assert.equal(unsure.code, 2);
    assert.ok(fs.existsSync(path.join(dataDir, "connection.json")), "it still runs");
    const remaining = await howdah.cli(["uninstall", ...destination, "--yes"]);
    assert.equal(remaining.code, 0, remaining.stderr);
    assert.match(remaining.stderr, /The data is still in/);
    assert.deepEqual(leftovers(fs.realpathSync(dataDir)), []);

    await howdah.up();
    assert.equal((await howdah.api.expect(200, "GET", "/api/databases")).count, 1);
    for (const answer of [["--yes"], ["--folder", path.join(base, "other")]]) {
      const refused = await howdah.cli(["uninstall", "--purge", ...destination, ...answer]);
      assert.equal(refused.code, 2, refused.stderr);
      assert.ok(fs.existsSync(path.join(dataDir, "connection.json")), "it still runs");
    }
    const folder = fs.realpathSync(dataDir);
    const gone = await howdah.cli(["uninstall", "--purge", "--folder", folder, ...destination]);
    assert.equal(gone.code, 0, gone.stderr);
    assert.ok(!fs.existsSync(dataDir));
    assert.deepEqual(leftovers(folder), []);
    const again = await howdah.cli(["uninstall", "--purge", "--folder", folder, ...destination]);
    assert.equal(again.code, 3, "there is nothing to remove");
  } finally {
    howdah.removeByForce();
    fs.rmSync(base, { recursive: true, force: true });
  }
});
