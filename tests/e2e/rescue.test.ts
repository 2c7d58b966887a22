// SPDX-License-Identifier: Apache-2.0
// The way to one's own data when nothing of Howdah's runs: `howdah rescue` and `howdah db export`.
import assert from "node:assert/strict";
import fs from "node:fs";
import path from "node:path";
import { test } from "node:test";
import type { Database } from "./harness/api.ts";
import { Howdah, makeBase } from "./harness/howdah.ts";
import { leftovers } from "./harness/leftovers.ts";
import { IS_ROOT, program } from "./harness/paths.ts";
import { type RunResult, run, runOk, until } from "./harness/run.ts";
import { connect, query } from "./harness/sql.ts";

const EXIT = { conflict: 4, notFound: 3, forbidden: 5, invalid: 2 };

async function withRows(howdah: Howdah, name: string): Promise<Database> {
  const made = await howdah.api.createDatabase({ friendlyName: name });
  await query(howdah, made, "CREATE TABLE kept AS SELECT generate_series(1, 1000) AS n");
  return made;
}

function slugOf(database: Database): string {
  return database.database_name.replace("tenant_", "");
}

function rescue(howdah: Howdah, args: string[]): Promise<RunResult> {
  return howdah.cli(["rescue", ...args], { timeoutMs: 60_000 });
}

const COUNT = ["-c", "SELECT 'rows ' || count(*) FROM kept"];

/** Nothing of a rescue is left: no process, no mount, no socket. */
function expectNothingLeft(howdah: Howdah): void {
  const left = leftovers(howdah.dataDir, howdah.uid).filter(
    (line) => !/connection\.json/.test(line),
  );
  assert.deepEqual(left, []);
  assert.ok(!fs.existsSync(`${howdah.runtimeDir}-r`));
}

for (const driver of IS_ROOT ? ["btrfs", "copy"] : ["copy"]) {
  test(`${driver}: with everything killed rescue reads the rows, and leaves nothing`, async () => {
    const howdah = await Howdah.start({ args: ["--volume-driver", driver] });
    try {
      const made = await withRows(howdah, "shop");
      const other = await withRows(howdah, "other");
      const session = await connect(howdah, made);
      await session.query("INSERT INTO kept VALUES (1001)");
      howdah.killEverything({ deep: true });
      await session.end().catch(() => {});

      const list = await rescue(howdah, []);
      assert.equal(list.code, 0, list.stderr);
      for (const { database_name } of [made, other])
        assert.match(list.stdout, new RegExp(database_name));
      expectNothingLeft(howdah);

      for (const name of [slugOf(made), made.database_name]) {
        const read = await rescue(howdah, [name, ...COUNT]);
        assert.equal(read.code, 0, read.stderr);
        assert.match(read.stdout, /rows 1001/);
        assert.match(read.stderr, /superuser/);
        expectNothingLeft(howdah);
      }
      const shell = await howdah.cli(["rescue", slugOf(made), "--", "-A", "-t"], {
        input: "SELECT current_user;\nDELETE FROM kept WHERE n > 10;\n",
      });
      assert.equal(shell.code, 0, shell.stderr);
      assert.match(shell.stdout, /howdah_admin\nDELETE 991/);

      const wrong = await rescue(howdah, ["nobody", ...COUNT]);
      assert.equal(wrong.code, EXIT.notFound);
      assert.match(wrong.stderr, new RegExp(slugOf(made)), "it names those that there are");
      assert.notEqual((await rescue(howdah, [slugOf(made), "-c", "SELECT 1/0"])).code, 0);
      expectNothingLeft(howdah);

      await howdah.up();
      const [row] = await query(howdah, made, "SELECT count(*)::int AS n FROM kept");
      assert.equal(row!.n, 10);
      await howdah.end();
    } finally {
      howdah.removeByForce();
    }
  });
}

test("a broken catalog, no gate and no secrets do not stand in its way", async () => {
  const howdah = await Howdah.start();
  try {
    const made = await withRows(howdah, "shop");
    assert.equal(await howdah.stop(), 0);
    for (const part of ["catalog", "secrets", "gate", "tls"]) {
      fs.rmSync(path.join(howdah.dataDir, part), { recursive: true });
    }
    const read = await rescue(howdah, [slugOf(made), ...COUNT]);
    assert.equal(read.code, 0, read.stderr);
    assert.match(read.stdout, /rows 1000/);
    expectNothingLeft(howdah);
  } finally {
    howdah.removeByForce();
  }
});

test("while Howdah runs one that is awake is joined, one that sleeps is refused", async () => {
  const howdah = await Howdah.start();
  try {
    const made = await withRows(howdah, "shop");
    const session = await connect(howdah, made);
    const awake = await rescue(howdah, [slugOf(made), ...COUNT]);
    assert.equal(awake.code, 0, awake.stderr);
    assert.match(awake.stdout, /rows 1000/);
    assert.match(awake.stderr, /left running/);
    assert.equal((await session.query("SELECT 1 AS one")).rows[0].one, 1);
    await session.end();

    await howdah.api.expect(200, "POST", `/api/databases/${made.id}/pause`);
    const asleep = await rescue(howdah, [slugOf(made), ...COUNT]);
    assert.equal(asleep.code, EXIT.conflict, asleep.stderr);
    assert.match(asleep.stderr, /sleeps/);
    assert.match(asleep.stderr, /howdah psql|stop Howdah/);
    await howdah.end();
  } finally {
    howdah.removeByForce();
  }
});

test("a rescue that is killed leaves nothing that the next start could not put right", async () => {
  const howdah = await Howdah.start();
  try {
    const made = await withRows(howdah, "shop");
    assert.equal(await howdah.stop(), 0);
    const sleeping = rescue(howdah, [slugOf(made), "-c", "SELECT pg_sleep(60)"]);
    await until("it runs", 30_000, () => howdah.postmasters().length === 1);
    howdah.killEverything({ deep: false });
    assert.notEqual((await sleeping).code, 0);
    await howdah.up();
    const [row] = await query(howdah, made, "SELECT count(*)::int AS n FROM kept");
    assert.equal(row!.n, 1000);
    await howdah.end();
  } finally {
    howdah.removeByForce();
  }
});

/** A server that has nothing to do with Howdah, on an exported folder. */
class Stock {
  private readonly bin: string;
  readonly data: string;
  private readonly uid: { uid?: number; gid?: number };
  private readonly sockets: string;

  constructor(data: string, bin: string) {
    this.data = data;
    this.bin = bin;
    const { uid, gid } = fs.statSync(data);
    this.uid = IS_ROOT ? { uid, gid } : {};
    this.sockets = fs.mkdtempSync("/tmp/stock-");
    if (IS_ROOT) fs.chownSync(this.sockets, uid, gid);
  }

  tool(name: string, args: string[]): Promise<string> {
    return runOk(path.join(this.bin, name), args, { ...this.uid, cwd: "/", timeoutMs: 120_000 });
  }

  async start(): Promise<void> {
    const log = path.join(this.sockets, "log");
    const only = `-c listen_addresses= -k ${this.sockets}`;
    await this.tool("pg_ctl", ["-D", this.data, "-w", "-l", log, "-o", only, "start"]);
  }

  sql(database: string, statement: string): Promise<string> {
    const to = ["-h", this.sockets, "-U", "howdah_admin", "-d", database];
    return runOk("psql", ["-X", "-A", "-t", ...to, "-c", statement], { ...this.uid, cwd: "/" });
  }

  async amcheck(): Promise<void> {
    if (!fs.existsSync(path.join(this.bin, "pg_amcheck"))) return; // from 14 on
    const to = ["-h", this.sockets, "-U", "howdah_admin"];
    // amcheck is not on Howdah's list; the export's own README says how it gets in.
    const list = await this.sql("postgres", "SELECT datname FROM pg_database WHERE datallowconn");
    for (const database of list.trim().split("\n")) {
      await this.sql(database, "ALTER EVENT TRIGGER howdah_guard_extensions DISABLE");
    }
    await this.tool("pg_amcheck", [...to, "--all", "--install-missing", "--heapallindexed"]);
  }

  stop(): Promise<string> {
    return this.tool("pg_ctl", ["-D", this.data, "-m", "fast", "-w", "stop"]);
  }

  remove(): void {
    fs.rmSync(this.sockets, { recursive: true, force: true });
  }
}

async function expectServes(data: string, database: Database, rows: number): Promise<void> {
  const major = fs.readFileSync(path.join(data, "PG_VERSION"), "utf8").trim();
  const readme = fs.readFileSync(path.join(data, "README.howdah"), "utf8");
  const bin = /start: +(\S+)\/pg_ctl/.exec(readme)?.[1] ?? "";
  assert.ok(fs.existsSync(path.join(bin, "pg_ctl")), `major ${major}: ${readme}`);
  for (const file of ["postgresql.conf", "pg_hba.conf", "pg_ident.conf"]) {
    assert.doesNotMatch(fs.readFileSync(path.join(data, file), "utf8"), /\/volume|\/run\/howdah/);
  }
  const stock = new Stock(data, bin);
  try {
    await stock.tool("pg_checksums", ["--check", "-D", data]);
    await stock.start();
    try {
      const found = await stock.sql(database.database_name, "SELECT count(*) FROM kept");
      assert.ok(Number(found) >= rows, `${found.trim()} of ${rows} rows`);
      await stock.amcheck();
    } finally {
      await stock.stop();
    }
  } finally {
    stock.remove();
  }
}

function ownerArgs(): string[] {
  return IS_ROOT ? ["--owner", "nobody"] : [];
}

for (const driver of IS_ROOT ? ["btrfs", "copy"] : ["copy"]) {
  test(`${driver}: an export of a database in use starts under stock PostgreSQL`, async () => {
    const howdah = await Howdah.start({ args: ["--volume-driver", driver] });
    const base = makeBase();
    try {
      const made = await withRows(howdah, "shop");
      const stop = driver === "copy" ? ["--stop"] : [];
      const to = path.join(base, "out");
      const writer = await connect(howdah, made);
      let acknowledged = 1000;
      const writing = (async () => {
        for (;;) {
          await writer.query("INSERT INTO kept SELECT max(n) + 1 FROM kept");
          acknowledged++;
        }
      })().catch(() => {});
      await until("it writes", 10_000, () => acknowledged > 1020);
      if (driver === "copy") {
        const torn = await howdah.cli(["db", "export", "shop", "--pgdata", to, ...ownerArgs()]);
        assert.equal(torn.code, EXIT.conflict, torn.stderr);
        assert.match(torn.stderr, /--stop/);
        assert.deepEqual(fs.readdirSync(base), [], "a refusal makes nothing");
      }
      const before = acknowledged;
      const args = ["db", "export", "shop", "--pgdata", to, ...stop, ...ownerArgs()];
      const done = await howdah.cli(args, { timeoutMs: 120_000 });
      assert.equal(done.code, 0, done.stderr);
      assert.match(done.stderr, /copying \d+/);
      assert.deepEqual(fs.readdirSync(base), ["out"]);
      if (driver === "btrfs") {
        await writer.end();
        await writing;
        assert.ok(acknowledged > before, "the writer was not disturbed");
      }
      await expectServes(to, made, before);
      const [row] = await query(howdah, made, "SELECT count(*)::int AS n FROM kept");
      assert.ok(row!.n >= before);

      const again = await howdah.cli(args);
      assert.equal(again.code, EXIT.conflict, again.stderr);
      assert.match(again.stderr, /not empty/);
      const staging = path.join(howdah.dataDir, "volume/.howdah-staging");
      if (fs.existsSync(staging)) assert.deepEqual(fs.readdirSync(staging), []);
      await howdah.end();
    } finally {
      fs.rmSync(base, { recursive: true, force: true });
      howdah.removeByForce();
    }
  });
}

test("an export with everything killed has every row; one that fails leaves nothing", async () => {
  const howdah = await Howdah.start();
  const base = makeBase();
  try {
    const made = await withRows(howdah, "shop");
    howdah.killEverything({ deep: true });
    const to = path.join(base, "out");
    fs.mkdirSync(to); // an empty folder is as good as none
    const name = slugOf(made);
    const missing = ["db", "export", name, "--pgdata", path.join(base, "a/b"), ...ownerArgs()];
    assert.equal((await howdah.cli(missing)).code, EXIT.notFound);
    if (IS_ROOT) {
      fs.chmodSync(base, 0o700); // its owner cannot enter, so it cannot be started there
      const closed = await howdah.cli(["db", "export", name, "--pgdata", to, ...ownerArgs()]);
      assert.notEqual(closed.code, 0);
      assert.match(closed.stderr, /can user \d+ enter/);
      assert.deepEqual(fs.readdirSync(base), ["out"]);
      fs.chmodSync(base, 0o755);
    }
    const done = await howdah.cli(["db", "export", name, "--pgdata", to, ...ownerArgs()]);
    assert.equal(done.code, 0, done.stderr);
    await expectServes(to, made, 1000);
    expectNothingLeft(howdah);
    await howdah.up();
    await howdah.end();
  } finally {
    fs.rmSync(base, { recursive: true, force: true });
    howdah.removeByForce();
  }
});

test("what is wrong with a rescue is said before anything is touched", async () => {
  const base = makeBase();
  try {
    const at = ["--data-dir", path.join(base, "none")];
    const none = await run(program("howdah"), [...at, "rescue", "x"]);
    assert.equal(none.code, EXIT.notFound);
    assert.match(none.stderr, /--data-dir/);
    assert.ok(!fs.existsSync(path.join(base, "none")));
    const owner = ["db", "export", "x", "--pgdata", path.join(base, "o"), "--owner", "nobody-such"];
    assert.equal((await run(program("howdah"), [...at, ...owner])).code, EXIT.invalid);
  } finally {
    fs.rmSync(base, { recursive: true, force: true });
  }
});
