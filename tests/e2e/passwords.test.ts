// SPDX-License-Identifier: Apache-2.0
// Passwords over time: new ones by the API and by the command line, those that users set by their
// own SQL, and that an old one never comes back.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { test } from "node:test";
import type { Database } from "./harness/api.ts";
import { shared } from "./harness/howdah.ts";
import { run, runOk, sleep, until } from "./harness/run.ts";
import { connect, PORTS, psql, query, refusal, type Target, verifiedUri } from "./harness/sql.ts";

const howdah = shared();

interface Credential {
  generation: number;
  set_by: "platform" | "sql";
  valid: boolean;
  valid_until: string | null;
  last_seen: string | null;
  role_problem: string | null;
}

async function credentials(database: Database): Promise<Credential[]> {
  const path = `/api/databases/${database.id}/credentials`;
  return (await howdah.it.api.expect(200, "GET", path)).data;
}

/** POST rotate-password; what it answers in data. */
async function rotate(database: Database, body: Record<string, unknown> = {}) {
  const path = `/api/databases/${database.id}/rotate-password`;
  return (await howdah.it.api.expect(200, "POST", path, { body })).data;
}

async function opens(database: Database, password: string, target: Target = {}): Promise<boolean> {
  try {
    await query(howdah.it, database, "SELECT 1", { ...target, password });
    return true;
  } catch (error) {
    assert.equal((error as { code?: string }).code, "28P01", (error as Error).message);
    return false;
  }
}

/** The password opens both ports within a second, and the old one none. */
async function isInForce(database: Database, fresh: string, old: string): Promise<number> {
  const started = performance.now();
  await until("the new password opens", 5_000, () => opens(database, fresh));
  const ms = performance.now() - started;
  assert.ok(ms < 1_000, `only after ${ms} ms`);
  for (const port of PORTS) {
    assert.ok(await opens(database, fresh, { port }), `the new password on the ${port} port`);
    assert.ok(!(await opens(database, old, { port })), `the old password on the ${port} port`);
  }
  return ms;
}

async function isKnown(database: Database, generation: number, setBy: string): Promise<void> {
  await until("the platform knows the new password", 10_000, async () => {
    const newest = (await credentials(database)).at(-1)!;
    return newest.generation === generation && newest.set_by === setBy && newest.valid;
  });
}

const REVEAL = (database: Database) => `/api/databases/${database.id}/connection-strings/reveal`;

test("a rotation gives a new password, and the old one is valid until its grace ends", async () => {
  const made = await howdah.it.api.createDatabase();
  const rotated = await rotate(made, { graceSeconds: 3 });
  assert.equal(rotated.generation, 2);
  assert.notEqual(rotated.password, made.password);
  assert.ok(rotated.connection_string.includes(rotated.password));
  for (const port of PORTS) {
    assert.ok(await opens(made, rotated.password, { port }));
    assert.ok(await opens(made, made.password, { port }), "the old one, in its grace");
  }
  const revealed = await howdah.it.api.expect(200, "POST", REVEAL(made));
  assert.equal(revealed.data.password, rotated.password);
  const seen = await credentials(made);
  assert.deepEqual(
    seen.map(({ generation, valid }) => ({ generation, valid })),
    [
      { generation: 1, valid: true },
      { generation: 2, valid: true },
    ],
  );
  const end = Date.parse(seen[0]!.valid_until!);
  // Also without the control plane.
  const [stopped] = howdah.it.pidsOf("howdahd");
  process.kill(stopped!, "SIGSTOP");
  try {
    await sleep(Math.max(0, end - Date.now()) + 50);
    for (const port of PORTS) {
      assert.ok(!(await opens(made, made.password, { port })), `on the ${port} port`);
      assert.ok(await opens(made, rotated.password, { port }));
    }
  } finally {
    process.kill(stopped!, "SIGCONT");
  }
  await howdah.it.api.deleteDatabase(made.id);
});

test("the list tells which password was used last", async () => {
  const made = await howdah.it.api.createDatabase();
  assert.equal((await credentials(made))[0]!.last_seen, null);
  const rotated = await rotate(made);
  await query(howdah.it, made, "SELECT 1", { password: rotated.password });
  await until("the login is seen", 10_000, async () => {
    const [old, fresh] = await credentials(made);
    return old!.last_seen === null && fresh!.last_seen !== null;
  });
  const text = JSON.stringify(await credentials(made));
  assert.ok(!text.includes(rotated.password) && !text.includes("SCRAM"), "no secret");
  await howdah.it.api.deleteDatabase(made.id);
});

test("without grace the old password ends at once, and sessions only when asked for", async () => {
  const made = await howdah.it.api.createDatabase();
  const session = await connect(howdah.it, made);
  const second = await rotate(made, { graceSeconds: 0 });
  await isInForce(made, second.password, made.password);
  assert.equal((await session.query("SELECT 1 AS n")).rows[0].n, 1, "the session goes on");
  const third = await rotate(made, { graceSeconds: 0, cutSessions: true });
  const { code } = await refusal(session.query("SELECT 1"));
  assert.match(code || "closed", /57P01|closed/);
  await isInForce(made, third.password, second.password);
  await howdah.it.api.deleteDatabase(made.id);
});

test("old passwords are ended early with revokeOld", async () => {
  const made = await howdah.it.api.createDatabase();
  const rotated = await rotate(made);
  assert.ok(await opens(made, made.password));
  const revoked = await rotate(made, { revokeOld: true });
  assert.equal(revoked.passwords_ended, 1);
  assert.ok(!(await opens(made, made.password)));
  assert.ok(await opens(made, rotated.password));
  await howdah.it.api.deleteDatabase(made.id);
});

test("wrong rotations are refused and say why", async () => {
  const made = await howdah.it.api.createDatabase();
  const path = `/api/databases/${made.id}/rotate-password`;
  for (const body of [
    { graceSeconds: -1 },
    { graceSeconds: 2_592_001 },
    { graceSeconds: "1" },
    { revokeOld: true, graceSeconds: 1 },
    { surprise: 1 },
  ]) {
    assert.equal((await howdah.it.api.problem(400, "POST", path, { body })).errors?.length, 1);
  }
  await howdah.it.api.problem(404, "POST", path, { body: { role: "nobody" } });
  for (let i = 0; i < 4; i++) await rotate(made);
  const { hint } = await howdah.it.api.problem(409, "POST", path, { body: {} });
  assert.match(hint!, /revokeOld/);
  await howdah.it.api.deleteDatabase(made.id);
});

test("a rotation under pgbench fails no transaction", async () => {
  const made = await howdah.it.api.createDatabase();
  await runOk("pgbench", ["-i", "-s", "1", "-q", verifiedUri(howdah.it, made)]);
  // -C: a new connection for each transaction, all with the old password.
  const bench = run("pgbench", ["-C", "-c", "4", "-T", "6", verifiedUri(howdah.it, made)]);
  await sleep(2_000);
  const rotated = await rotate(made);
  assert.ok(await opens(made, rotated.password));
  const { code, stdout, stderr } = await bench;
  assert.equal(code, 0, stderr);
  assert.match(stdout, /number of failed transactions: 0/);
  await howdah.it.api.deleteDatabase(made.id);
});

test("a sleeping database gets the new password inside before its next client", async () => {
  const made = await howdah.it.api.createDatabase({ suspendAfterSeconds: 1 });
  await query(howdah.it, made, "SELECT 1");
  await until("it is suspended", 20_000, async () => {
    const path = `/api/databases/${made.id}`;
    return (await howdah.it.api.expect(200, "GET", path)).data.status === "suspended";
  });
  const rotated = await rotate(made, { graceSeconds: 0 });
  const path = `/api/databases/${made.id}`;
  assert.equal((await howdah.it.api.expect(200, "GET", path)).data.status, "suspended");
  await query(howdah.it, made, "SELECT 1", { password: rotated.password });
  await sleep(1_500);
  assert.ok(await opens(made, rotated.password), "what is inside is no news");
  assert.equal((await credentials(made)).length, 2);
  await howdah.it.api.deleteDatabase(made.id);
});

const WAYS: [string, (database: Database, password: string) => Promise<unknown>][] = [
  [
    "ALTER ROLE of node-postgres",
    (database, password) =>
      query(howdah.it, database, `ALTER ROLE ${database.username} PASSWORD '${password}'`),
  ],
  [
    "ALTER USER in a transaction on the pooled port",
    (database, password) =>
      query(
        howdah.it,
        database,
        `BEGIN; ALTER USER ${database.username} PASSWORD '${password}'; SELECT 1; COMMIT`,
        { port: "pooled" },
      ),
  ],
  [
    "a DO block",
    (database, password) =>
      query(
        howdah.it,
        database,
        `DO $$ BEGIN EXECUTE 'ALTER ROLE ' || quote_ident(current_user) ||
           ' PASSWORD ' || quote_literal('${password}'); END $$`,
      ),
  ],
  [
    "psql \\password",
    // It asks twice, on the terminal, and forgets what was typed before it has asked.
    (database, password) =>
      new Promise<void>((resolve, reject) => {
        const uri = verifiedUri(howdah.it, database);
        const terminal = spawn("script", ["-qec", `psql -X "${uri}" -c '\\password'`, "/dev/null"]);
        const timer = setTimeout(() => terminal.kill(), 20_000);
        let said = "";
        terminal.stdout.on("data", (block: Buffer) => {
          said += block.toString();
          if (/(Enter|again).*: $/.test(said)) {
            said = "";
            terminal.stdin.write(`${password}\n`);
          }
        });
        terminal.on("close", (code) => {
          clearTimeout(timer);
          if (code === 0) resolve();
          else reject(new Error(`psql ended with ${code}: ${said}`));
        });
      }),
  ],
];

for (const [name, change] of WAYS) {
  test(`a password set by ${name} is in force within a second`, async (t) => {
    const made = await howdah.it.api.createDatabase();
    const fresh = "Str0ng-enough-for-a-test";
    await change(made, fresh);
    t.diagnostic(`in force after ${(await isInForce(made, fresh, made.password)).toFixed(0)} ms`);
    await isKnown(made, 2, "sql");
    const problem = await howdah.it.api.problem(409, "POST", REVEAL(made));
    assert.match(problem.message, /set by SQL/);
    assert.match(problem.hint!, /rotate/);
    // The new one and a rotation's are valid together.
    const rotated = await rotate(made);
    assert.ok(await opens(made, rotated.password));
    assert.ok(await opens(made, fresh));
    const audit = await howdah.it.api.expect(200, "GET", "/api/audit?limit=200");
    const actions = audit.data.map(({ action }: { action: string }) => action);
    assert.ok(actions.includes("password.change") && actions.includes("password.rotate"));
    await howdah.it.api.deleteDatabase(made.id);
  });
}

test("a password set by SQL while howdahd is away is in force, kept and told later", async () => {
  const made = await howdah.it.api.createDatabase();
  const fresh = "set-while-nobody-listened";
  const [hung] = howdah.it.pidsOf("howdahd");
  process.kill(hung!, "SIGSTOP");
  await query(howdah.it, made, `ALTER ROLE ${made.username} PASSWORD '${fresh}'`);
  await isInForce(made, fresh, made.password);
  // The gate itself starts anew and has it from its file.
  const gate = howdah.it.kill("howdah-gate");
  await howdah.it.isBack("howdah-gate", gate);
  assert.ok(await opens(made, fresh));
  assert.ok(!(await opens(made, made.password)));
  process.kill(hung!, "SIGKILL");
  await howdah.it.isBack("howdahd", hung!);
  await isKnown(made, 2, "sql");
  await isInForce(made, fresh, made.password);
  await howdah.it.api.deleteDatabase(made.id);
});

const KEY = `${"A".repeat(43)}=`;
// Ten digits, which is more than the platform takes. A number that is as large would do as well,
// but PostgreSQL itself computes that many rounds before it takes the verifier.
const WIDE = `SCRAM-SHA-256$0000004096:c2FsdA==$${KEY}:${KEY}`;

test("passwords that SCRAM cannot use refuse every login, and the list says why", async () => {
  const made = await howdah.it.api.createDatabase();
  const admin = await connect(howdah.it, made);
  for (const [sql, problem] of [
    [`SET password_encryption = md5; ALTER ROLE ${made.username} PASSWORD 'secret'`, "md5"],
    [`ALTER ROLE ${made.username} PASSWORD NULL`, "none"],
    [`ALTER ROLE ${made.username} PASSWORD '${WIDE}'`, "malformed"],
  ] as const) {
    await admin.query(sql);
    await until(
      problem,
      5_000,
      async () => (await credentials(made)).at(-1)!.role_problem === problem,
    );
    for (const password of [made.password, "secret", ""]) {
      const { code } = await refusal(connect(howdah.it, made, { password: password || "x" }));
      assert.equal(code, "28P01", `${problem} ${password}`);
    }
    assert.match((await howdah.it.api.problem(409, "POST", REVEAL(made))).hint!, /rotate/);
  }
  const rotated = await rotate(made);
  assert.ok(await opens(made, rotated.password));
  assert.equal((await credentials(made)).at(-1)!.role_problem, null);
  await admin.end();
  await howdah.it.api.deleteDatabase(made.id);
});

test("a user who changes the password all the time keeps nobody out", async () => {
  const [made, other] = [
    await howdah.it.api.createDatabase(),
    await howdah.it.api.createDatabase(),
  ];
  const session = await connect(howdah.it, made);
  let last = "";
  const end = Date.now() + 3_000;
  for (let i = 0; Date.now() < end; i++) {
    last = `password-number-${i}`;
    await session.query(`ALTER ROLE ${made.username} PASSWORD '${last}'`);
  }
  assert.ok(await opens(other, other.password));
  await isInForce(made, last, made.password);
  await until("old generations go", 10_000, async () => (await credentials(made)).length <= 21);
  await session.end();
  for (const { id } of [made, other]) await howdah.it.api.deleteDatabase(id);
});

test("howdah db rotate and howdah db credentials", async () => {
  const made = await howdah.it.api.createDatabase({ friendlyName: "by-cli" });
  const { code, stdout, stderr } = await howdah.it.cli([
    "db",
    "rotate",
    "by-cli",
    "--grace",
    "0",
    "-o",
    "json",
  ]);
  assert.equal(code, 0, stderr);
  await isInForce(made, JSON.parse(stdout).password, made.password);
  const listed = await howdah.it.cli(["db", "credentials", "by-cli"]);
  assert.match(listed.stdout, /GENERATION/);
  const wrong = await howdah.it.cli(["db", "rotate", "by-cli", "--grace", "soon"]);
  assert.notEqual(wrong.code, 0);
  assert.match(wrong.stderr, /24h/);
  const { code: psqlCode } = await psql(verifiedUri(howdah.it, made), ["-c", "SELECT 1"]);
  assert.equal(psqlCode, 2, "the old password");
  await howdah.it.api.deleteDatabase(made.id);
});
