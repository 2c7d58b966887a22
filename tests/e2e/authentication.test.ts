// SPDX-License-Identifier: Apache-2.0
// T7 of reliability: attempts to get in without the right to, on both ports; none may be accepted.
// The control in the same run: the same code, doing everything right, gets in.
import assert from "node:assert/strict";
import fs from "node:fs";
import path from "node:path";
import { after, before, describe, test } from "node:test";
import type { Database } from "./harness/api.ts";
import { shared } from "./harness/howdah.ts";
import { run, sleep, until } from "./harness/run.ts";
import { connect, PORTS, type Port, portOf, query } from "./harness/sql.ts";
import {
  initialResponse,
  message,
  type Outcome,
  packet,
  prove,
  startup,
  type Tamper,
  Wire,
} from "./harness/wire.ts";

const howdah = shared();

interface World {
  mine: Database;
  other: Database;
  deleted: Database;
  /** Its firewall lets nobody from here in. */
  walled: Database;
  /** Its one rule for this machine has expired. */
  overdue: Database;
  /** Its password was replaced without grace. */
  replaced: Database;
  /** The grace of its first password is over. */
  lapsed: Database;
  /** Its role is over: VALID UNTIL. */
  over: Database;
  /** Its role may not log in: NOLOGIN. */
  locked: Database;
  /** Its password was changed by SQL. */
  altered: Database;
}
let world: World;

interface Attempt {
  user?: string;
  database?: string;
  password?: string;
  /** Further start-up parameters. */
  more?: [string, string][];
  servername?: string;
  tamper?: Tamper;
}

async function open(port: Port): Promise<Wire> {
  return Wire.open(howdah.it.connection.host, portOf(howdah.it, port));
}

/** With a wire under TLS, closed at the end. */
async function secured(
  port: Port,
  body: (wire: Wire) => Promise<Outcome>,
  servername?: string,
): Promise<Outcome> {
  const wire = await open(port);
  try {
    return (await wire.secure(servername)) ? await body(wire) : "closed";
  } finally {
    wire.close();
  }
}

/** Log in to `database` of the world, but for what differs. */
function logIn(of: keyof World, differs: Attempt = {}) {
  return (port: Port): Promise<Outcome> => {
    const target = world[of];
    return secured(
      port,
      async (wire) => {
        const parameters: [string, string][] = [["user", differs.user ?? target.username]];
        const database = differs.database ?? target.database_name;
        if (database !== "") parameters.push(["database", database]);
        wire.send(startup([...parameters, ...(differs.more ?? [])]));
        return prove(wire, differs.password ?? target.password, differs.tamper);
      },
      differs.servername,
    );
  };
}

/** logIn() where what differs depends on the world. */
function logInWith(of: keyof World, differs: () => Attempt) {
  return (port: Port): Promise<Outcome> => logIn(of, differs())(port);
}

/** Bytes instead of a start-up message, under TLS. */
function sends(bytes: () => Buffer) {
  return (port: Port): Promise<Outcome> =>
    secured(port, async (wire) => {
      wire.send(bytes());
      return wire.outcome();
    });
}

/** The right start-up message, then these bytes where SCRAM is expected. */
function answers(bytes: () => Buffer) {
  return (port: Port): Promise<Outcome> =>
    secured(port, async (wire) => {
      const { username, database_name } = world.mine;
      wire.send(
        startup([
          ["user", username],
          ["database", database_name],
        ]),
      );
      const request = await wire.read();
      if (request?.type !== "R") return "closed";
      wire.send(bytes());
      return wire.outcome();
    });
}

/** Bytes without TLS. */
function plain(bytes: () => Buffer) {
  return async (port: Port): Promise<Outcome> => {
    const wire = await open(port);
    wire.send(bytes());
    const outcome = await wire.outcome();
    wire.close();
    return outcome;
  };
}

const mineStartup = () =>
  startup([
    ["user", world.mine.username],
    ["database", world.mine.database_name],
  ]);
const zero = Buffer.alloc(32);
const flip = (proof: Buffer) => Buffer.concat([Buffer.from([proof[0]! ^ 1]), proof.subarray(1)]);

/** The client-final message of a login that went well, sent again. */
async function replay(port: Port): Promise<Outcome> {
  let final = "";
  const nonce = "AAAAAAAAAAAAAAAAAAAAAAAA";
  const keep = (text: string) => {
    final = text;
    return text;
  };
  const first = await logIn("mine", { tamper: { nonce, final: keep } })(port);
  assert.equal(first, "accepted", "the login that is replayed");
  return logIn("mine", { tamper: { nonce, final: () => final } })(port);
}

const PLUS = "SCRAM-SHA-256-PLUS";
const BOUND = "p=tls-server-end-point,,";

function bound(differs: (binding: Buffer) => Tamper) {
  return (port: Port): Promise<Outcome> =>
    secured(port, async (wire) => {
      wire.send(mineStartup());
      return prove(wire, world.mine.password, differs(wire.binding()));
    });
}

type Case = [name: string, attempt: (port: Port) => Promise<Outcome>];

const PASSWORDS: Case[] = [
  ["a wrong password", logIn("mine", { password: "x".repeat(24) })],
  ["an empty password", logIn("mine", { password: "" })],
  [
    "the password with a space behind it",
    logInWith("mine", () => ({ password: `${world.mine.password} ` })),
  ],
  [
    "the password with a space before it",
    logInWith("mine", () => ({ password: ` ${world.mine.password}` })),
  ],
  [
    "the password with a NUL before it",
    logInWith("mine", () => ({ password: `\0${world.mine.password}` })),
  ],
  [
    "the password without its last character",
    logInWith("mine", () => ({ password: world.mine.password.slice(0, -1) })),
  ],
  [
    "the password in other case",
    logInWith("mine", () => ({ password: world.mine.password.toLowerCase() })),
  ],
  ["the password twice", logInWith("mine", () => ({ password: world.mine.password.repeat(2) }))],
  ["a password of 100,000 characters", logIn("mine", { password: "x".repeat(100_000) })],
  [
    "the password of another database",
    logInWith("mine", () => ({ password: world.other.password })),
  ],
  ["the user name as password", logInWith("mine", () => ({ password: world.mine.username }))],
  ["a revoked password", logIn("replaced")],
  ["a password whose grace is over", logIn("lapsed")],
  ["a password that SQL has replaced", logIn("altered")],
  ["a role whose VALID UNTIL is over", logIn("over")],
  ["a role with NOLOGIN", logIn("locked")],
  ["a deleted database", logIn("deleted")],
  ["an address that no rule allows", logIn("walled")],
  ["an address whose rule has expired", logIn("overdue")],
];

const NAMES: Case[] = [
  [
    "an unknown role",
    logInWith("mine", () => ({ user: `nobody_${world.mine.username.slice(5)}` })),
  ],
  ["an unknown database", logIn("mine", { user: "user_zzzzzzzz", database: "tenant_zzzzzzzz" })],
  ["no user", (port) => sends(() => startup([["database", world.mine.database_name]]))(port)],
  ["an empty user", logIn("mine", { user: "" })],
  [
    "the user with a space behind it",
    logInWith("mine", () => ({ user: `${world.mine.username} ` })),
  ],
  [
    "the user in upper case",
    logInWith("mine", () => ({ user: world.mine.username.toUpperCase() })),
  ],
  [
    "a look-alike of the user",
    logInWith("mine", () => ({ user: world.mine.username.replace("u", "\u03c5") })),
  ],
  [
    "a full-width look-alike",
    logInWith("mine", () => ({
      user: world.mine.username.replace("user", "\uff55\uff53\uff45\uff52"),
    })),
  ],
  [
    "the user with a zero-width space",
    logInWith("mine", () => ({ user: `${world.mine.username}\u200b` })),
  ],
  ["the user with a newline", logInWith("mine", () => ({ user: `${world.mine.username}\n` }))],
  ["the user in quotes", logInWith("mine", () => ({ user: `"${world.mine.username}"` }))],
  ["a user of 10,000 characters", logIn("mine", { user: "u".repeat(10_000) })],
  [
    "the user cut at 63 bytes of a longer one",
    logInWith("mine", () => ({ user: world.mine.username.padEnd(64, "x") })),
  ],
  ["an unknown branch", logInWith("mine", () => ({ user: `${world.mine.username}.nowhere` }))],
  ["a branch that climbs", logInWith("mine", () => ({ user: `${world.mine.username}.../main` }))],
  ["the platform's superuser", logIn("mine", { user: "howdah_admin" })],
  ["postgres", logIn("mine", { user: "postgres" })],
  ["the gate's user", logIn("mine", { user: "howdah-gate" })],
  ["the control plane's user", logIn("mine", { user: "howdah" })],
  ["a role of PostgreSQL itself", logIn("mine", { user: "pg_execute_server_program" })],
  ["the catalog", logIn("mine", { user: "howdah_admin", database: "postgres_control" })],
  ["the template's owner", logIn("mine", { user: "user_template", database: "tenant_template" })],
];

// All four mixes of user and password with the names of two databases; the right ones are the
// control's.
const MIXES: Case[] = [
  [
    "my user in the other database",
    logInWith("mine", () => ({ database: world.other.database_name })),
  ],
  ["the other's user in my database", logInWith("mine", () => ({ user: world.other.username }))],
  [
    "the other's user with my password in the other database",
    logInWith("other", () => ({ password: world.mine.password })),
  ],
  [
    "my user with the other's password in the other database",
    logInWith("mine", () => ({
      database: world.other.database_name,
      password: world.other.password,
    })),
  ],
  [
    "the other's shadow database",
    logInWith("mine", () => ({ database: `${world.other.database_name}_shadow` })),
  ],
  [
    "the other database by options",
    logInWith("mine", () => ({
      user: world.other.username,
      more: [["options", `database=${world.mine.username.slice(5)}`]],
    })),
  ],
  [
    "the other database by the host name",
    logInWith("mine", () => ({
      user: "app_user",
      database: "postgres",
      servername: `main--${world.other.username.slice(5)}.example.org`,
    })),
  ],
  [
    "two users, the second right",
    logInWith("other", () => ({
      password: world.mine.password,
      more: [["user", world.mine.username]],
    })),
  ],
  [
    "two databases, the second mine",
    logInWith("mine", () => ({
      database: world.other.database_name,
      more: [["database", world.mine.database_name]],
    })),
  ],
];

const PARAMETERS: Case[] = [
  ["replication=true", logIn("mine", { more: [["replication", "true"]] })],
  ["replication=database", logIn("mine", { more: [["replication", "database"]] })],
  ["a role by options", logIn("mine", { more: [["options", "-c role=howdah_admin"]] })],
  [
    "a session authorization by options",
    logIn("mine", { more: [["options", "-c session_authorization=howdah_admin"]] }),
  ],
  [
    "session_authorization as a parameter",
    logIn("mine", { more: [["session_authorization", "howdah_admin"]] }),
  ],
  [
    "a parameter that is there twice",
    logIn("mine", { password: "wrong", more: [["user", "howdah_admin"]] }),
  ],
  [
    "a protocol extension with a wrong password",
    logIn("mine", { password: "wrong", more: [["_pq_.x", "1"]] }),
  ],
  ["protocol 2", sends(() => packet(131072, Buffer.from(`${world.mine.username}\0`)))],
  ["protocol 4", sends(() => packet(262144, Buffer.from(`user\0${world.mine.username}\0\0`)))],
  [
    "parameters without their end",
    sends(() => packet(196608, Buffer.from(`user\0${world.mine.username}`))),
  ],
  [
    "parameters behind their end",
    sends(() =>
      packet(196608, Buffer.from(`user\0${world.mine.username}\0\0user\0howdah_admin\0\0`)),
    ),
  ],
];

const LENGTHS: Case[] = [0, 4, 7, 8, 0x7fffffff, 0x80000000, 0xffffffff].map((length) => [
  `a start-up message that says it has ${length} bytes`,
  sends(() => packet(196608, Buffer.from(`user\0${world.mine.username}\0\0`), length)),
]);

const SCRAM: Case[] = [
  ["a proof of zeros", logIn("mine", { tamper: { proof: () => zero } })],
  ["a proof with one bit changed", logIn("mine", { tamper: { proof: flip } })],
  ["half a proof", logIn("mine", { tamper: { proof: (proof) => proof.subarray(0, 16) } })],
  [
    "a proof that is too long",
    logIn("mine", { tamper: { proof: (proof) => Buffer.concat([proof, zero]) } }),
  ],
  ["no proof", logIn("mine", { tamper: { final: (text) => text.replace(/,p=.*/, "") } })],
  ["an empty proof", logIn("mine", { tamper: { final: (text) => text.replace(/,p=.*/, ",p=") } })],
  [
    "two proofs",
    logIn("mine", { tamper: { final: (text) => `${text},p=${zero.toString("base64")}` } }),
  ],
  [
    "a proof that is no base64",
    logIn("mine", { tamper: { final: (text) => text.replace(/,p=.*/, ",p=!!!!") } }),
  ],
  [
    "the client's nonce alone",
    logIn("mine", { tamper: { nonce: "abc", finalNonce: () => "abc" } }),
  ],
  ["a nonce that is longer", logIn("mine", { tamper: { finalNonce: (nonce) => `${nonce}x` } })],
  ["a nonce of its own", logIn("mine", { tamper: { finalNonce: () => "somethingelse" } })],
  ["an empty nonce", logIn("mine", { tamper: { nonce: "" } })],
  ["a replayed proof", replay],
  [
    "an extension that is mandatory",
    logIn("mine", { tamper: { first: (text) => text.replace("n,,", "n,,m=x,") } }),
  ],
  [
    "another's authorization identity",
    logInWith("mine", () => ({ tamper: { gs2: "n,a=howdah_admin,", user: "" } })),
  ],
  ["an unknown mechanism", logIn("mine", { tamper: { mechanism: "PLAIN" } })],
  ["SCRAM-SHA-1", logIn("mine", { tamper: { mechanism: "SCRAM-SHA-1" } })],
  ["a length behind the end", logIn("mine", { tamper: { firstLength: 0x7fffffff } })],
  ["a negative length", logIn("mine", { tamper: { firstLength: 0xfffffff0 } })],
  [
    "a first message of 60,000 bytes",
    logIn("mine", { tamper: { first: (text) => text.padEnd(60_000, "x") } }),
  ],
  [
    "a NUL in the first message",
    logIn("mine", { tamper: { first: (text) => text.replace("r=", "\0r=") } }),
  ],
  ["an empty final message", logIn("mine", { tamper: { final: () => "" } })],
  [
    "the first message again in place of the proof",
    logIn("mine", { tamper: { instead: initialResponse("SCRAM-SHA-256", "n,,n=,r=again") } }),
  ],
  [
    "a query in place of the proof",
    logIn("mine", { tamper: { instead: message("Q", Buffer.from("SELECT 1\0")) } }),
  ],
  [
    "a query before the proof",
    logIn("mine", { tamper: { before: message("Q", Buffer.from("SELECT 1\0")) } }),
  ],
  [
    "a second StartupMessage in place of the proof",
    logInWith("mine", () => ({ tamper: { instead: mineStartup() } })),
  ],
  [
    "a second StartupMessage before the proof",
    logInWith("mine", () => ({ tamper: { before: mineStartup() } })),
  ],
  ["a second StartupMessage in place of SCRAM", answers(mineStartup)],
  ["an SSLRequest in place of SCRAM", answers(() => packet(80877103))],
  ["a password in clear", answers(() => message("p", Buffer.from(`${world.mine.password}\0`)))],
  ["an md5 answer", answers(() => message("p", Buffer.from(`md5${"0".repeat(32)}\0`)))],
  ["a query in place of SCRAM", answers(() => message("Q", Buffer.from("SELECT 1\0")))],
  [
    "a message that says it has 2 GB",
    answers(() => message("p", Buffer.from("SCRAM-SHA-256\0"), 0x7fffffff)),
  ],
  ["a message that says it has 3 bytes", answers(() => message("p", Buffer.alloc(0), 3))],
  [
    "a terminate and a query",
    answers(() =>
      Buffer.concat([message("X", Buffer.alloc(0)), message("Q", Buffer.from("SELECT 1\0"))]),
    ),
  ],
];

const BINDING: Case[] = [
  ["a downgrade: y although PLUS was offered", logIn("mine", { tamper: { gs2: "y,," } })],
  ["PLUS without binding", logIn("mine", { tamper: { mechanism: PLUS } })],
  ["plain with a binding flag", bound((binding) => ({ gs2: BOUND, binding }))],
  ["PLUS with the flag n", bound((binding) => ({ mechanism: PLUS, gs2: "n,,", binding }))],
  ["PLUS with wrong binding data", bound(() => ({ mechanism: PLUS, gs2: BOUND, binding: zero }))],
  ["PLUS with empty binding data", bound(() => ({ mechanism: PLUS, gs2: BOUND }))],
  [
    "PLUS with a bit changed",
    bound((binding) => ({ mechanism: PLUS, gs2: BOUND, binding: flip(binding) })),
  ],
  [
    "PLUS with another type of binding",
    bound((binding) => ({ mechanism: PLUS, gs2: "p=tls-unique,,", binding })),
  ],
  ["binding data without a flag", bound((binding) => ({ binding }))],
];

const BEFORE_TLS: Case[] = [
  ["a start-up message without TLS", plain(() => mineStartup())],
  [
    "a start-up message behind the SSLRequest",
    plain(() => Buffer.concat([packet(80877103), mineStartup()])),
  ],
  ["two SSLRequests at once", plain(() => Buffer.concat([packet(80877103), packet(80877103)]))],
  ["a cancel with a wrong secret", plain(() => packet(80877102, Buffer.alloc(8, 1)))],
  [
    "a cancel with a secret of 10,000 bytes",
    plain(() => packet(80877102, Buffer.alloc(10_000, 1))),
  ],
  ["a query without anything", plain(() => message("Q", Buffer.from("SELECT 1\0")))],
];

const CASES: Case[] = [
  ...PASSWORDS,
  ...NAMES,
  ...MIXES,
  ...PARAMETERS,
  ...LENGTHS,
  ...SCRAM,
  ...BINDING,
  ...BEFORE_TLS,
];

/** SQL as the platform, on the instance's own socket. */
async function asPlatform(database: Database, sql: string): Promise<void> {
  const folder = path.join(howdah.it.runtimeDir, "i");
  for (const name of fs.readdirSync(folder)) {
    const socket = path.join(folder, name);
    const { code } = await run("psql", [
      "-XqAt",
      "-v",
      "ON_ERROR_STOP=1",
      `host=${socket} user=howdah_admin dbname=${database.database_name}`,
      "-c",
      sql,
    ]);
    if (code === 0) return;
  }
  throw new Error(`no instance has ${database.database_name}`);
}

async function rotate(database: Database, graceSeconds: number): Promise<void> {
  const url = `/api/databases/${database.id}/rotate-password`;
  await howdah.it.api.expect(200, "POST", url, { body: { graceSeconds } });
}

async function allow(database: Database, ipAddress: string, expiresAt?: string): Promise<string> {
  const url = `/api/databases/${database.id}/whitelist`;
  const body = { ipAddress, expiresAt };
  return (await howdah.it.api.expect(201, "POST", url, { body })).data.id;
}

/** The gate looks at the roles of an instance in which something moves. */
async function untilRefused(database: Database): Promise<void> {
  const session = await connect(howdah.it, database).catch(() => undefined);
  await until("it is refused", 5_000, async () => {
    await session?.query("SELECT 1").catch(() => {});
    return connect(howdah.it, database).then(
      (another) => another.end().then(() => false),
      () => true,
    );
  });
  await session?.end().catch(() => {});
}

async function makeWorld(): Promise<World> {
  const made: Record<string, Database> = {};
  for (const name of [
    "mine",
    "other",
    "deleted",
    "walled",
    "overdue",
    "replaced",
    "lapsed",
    "over",
    "locked",
    "altered",
  ]) {
    made[name] = await howdah.it.api.createDatabase({ friendlyName: name });
  }
  const all = made as unknown as World;
  await howdah.it.api.deleteDatabase(all.deleted.id);
  await allow(all.walled, "203.0.113.0/24");
  await allow(all.overdue, "127.0.0.0/8", new Date(Date.now() + 1_000).toISOString());
  await rotate(all.replaced, 0);
  await rotate(all.lapsed, 1);
  await asPlatform(all.over, `ALTER ROLE ${all.over.username} VALID UNTIL '2020-01-01'`);
  await asPlatform(all.locked, `ALTER ROLE ${all.locked.username} NOLOGIN`);
  await query(howdah.it, all.altered, `ALTER ROLE ${all.altered.username} PASSWORD 'another one'`);
  for (const database of [all.over, all.locked, all.altered]) await untilRefused(database);
  await sleep(1_500);
  return all;
}

describe("nobody gets in without the right to", () => {
  before(async () => {
    world = await makeWorld();
  });
  after(async () => {
    for (const database of Object.values(world) as Database[]) {
      if (database !== world.deleted) await howdah.it.api.deleteDatabase(database.id);
    }
  });

  test("there are at least 60 cases, each on both ports", () => {
    assert.ok(CASES.length >= 60, `${CASES.length} cases`);
    assert.equal(new Set(CASES.map(([name]) => name)).size, CASES.length, "names are unique");
  });

  // The control: the cases below fail by what they do, not by how they are done.
  for (const port of PORTS) {
    test(`what is right gets in on the ${port} port, bound to its channel or not`, async () => {
      assert.equal(await logIn("mine")(port), "accepted");
      assert.equal(await logIn("other")(port), "accepted");
      assert.equal(
        await logInWith("altered", () => ({ password: "another one" }))(port),
        "accepted",
      );
      const plus = bound((binding) => ({ mechanism: PLUS, gs2: BOUND, binding }));
      assert.equal(await plus(port), "accepted");
    });
  }

  for (const [name, attempt] of CASES) {
    for (const port of PORTS) {
      test(`${name}, on the ${port} port`, async () => {
        assert.notEqual(await attempt(port), "accepted");
      });
    }
  }

  for (const port of PORTS) {
    test(`a rule that is gone ends a session on the ${port} port within a second`, async () => {
      const made = await howdah.it.api.createDatabase();
      const rule = await allow(made, "127.0.0.0/8");
      await allow(made, "203.0.113.7");
      const session = await connect(howdah.it, made, { port });
      const ended = new Promise<number>((done) => session.on("end", () => done(Date.now())));
      const started = Date.now();
      await howdah.it.api.expect(200, "DELETE", `/api/databases/${made.id}/whitelist/${rule}`);
      assert.ok((await ended) - started < 1_000);
      await howdah.it.api.deleteDatabase(made.id);
    });
  }

  test("the gate serves as before, and those who have the right still get in", async () => {
    for (const port of PORTS) assert.equal(await logIn("mine")(port), "accepted");
    assert.equal(howdah.it.pidsOf("howdah-gate").length, 1);
  });
});
