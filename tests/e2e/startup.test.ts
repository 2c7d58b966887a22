// SPDX-License-Identifier: Apache-2.0
// Starting and stopping: what stands in the way is named with what to do about it, and nothing is
// changed or left behind.
import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import fs from "node:fs";
import net from "node:net";
import os from "node:os";
import path from "node:path";
import { test } from "node:test";
import { declared } from "./harness/errors.ts";
import { Howdah, makeBase } from "./harness/howdah.ts";
import { leftovers, removeByForce } from "./harness/leftovers.ts";
import { IS_ROOT, program, publicProgram } from "./harness/paths.ts";
import { exitOf, type RunOptions, type RunResult, run, sleep, until } from "./harness/run.ts";
import { query } from "./harness/sql.ts";

const EXIT_CONFLICT = 4;
const EXIT_CONFIG = 78;
const NOBODY = 65534;
const FREE_PORTS = ["--http-port", "0", "--direct-port", "0", "--pooled-port", "0"];
const SMALL = ["--volume-size", String(1024 ** 3), "--no-sample"];

/** A start that is expected to fail by itself. */
function startFailing(dataDir: string, args: string[], options: RunOptions = {}) {
  const all = ["up", "--data-dir", dataDir, ...SMALL, ...args];
  const file = options.uid === undefined ? program("howdah") : publicProgram("howdah");
  return run(file, all, { timeoutMs: 60_000, env: { NO_COLOR: "1" }, ...options });
}

function assertClear(result: RunResult, code: number, ...words: RegExp[]): void {
  assert.equal(result.code, code, result.stdout + result.stderr);
  for (const word of words) assert.match(result.stderr, word);
}

/** A folder of its own for the test, removed with everything in it at the end. */
async function inFolder(job: (folder: string, dataDir: string) => Promise<void>): Promise<void> {
  const folder = makeBase();
  const dataDir = path.join(folder, "data");
  try {
    await job(folder, dataDir);
  } finally {
    removeByForce(dataDir);
    fs.rmSync(folder, { recursive: true, force: true });
  }
}

for (const flag of ["--http-port", "--direct-port", "--pooled-port"]) {
  test(`${flag} in use: the error names the port, who has it, and how to choose another`, () =>
    inFolder(async (_folder, dataDir) => {
      const taken = net.createServer();
      await new Promise<void>((resolve) => taken.listen(0, "127.0.0.1", resolve));
      const { port } = taken.address() as net.AddressInfo;
      try {
        const ports = FREE_PORTS.with(FREE_PORTS.indexOf(flag) + 1, String(port));
        const result = await startFailing(dataDir, ports);
        const wanted = [new RegExp(`${port}`), new RegExp(flag)];
        assertClear(result, declared("port_in_use").exit, ...wanted);
        assert.match(result.stderr, new RegExp(`node|${process.pid}`), "who has it");
        assert.deepEqual(leftovers(dataDir), []);
      } finally {
        taken.close();
      }
    }));
}

test("no PostgreSQL on the machine: the error says what to install", { skip: !IS_ROOT }, () =>
  inFolder(async (_folder, dataDir) => {
    // Only this start sees the empty folder.
    const hide = 'mount -t tmpfs tmpfs /usr/lib/postgresql && exec "$@"';
    const up = [program("howdah"), "up", "--data-dir", dataDir, ...SMALL, ...FREE_PORTS];
    const result = await run("unshare", ["-m", "sh", "-c", hide, "sh", ...up]);
    assertClear(result, EXIT_CONFIG, /PostgreSQL/, /install/);
    assert.deepEqual(leftovers(dataDir), []);
  }),
);

test("no PostgreSQL in --postgres-dir: the error names the folder", () =>
  inFolder(async (folder, dataDir) => {
    const empty = path.join(folder, "empty");
    fs.mkdirSync(empty);
    const result = await startFailing(dataDir, [...FREE_PORTS, "--postgres-dir", empty]);
    assertClear(result, EXIT_CONFIG, new RegExp(empty), /--postgres-dir/);
    assert.equal(result.stderr.split("--postgres-dir").length, 2, `said once:\n${result.stderr}`);
    assert.deepEqual(leftovers(dataDir), []);
  }));

test("a read-only data folder is refused with its name", { skip: !IS_ROOT }, () =>
  inFolder(async (folder, dataDir) => {
    fs.mkdirSync(dataDir);
    execFileSync("mount", ["-t", "tmpfs", "-o", "ro,size=1m", "tmpfs", folder]);
    try {
      assertClear(await startFailing(dataDir, FREE_PORTS), EXIT_CONFIG, new RegExp(dataDir));
    } finally {
      execFileSync("umount", [folder]);
    }
  }),
);

test("a full data folder is refused before anything is made", { skip: !IS_ROOT }, () =>
  inFolder(async (folder, dataDir) => {
    execFileSync("mount", ["-t", "tmpfs", "-o", "size=20m,mode=755", "tmpfs", folder]);
    try {
      const result = await startFailing(dataDir, FREE_PORTS);
      assertClear(result, EXIT_CONFIG, new RegExp(folder), /free/);
      assert.deepEqual(leftovers(dataDir), []);
    } finally {
      execFileSync("umount", [folder]);
    }
  }),
);

test("a checkout that only root may enter, such as one in /root, works", {
  skip: !IS_ROOT,
}, async () => {
  const bin = fs.mkdtempSync(path.join(os.tmpdir(), "howdah-e2e-closed-"));
  for (const name of ["howdah", "howdahd", "howdah-gate", "howdah-node"]) {
    fs.copyFileSync(program(name), path.join(bin, name));
  }
  try {
    const howdah = await Howdah.start({ bin });
    const made = await howdah.api.createDatabase();
    assert.deepEqual(await query(howdah, made, "SELECT 1 AS one"), [{ one: 1 }]);
    await howdah.end();
  } finally {
    fs.rmSync(bin, { recursive: true });
  }
});

test("someone else's folder is refused", { skip: !IS_ROOT }, () =>
  inFolder(async (folder, dataDir) => {
    fs.mkdirSync(dataDir, { mode: 0o755 });
    const result = await startFailing(dataDir, FREE_PORTS, { uid: NOBODY, gid: NOBODY });
    assertClear(result, EXIT_CONFIG, new RegExp(dataDir), /--data-dir/);
    assert.deepEqual(fs.readdirSync(dataDir), []);
    assert.deepEqual(fs.readdirSync(folder), ["data"]);
  }),
);

test("a folder with other things in it is not taken over", () =>
  inFolder(async (_folder, dataDir) => {
    fs.mkdirSync(dataDir);
    fs.writeFileSync(path.join(dataDir, "thesis.txt"), "ten years of work");
    const result = await startFailing(dataDir, FREE_PORTS);
    assertClear(result, EXIT_CONFIG, /thesis\.txt/, /--data-dir/);
    assert.deepEqual(fs.readdirSync(dataDir), ["thesis.txt"]);
  }));

test("a second start on the same folder is refused and disturbs nothing", async () => {
  const howdah = await Howdah.start();
  try {
    const made = await howdah.api.createDatabase();
    const result = await startFailing(howdah.dataDir, FREE_PORTS);
    assertClear(result, EXIT_CONFLICT, new RegExp(howdah.dataDir));
    assert.deepEqual(await query(howdah, made, "SELECT 1 AS n"), [{ n: 1 }]);
    await howdah.api.expect(200, "GET", "/api/databases");
    await howdah.end();
  } finally {
    howdah.removeByForce();
  }
});

test("two data folders run side by side and know nothing of each other", async () => {
  const both = [await Howdah.start(), await Howdah.start()];
  const [one, two] = both as [Howdah, Howdah];
  try {
    const made = [await one.api.createDatabase(), await two.api.createDatabase()] as const;
    await query(one, made[0], "CREATE TABLE t AS SELECT 'one' AS place");
    await query(two, made[1], "CREATE TABLE t AS SELECT 'two' AS place");
    assert.deepEqual(await query(one, made[0], "SELECT place FROM t"), [{ place: "one" }]);
    assert.deepEqual(await query(two, made[1], "SELECT place FROM t"), [{ place: "two" }]);
    assert.equal((await one.api.call("GET", `/api/databases/${made[1].id}`)).status, 404);
    await one.api.problem(401, "GET", "/api/databases", { key: two.api.key });
    await one.end();
    assert.deepEqual(await query(two, made[1], "SELECT place FROM t"), [{ place: "two" }]);
    await two.end();
  } finally {
    for (const howdah of both) howdah.removeByForce();
  }
});

for (const signal of ["SIGTERM", "SIGINT"] as const) {
  test(`${signal} ends everything within seconds, with sessions open`, async () => {
    const howdah = await Howdah.start();
    try {
      const made = await howdah.api.createDatabase();
      const { connect } = await import("./harness/sql.ts");
      const session = await connect(howdah, made);
      await session.query("BEGIN; CREATE TABLE t (n int)");
      const started = performance.now();
      process.kill(howdah.pid, signal);
      await until("it has ended", 30_000, () => leftovers(howdah.dataDir).length === 0);
      assert.ok(performance.now() - started < 20_000);
      await howdah.end();
    } finally {
      howdah.removeByForce();
    }
  });
}

test("SIGTERM under heavy writing ends everything, and what was committed stays", async () => {
  const howdah = await Howdah.start();
  try {
    const made = await howdah.api.createDatabase();
    const { connect } = await import("./harness/sql.ts");
    await query(howdah, made, "CREATE TABLE kept AS SELECT 1 AS n; CREATE TABLE big (t text)");
    const writers = await Promise.all([1, 2, 3].map(() => connect(howdah, made)));
    const sql = "INSERT INTO big SELECT repeat(md5(i::text), 20) FROM generate_series(1, 1e7) i";
    const writing = writers.map((session) => session.query(sql).catch(() => {}));
    await sleep(2000);
    assert.equal(await howdah.stop(), 0);
    await Promise.all(writing);
    assert.deepEqual(leftovers(howdah.dataDir), []);
    await howdah.up();
    assert.deepEqual(await query(howdah, made, "SELECT n FROM kept"), [{ n: 1 }]);
    await howdah.end();
  } finally {
    howdah.removeByForce();
  }
});

test("SIGTERM in the middle of a start leaves nothing running", () =>
  inFolder(async (_folder, dataDir) => {
    for (const delayMs of [50, 300, 900]) {
      const args = ["up", "--data-dir", dataDir, ...SMALL, ...FREE_PORTS];
      const child = spawn(program("howdah"), args, { stdio: "ignore" });
      await sleep(delayMs);
      child.kill("SIGTERM");
      await exitOf(child, 30_000);
      assert.deepEqual(leftovers(dataDir), [], `after ${delayMs} ms`);
    }
  }));

test("a key preset by the environment works, and again after a restart", async () => {
  const key = "preset-0123456789abcdef0123456789abcdef0123456789abcdef";
  const howdah = await Howdah.start({ env: { HOWDAH_API_KEY: key } });
  try {
    await howdah.api.expect(200, "GET", "/api/databases", { key });
    await howdah.restart();
    await howdah.api.expect(200, "GET", "/api/databases", { key });
    assert.ok(!howdah.output.includes(key));
    const again = await howdah.api.expect(200, "GET", "/api/keys");
    assert.equal(again.data.filter((row: { kind: string }) => row.kind === "preset").length, 1);
    await howdah.end();
  } finally {
    howdah.removeByForce();
  }
});

test("connection.json is for its owner only", async () => {
  const howdah = await Howdah.start();
  try {
    const file = path.join(howdah.dataDir, "connection.json");
    assert.equal(fs.statSync(file).mode & 0o777, 0o600);
    assert.equal(howdah.connection.pid, howdah.pid);
    await howdah.end();
  } finally {
    howdah.removeByForce();
  }
});

test("the first start makes a sample database, and its summary works as printed", async () => {
  const howdah = await Howdah.start({ sample: true });
  try {
    const list = await howdah.api.expect(200, "GET", "/api/databases");
    assert.equal(list.count, 1);
    await until("the summary", 5_000, () => /psql/.test(howdah.output));
    const command = /^.*?(psql ".*)$/m.exec(howdah.output)?.[1];
    assert.ok(command, howdah.output);
    const sql = "SELECT count(*) > 0 FROM pg_stat_user_tables";
    const { stdout, stderr } = await run("bash", ["-c", `${command.trim()} -XAtc '${sql}'`]);
    assert.equal(stdout.trim(), "t", stderr);
    assert.ok(howdah.output.includes(howdah.connection.api_url));
    await howdah.restart();
    assert.equal((await howdah.api.expect(200, "GET", "/api/databases")).count, 1);
    await howdah.end();
  } finally {
    howdah.removeByForce();
  }
});

test("secrets are in no command line, no environment and no log", { skip: !IS_ROOT }, async () => {
  const howdah = await Howdah.start();
  try {
    const made = await howdah.api.createDatabase();
    await query(howdah, made, "SELECT 1");
    const secrets = [made.password, howdah.api.key];
    const { processesOf } = await import("./harness/leftovers.ts");
    for (const { pid } of processesOf(howdah.dataDir)) {
      for (const file of ["cmdline", "environ"]) {
        const text = fs.readFileSync(`/proc/${pid}/${file}`, "utf8");
        assert.ok(!secrets.some((secret) => text.includes(secret)), `/proc/${pid}/${file}`);
      }
    }
    const logs = path.join(howdah.dataDir, "logs");
    for (const name of fs.readdirSync(logs)) {
      const text = fs.readFileSync(path.join(logs, name), "utf8");
      assert.ok(!secrets.some((secret) => text.includes(secret)), name);
    }
    await howdah.end();
  } finally {
    howdah.removeByForce();
  }
});
