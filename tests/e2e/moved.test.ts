// SPDX-License-Identifier: Apache-2.0
// A data folder is moved, copied, or met by another version of Howdah.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import fs from "node:fs";
import path from "node:path";
import { test } from "node:test";
import { Howdah, makeBase } from "./harness/howdah.ts";
import { leftovers, removeByForce } from "./harness/leftovers.ts";
import { IS_ROOT, program, publicProgram } from "./harness/paths.ts";
import { run } from "./harness/run.ts";
import { query } from "./harness/sql.ts";

const EXIT_CONFIG = 78;
const NOBODY = 65534;
const FREE_PORTS = ["--http-port", "0", "--direct-port", "0", "--pooled-port", "0"];

interface Kind {
  name: string;
  skip: boolean;
  args: string[];
  user: { uid?: number; gid?: number };
}
const KINDS: Kind[] = [
  { name: "as root", skip: !IS_ROOT, args: [], user: {} },
  {
    name: "as an ordinary user",
    skip: false,
    args: [],
    user: IS_ROOT ? { uid: NOBODY, gid: NOBODY } : {},
  },
];

for (const { name, skip, args, user } of KINDS) {
  test(`${name}: a moved folder goes on, a copy beside the original is refused`, {
    skip,
  }, async () => {
    const base = makeBase();
    if (user.uid !== undefined) fs.chownSync(base, user.uid, user.gid!);
    const first = path.join(base, "first");
    const second = path.join(base, "second");
    const copy = path.join(base, "copy");
    const env = { HOME: "/nonexistent", XDG_RUNTIME_DIR: "" };
    const original = await Howdah.start({ dataDir: first, args, env, ...user });
    let moved: Howdah | undefined;
    try {
      const made = await original.api.createDatabase();
      await query(original, made, "CREATE TABLE t AS SELECT 42 AS n");
      // Copied while it runs: what everybody tries once. The image is preallocated: left out.
      execFileSync("sh", [
        "-c",
        `cp -a "$1" "$2" 2>/dev/null; rm -rf "$2/volume.img"`,
        "sh",
        first,
        copy,
      ]);
      const up = ["up", "--data-dir", copy, "--no-sample", ...FREE_PORTS];
      const file = user.uid === undefined ? program("howdah") : publicProgram("howdah");
      const refused = await run(file, up, { env: { NO_COLOR: "1", ...env }, ...user });
      assert.equal(refused.code, EXIT_CONFIG, refused.stdout + refused.stderr);
      assert.match(refused.stderr, new RegExp(`copy of ${first}, which is still there`));
      assert.match(refused.stderr, /move the other away|delete/);
      // It has the original's id, and so the names of its control groups.
      const left = leftovers(copy).filter((one) => !one.startsWith("control groups"));
      assert.deepEqual(left, []);
      assert.deepEqual(await query(original, made, "SELECT n FROM t"), [{ n: 42 }], "unharmed");

      assert.equal(await original.stop(), 0);
      fs.renameSync(first, second);
      moved = await Howdah.start({ dataDir: second, args, env, ...user });
      const asked = { ...made };
      assert.deepEqual(await query(moved, asked, "SELECT n FROM t"), [{ n: 42 }]);
      const more = await moved.api.createDatabase();
      assert.deepEqual(await query(moved, more, "SELECT 1 AS one"), [{ one: 1 }]);
      await moved.end();
    } finally {
      moved?.removeByForce();
      original.removeByForce();
      removeByForce(copy, user.uid);
      fs.rmSync(base, { recursive: true, force: true });
    }
  });
}

test("a folder of a newer format is refused, and says what to do", async () => {
  const howdah = await Howdah.start();
  try {
    assert.equal(await howdah.stop(), 0);
    const file = path.join(howdah.dataDir, "howdah.json");
    const text = fs.readFileSync(file, "utf8");
    const newer = { ...JSON.parse(text), format: 2 };
    fs.writeFileSync(file, JSON.stringify(newer));
    const args = ["up", "--data-dir", howdah.dataDir, "--no-sample", ...FREE_PORTS];
    const refused = await run(program("howdah"), args);
    assert.equal(refused.code, EXIT_CONFIG, refused.stderr);
    assert.match(refused.stderr, /newer Howdah/);
    assert.match(refused.stderr, /use that newer version/);
    fs.writeFileSync(file, text);
    await howdah.up();
    await howdah.end();
  } finally {
    howdah.removeByForce();
  }
});
