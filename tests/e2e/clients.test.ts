// SPDX-License-Identifier: Apache-2.0
// Every client with the API's own snippet for it, certificate verified, on both ports: it migrates,
// commits, is refused and rolls back, sends many rows at once, moves 10 MiB of text and of bytes
// each way, and cancels. What a program of clients/ does is told in clients/scenario.ts; what it
// says is checked here, and what it left behind is looked at in a session of the harness.
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import fs from "node:fs";
import path from "node:path";
import { after, describe, test } from "node:test";
import { parseEnv } from "node:util";
import type { Database } from "./harness/api.ts";
import { shared } from "./harness/howdah.ts";
import { E2E, ROOT } from "./harness/paths.ts";
import { type RunOptions, run, runOk } from "./harness/run.ts";
import { snippet } from "./harness/snippets.ts";
import { connect, PORTS, type Port, query, verifiedUri } from "./harness/sql.ts";

const GIB = 1024 ** 3;
const PROGRAMS = path.join(E2E, "clients");
const PYTHON = "/usr/bin/python3";
const JDBC = "/usr/share/java/postgresql.jar";
/** Debian's Go libraries; compiled ones are kept between runs. */
const GO = {
  GO111MODULE: "off",
  GOPATH: "/usr/share/gocode",
  GOCACHE: path.join(ROOT, "build/go-cache"),
};
const GO_LIBRARIES = ["github.com/jackc/pgx/v4", "github.com/lib/pq"];

const OTHER_CA = "/etc/ssl/certs/ca-certificates.crt";

/** Inside tests/e2e, so that snippets find the drivers they import. */
const scratch = fs.mkdtempSync(path.join(E2E, ".scratch-"));
after(() => fs.rmSync(scratch, { recursive: true, force: true }));

interface Client {
  name: string;
  /** Whose snippet it connects by; "" for the variables of .env. */
  snippet: string;
  /** The snippet's file in the run's folder, and what turns it into that file. */
  file?: string;
  adapt?: (text: string) => string;
  /** The program, by its folder and the snippet in it. */
  command: (folder: string) => Promise<string[]> | string[];
  /** What the client cannot do at all. */
  lacks?: Step[];
}

type Step = "refused" | "big" | "cancel";

const inNode = (program: string) => [process.execPath, path.join(PROGRAMS, program)];
const inPython = (program: string) => [PYTHON, "-B", path.join(PROGRAMS, program)];
const adaptPg = (text: string) => `${text}
export { pool };
export const asUrl = "${/As one URL: (\S+)/.exec(text)?.[1]}";
`;

/** Built once for both ports. */
const built = new Map<string, Promise<unknown>>();
async function once(what: string, build: () => Promise<unknown>): Promise<void> {
  if (!built.has(what)) built.set(what, build());
  await built.get(what);
}

/** Go wants the sources of a program in one folder. */
async function goProgram(folder: string, ...sources: string[]): Promise<string[]> {
  for (const name of ["scenario.go", ...sources]) {
    fs.copyFileSync(path.join(PROGRAMS, name), path.join(folder, name));
  }
  const options = { cwd: folder, env: GO, timeoutMs: 180_000 };
  // Two that start at once would compile the libraries twice.
  await once("go", () => runOk("go", ["build", ...GO_LIBRARIES], options));
  await runOk("go", ["build", "-o", "program"], options);
  return [path.join(folder, "program")];
}

const adaptPgx = (text: string) => `package main
import ("context"; "github.com/jackc/pgx/v4")
func connect(ctx context.Context) (*pgx.Conn, error) {
${text}
return connection, err
}
`;

const CLIENTS: Client[] = [
  { name: "psql", snippet: "psql", command: () => ["bash", path.join(PROGRAMS, "psql.sh")] },
  {
    name: "pgbench",
    snippet: "",
    command: () => ["bash", path.join(PROGRAMS, "pgbench.sh")],
    lacks: ["refused", "big", "cancel"],
  },
  {
    name: "libpq",
    snippet: "",
    command: async () => {
      const program = path.join(scratch, "libpq");
      const include = `-I${(await runOk("pg_config", ["--includedir"])).trim()}`;
      const source = path.join(PROGRAMS, "libpq.c");
      const args = ["-Wall", "-Werror", include, source, "-o", program, "-lpq"];
      await once("libpq", () => runOk("clang-19", args));
      return [program];
    },
  },
  {
    name: "node-postgres",
    snippet: "node-pg",
    file: "snippet.mjs",
    adapt: adaptPg,
    command: () => inNode("node-postgres.ts"),
  },
  {
    name: "postgres.js",
    snippet: "postgres.js",
    file: "snippet.mjs",
    adapt: (text) => `${text}\nexport { sql };\n`,
    command: () => inNode("postgres-js.ts"),
  },
  { name: "Prisma", snippet: "prisma", command: () => inNode("prisma.ts") },
  {
    name: "Drizzle",
    snippet: "drizzle",
    file: "snippet.mjs",
    command: () => inNode("drizzle.ts"),
  },
  ...["TypeORM", "Knex", "Sequelize", "Kysely"].map((name) => ({
    name,
    snippet: "node-pg",
    file: "snippet.mjs",
    adapt: adaptPg,
    command: () => inNode(`${name.toLowerCase()}.ts`),
  })),
  {
    name: "JDBC",
    snippet: "jdbc",
    command: async () => {
      const source = path.join(PROGRAMS, "Jdbc.java");
      await once("jdbc", () => runOk("javac", ["-encoding", "UTF-8", "-d", scratch, source]));
      return ["java", "-XX:TieredStopAtLevel=1", "-cp", `${JDBC}:${scratch}`, "Jdbc"];
    },
  },
  { name: "psycopg 3", snippet: "psycopg", command: () => inPython("psycopg_client.py") },
  {
    name: "psycopg 2",
    snippet: "psycopg",
    adapt: (text) => text.replaceAll(/\bpsycopg\b/g, "psycopg2"),
    command: () => inPython("psycopg_client.py"),
  },
  { name: "asyncpg", snippet: "", command: () => inPython("asyncpg_client.py") },
  { name: "SQLAlchemy", snippet: "sqlalchemy", command: () => inPython("sqlalchemy_client.py") },
  { name: "Django", snippet: "django", command: () => inPython("django_client.py") },
  { name: "DBD::Pg", snippet: "", command: () => ["perl", path.join(PROGRAMS, "dbd_pg.pl")] },
  { name: "ruby-pg", snippet: "", command: () => ["ruby", path.join(PROGRAMS, "ruby_pg.rb")] },
  {
    name: "ActiveRecord",
    snippet: "rails",
    command: () => ["ruby", path.join(PROGRAMS, "active_record.rb")],
  },
  { name: "PDO", snippet: "laravel", command: () => ["php", path.join(PROGRAMS, "pdo.php")] },
  {
    name: "pgx",
    snippet: "pgx",
    file: "connect.go",
    adapt: adaptPgx,
    command: (folder) => goProgram(folder, "pgx.go"),
  },
  {
    name: "lib/pq",
    snippet: "",
    command: (folder) => goProgram(folder, "pq.go"),
  },
];

/** 10 MiB that no repetition shortens to nothing; the bytes hold every value a text may not. */
const TEXT = Buffer.from(
  Array.from({ length: 1 << 20 }, (_, i) => `${String(i).padStart(9, "0")}\n`).join(""),
);
const BYTES = Buffer.from(TEXT.map((byte, i) => (byte === 48 ? i & 255 : byte)));
const md5 = (content: Buffer) => createHash("md5").update(content).digest("hex");
const big = { HOWDAH_TEXT: path.join(scratch, "text"), HOWDAH_BYTES: path.join(scratch, "bytes") };

let database: Database;
const howdah = shared(
  { volumeSize: 5 * GIB },
  {
    first: async ({ api }) => {
      fs.writeFileSync(big.HOWDAH_TEXT, TEXT);
      fs.writeFileSync(big.HOWDAH_BYTES, BYTES);
      database = await api.createDatabase();
    },
  },
);

function reportOf(client: Client, name: string): string {
  const lacks = (step: Step) => client.lacks?.includes(step);
  const lines = [`database ${name}`, "committed 10"];
  if (!lacks("refused")) lines.push("refused 23505");
  lines.push("rolled 0", "batch 1000");
  if (!lacks("big")) {
    lines.push(`text ${TEXT.length} ${md5(TEXT)}`, `bytes ${BYTES.length} ${md5(BYTES)}`);
  }
  if (!lacks("cancel")) lines.push("cancelled 57014", "alive 1");
  return `${lines.join("\n")}\n`;
}

/** What the server holds after a program has ended. */
async function checkLeft(client: Client, made: Database): Promise<void> {
  const rows = await query(
    howdah.it,
    made,
    `SELECT split_part(name, '-', 1) AS kind, count(*)::int AS n, max(md5(body)) AS text,
       max(md5(blob)) AS bytes, max(note) AS note
     FROM things GROUP BY 1 ORDER BY 1`,
  );
  const plain = { text: null, bytes: null, note: "none" };
  const expected = [
    { ...plain, kind: "batch", n: 1000 },
    { ...plain, kind: "big", n: 1, text: md5(TEXT), bytes: md5(BYTES) },
    { ...plain, kind: "committed", n: 10 },
  ];
  const wanted = client.lacks?.includes("big") ? [expected[0], expected[2]] : expected;
  assert.deepEqual(rows, wanted);
}

/** A program in a folder of its own, ready to run: by the API's snippet and nothing else. */
interface Run {
  command: string[];
  options: RunOptions;
}

async function prepare(client: Client, made: Database, port: Port, ca?: string): Promise<Run> {
  const folder = fs.mkdtempSync(path.join(scratch, "run-"));
  const env: RunOptions["env"] = { ...big, HOWDAH_PORT: port, PYTHONIOENCODING: "utf-8" };
  env.LANG = "C.UTF-8";
  const printed = await snippet(howdah.it, made, client.snippet || ".env", port, ca);
  // Once as it was printed, once with the user name as a branch's snippet has it.
  const user = port === "pooled" ? `${made.username}.main` : made.username;
  const text = printed.replaceAll(made.username, user);
  if (client.snippet === "") {
    Object.assign(env, parseEnv(text));
  } else {
    env.HOWDAH_SNIPPET = path.join(folder, client.file ?? "snippet");
    fs.writeFileSync(env.HOWDAH_SNIPPET, client.adapt?.(text) ?? text);
  }
  const options = { env, cwd: folder, timeoutMs: 120_000 };
  return { command: await client.command(folder), options };
}

async function exercise(client: Client, port: Port): Promise<void> {
  const made = await howdah.it.api.createDatabase();
  const { command, options } = await prepare(client, made, port);
  const output = await runOk(command[0]!, command.slice(1), options);
  assert.equal(output, reportOf(client, made.database_name));
  await checkLeft(client, made);
  await howdah.it.api.deleteDatabase(made.id);
}

/** The control of "certificate verified": the same snippet with the CA of others. */
async function refuse(client: Client): Promise<void> {
  const { command, options } = await prepare(client, database, "direct", OTHER_CA);
  const { code, stdout, stderr } = await run(command[0]!, command.slice(1), options);
  assert.notEqual(code, 0);
  assert.equal(stdout.includes("database"), false, stdout);
  assert.match(stderr, /certificat|TLS|PKIX/i);
}

// Most of them wait for the server, for a cancel, or for a compiler of one thread.
describe("clients", { concurrency: 3 }, () => {
  for (const client of CLIENTS) {
    for (const port of PORTS) {
      test(`${client.name} on the ${port} port`, () => exercise(client, port));
    }
    test(`${client.name} refuses a server with another CA`, () => refuse(client));
  }
});

for (const port of PORTS) {
  test(`application_name reaches the instance on the ${port} port`, async () => {
    const target = { port, applicationName: "shop-worker" };
    const session = await connect(howdah.it, database, target);
    const { rows } = await session.query("SHOW application_name");
    assert.equal(rows[0].application_name, "shop-worker");
    await session.end();
  });

  test(`channel binding is offered and can be required on the ${port} port`, async () => {
    const uri = `${verifiedUri(howdah.it, database, { port })}&channel_binding=require`;
    assert.equal((await runOk("psql", ["-XAt", uri, "-c", "SELECT 42"])).trim(), "42");
  });
}

// What psycopg's info.backend_pid, libpq's PQbackendPID and node-postgres' processID promise:
// people and tools (Knex) hand it to pg_cancel_backend, and tell their own notifications by it.
test("the process id that a client is told on the direct port is that of its server", async () => {
  const session = await connect(howdah.it, database);
  const told = (session as unknown as { processID: number }).processID;
  const { rows } = await session.query("SELECT pg_backend_pid() AS id");
  await session.end();
  assert.equal(told, rows[0].id);
});

test("every client that the contract names has a snippet for both ports", async () => {
  const node = ["node-pg", "postgres.js", "prisma", "drizzle"];
  const python = ["psycopg", "sqlalchemy", "django"];
  const others = ["psql", ".env", "jdbc", "pgx", "rails", "laravel", "dotnet"];
  for (const client of [...node, ...python, ...others]) {
    for (const port of PORTS) {
      const text = await snippet(howdah.it, database, client, port);
      const number = port === "direct" ? "direct_port" : "pooled_port";
      assert.ok(text.includes(String(howdah.it.connection[number])), `${client}: ${text}`);
    }
  }
});

test("the snippet of prisma names a separate shadow database", async () => {
  const text = await snippet(howdah.it, database, "prisma", "direct");
  assert.match(text, new RegExp(`${database.database_name}_shadow`));
});
