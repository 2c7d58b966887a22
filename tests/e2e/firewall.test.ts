// SPDX-License-Identifier: Apache-2.0
// The firewall from the API to both ports: in force when the call is answered, before any password,
// also for sessions that are there already.
import assert from "node:assert/strict";
import fs from "node:fs";
import { test } from "node:test";
import type { Database } from "./harness/api.ts";
import { Howdah, shared } from "./harness/howdah.ts";
import { sleep, until } from "./harness/run.ts";
import { connect, PORTS, portOf, psql, query, refusal, type Target } from "./harness/sql.ts";

const howdah = shared();
const ME = "127.0.0.1";
const ELSEWHERE = "198.51.100.7";
const NOWHERE = "00000000-0000-4000-8000-000000000000";

interface Rule {
  id: string;
  database_id: string;
  ip_address: string;
  description: string;
  added_at: string;
  expires_at: string | null;
  branch: string | null;
}

const pathOf = (database: Database) => `/api/databases/${database.id}/whitelist`;

async function allow(
  database: Database,
  ipAddress: string,
  more: Record<string, unknown> = {},
  on: Howdah = howdah.it,
): Promise<Rule> {
  const body = { ipAddress, ...more };
  return (await on.api.expect(201, "POST", pathOf(database), { body })).data;
}

async function remove(database: Database, rule: Rule): Promise<void> {
  await howdah.it.api.expect(200, "DELETE", `${pathOf(database)}/${rule.id}`);
}

/** The SQLSTATE of an attempt, "" when it succeeds. */
async function attempt(database: Database, target: Target) {
  try {
    await query(howdah.it, database, "SELECT 1", target);
    return "";
  } catch (error) {
    return (error as { code?: string }).code ?? String(error);
  }
}

async function bothPorts(database: Database): Promise<string[]> {
  return Promise.all(PORTS.map((port) => attempt(database, { port })));
}

async function withDatabase(
  fields: Record<string, unknown>,
  body: (database: Database) => Promise<void>,
): Promise<void> {
  const made = await howdah.it.api.createDatabase(fields);
  try {
    await body(made);
  } finally {
    await howdah.it.api.deleteDatabase(made.id);
  }
}

test("the first rule closes both ports to all others, removing the last opens them", async () => {
  await withDatabase({}, async (made) => {
    assert.deepEqual(await bothPorts(made), ["", ""]);
    const rule = await allow(made, ELSEWHERE, { description: "office" });
    assert.deepEqual(await bothPorts(made), ["28000", "28000"]);
    assert.deepEqual(Object.keys(rule).slice(0, 5), [
      "id",
      "database_id",
      "ip_address",
      "description",
      "added_at",
    ]);
    const mine = await allow(made, `${ME}/32`);
    assert.deepEqual(await bothPorts(made), ["", ""]);
    await remove(made, mine);
    assert.deepEqual(await bothPorts(made), ["28000", "28000"]);
    await remove(made, rule);
    assert.deepEqual(await bothPorts(made), ["", ""]);
  });
});

test("a rule is in force when the call is answered, twenty times in a row", async (t) => {
  await withDatabase({}, async (made) => {
    await allow(made, ELSEWHERE);
    const times: number[] = [];
    for (let round = 0; round < 20; round++) {
      const started = performance.now();
      const mine = await allow(made, "127.0.0.0/8");
      times.push(performance.now() - started);
      assert.deepEqual(await bothPorts(made), ["", ""], `round ${round}`);
      await remove(made, mine);
      assert.deepEqual(await bothPorts(made), ["28000", "28000"], `round ${round}`);
    }
    t.diagnostic(`POST: median ${times.toSorted((a, b) => a - b)[10]!.toFixed(1)} ms`);
  });
});

for (const port of PORTS) {
  test(`a refusal on the ${port} port names the address, before any password`, async () => {
    await withDatabase({}, async (made) => {
      await allow(made, ELSEWHERE);
      const right = await refusal(connect(howdah.it, made, { port }));
      const wrong = await refusal(connect(howdah.it, made, { port, password: "wrong" }));
      assert.equal(right.code, "28000");
      assert.match(right.message, /127\.0\.0\.1/);
      assert.deepEqual(wrong, right);
    });
  });

  test(`a live session on the ${port} port is cut when no rule allows it any more`, async () => {
    await withDatabase({}, async (made) => {
      const mine = await allow(made, ME);
      const other = await allow(made, ELSEWHERE);
      const session = await connect(howdah.it, made, { port });
      const ended = new Promise<Error>((resolve) => session.once("error", resolve));
      await remove(made, other);
      assert.equal((await session.query("SELECT 1 AS n")).rows[0].n, 1, "it is still allowed");
      await allow(made, ELSEWHERE);
      assert.equal((await session.query("SELECT 1 AS n")).rows[0].n, 1, "and still");
      await remove(made, mine);
      const error = (await Promise.race([ended, sleep(3000)])) as { code?: string } | undefined;
      assert.ok(error, "the session lives on");
      await session.end().catch(() => {});
    });
  });
}

test("a rule ends at its time: sessions are cut, and the list stays closed", async () => {
  await withDatabase({}, async (made) => {
    const expiresAt = new Date(Date.now() + 1500).toISOString();
    const rule = await allow(made, ME, { expiresAt });
    assert.equal(rule.expires_at, expiresAt);
    assert.deepEqual(await bothPorts(made), ["", ""]);
    const session = await connect(howdah.it, made);
    const ended = new Promise<Error>((resolve) => session.once("error", resolve));
    await sleep(Date.parse(expiresAt) - Date.now());
    assert.deepEqual(await bothPorts(made), ["28000", "28000"]);
    assert.ok(await Promise.race([ended, sleep(1000)]), "the session lives on");
    // A change of anything else publishes the route anew, without the expired rule.
    const other = await allow(made, ELSEWHERE);
    await remove(made, other);
    assert.deepEqual(await bothPorts(made), ["28000", "28000"]);
    const list = await howdah.it.api.expect(200, "GET", pathOf(made));
    assert.equal(list.count, 1, "it is shown until it is removed");
    await allow(made, ME);
    assert.deepEqual(await bothPorts(made), ["", ""], "and may be renewed");
  });
});

test("a rule of a branch counts there, by whatever name the branch is reached", async () => {
  await withDatabase({}, async (made) => {
    const rule = await allow(made, ELSEWHERE, { branch: "main" });
    assert.equal(rule.branch, "main");
    const slug = made.database_name.replace("tenant_", "");
    for (const target of [
      {},
      { user: `${made.username}.main` },
      { database: "postgres", options: `database=${slug} branch=main` },
      { database: `${made.database_name}_shadow` },
      // A branch that is not there opens no way around, and no prompt for a password.
      { user: `${made.username}.nowhere` },
    ]) {
      assert.equal(await attempt(made, target), "28000", JSON.stringify(target));
    }
    await allow(made, ME);
    assert.equal(await attempt(made, {}), "");
    assert.equal(await attempt(made, { user: `${made.username}.nowhere` }), "28P01");
  });
});

test("rules of one database are none of another's", async () => {
  await withDatabase({}, async (closed) => {
    await allow(closed, ELSEWHERE);
    await withDatabase({}, async (open) => {
      assert.deepEqual(await bothPorts(open), ["", ""]);
      assert.deepEqual(await bothPorts(closed), ["28000", "28000"]);
    });
  });
});

test("allowedIps are in force from the first connection", async () => {
  await withDatabase({ allowedIps: [ELSEWHERE, "2001:db8::/32"] }, async (made) => {
    assert.deepEqual(await bothPorts(made), ["28000", "28000"]);
    const list = await howdah.it.api.expect(200, "GET", pathOf(made));
    assert.deepEqual(list.data.map((rule: Rule) => rule.ip_address).sort(), [
      ELSEWHERE,
      "2001:db8::/32",
    ]);
  });
  await withDatabase({ allowedIps: [ME] }, async (made) => {
    assert.deepEqual(await bothPorts(made), ["", ""]);
  });
});

test("a closed default lets nobody in without a rule, on any database", async () => {
  const { api } = howdah.it;
  await withDatabase({}, async (before) => {
    const body = { firewallDefault: "closed" };
    const settings = await api.expect(200, "PATCH", "/api/organisation", { body });
    assert.equal(settings.data.firewall_default, "closed");
    try {
      assert.deepEqual(await bothPorts(before), ["28000", "28000"]);
      await withDatabase({}, async (after) => {
        assert.deepEqual(await bothPorts(after), ["28000", "28000"]);
        const mine = await allow(after, ME);
        assert.deepEqual(await bothPorts(after), ["", ""]);
        await remove(after, mine);
        assert.deepEqual(await bothPorts(after), ["28000", "28000"]);
      });
    } finally {
      await api.expect(200, "PATCH", "/api/organisation", { body: { firewallDefault: "open" } });
    }
    assert.deepEqual(await bothPorts(before), ["", ""]);
  });
});

test("refused attempts are listed with address, count and times, and counted", async () => {
  const { api } = howdah.it;
  await withDatabase({}, async (made) => {
    await allow(made, ELSEWHERE);
    const before = Date.now();
    for (let i = 0; i < 3; i++) await attempt(made, { port: "direct" });
    await attempt(made, { port: "pooled" });
    const path = `${pathOf(made)}/denied`;
    const [row] = await until("four attempts are listed", 5000, async () => {
      const { data } = await api.expect(200, "GET", path);
      return data[0]?.count === 4 ? data : undefined;
    });
    assert.equal(row.address, ME);
    assert.equal(row.direct_count, 3);
    assert.equal(row.pooled_count, 1);
    assert.equal(row.branch, "main");
    assert.ok(Date.parse(row.first_at) >= before && row.first_at <= row.last_at);
    const stats = await api.expect(200, "GET", `/api/databases/${made.id}/stats`);
    assert.equal(stats.data.denied_attempts, 4);
    const metrics = await api.call("GET", "/metrics");
    assert.match(String(metrics.body), /^howdah_firewall_denied_total [1-9]/m);
  });
});

test("rules hold while howdahd is gone, and a change right after it is in force", async () => {
  await withDatabase({}, async (made) => {
    const rule = await allow(made, ELSEWHERE);
    const killed = howdah.it.kill("howdahd");
    assert.deepEqual(await bothPorts(made), ["28000", "28000"]);
    await howdah.it.isBack("howdahd", killed);
    // The gate may not have found the new howdahd yet: the answer waits for it, or says so.
    const reply = await howdah.it.api.call("DELETE", `${pathOf(made)}/${rule.id}`);
    assert.ok([200, 202].includes(reply.status), `${reply.status}`);
    if (reply.status === 200) assert.deepEqual(await bothPorts(made), ["", ""]);
  });
});

test("rules hold over a restart of everything", async () => {
  await withDatabase({}, async (made) => {
    await allow(made, ELSEWHERE);
    await howdah.it.restart();
    assert.deepEqual(await bothPorts(made), ["28000", "28000"]);
    const list = await howdah.it.api.expect(200, "GET", pathOf(made));
    await remove(made, list.data[0]);
    assert.deepEqual(await bothPorts(made), ["", ""]);
  });
});

test("an IPv6 client is judged by IPv6 rules on both ports", async (t) => {
  if (!fs.existsSync("/proc/net/if_inet6") || !/^0{31}1 /m.test(read("/proc/net/if_inet6"))) {
    return t.skip("this machine has no IPv6 loopback");
  }
  const six = await Howdah.start({ args: ["--listen", "::1"] });
  try {
    const made = await six.api.createDatabase();
    // psql: node refuses every certificate for ::1, whatever names it has.
    const answers = () =>
      Promise.all(
        PORTS.map(async (port) => {
          const { username, password, database_name } = made;
          const login = `user=${username} password=${password} dbname=${database_name}`;
          const target = `host=::1 port=${portOf(six, port)} ${login} sslmode=require`;
          const { code, stderr } = await psql(target, ["-c", "SELECT 1"]);
          return code === 0 ? "" : /no firewall rule .* ::1/.test(stderr) ? "refused" : stderr;
        }),
      );
    await allow(made, "0.0.0.0/0", {}, six);
    assert.deepEqual(await answers(), ["refused", "refused"]);
    await allow(made, "::1", {}, six);
    assert.deepEqual(await answers(), ["", ""]);
    await until("the refused IPv6 address is listed", 5000, async () => {
      const { data } = await six.api.expect(200, "GET", `${pathOf(made)}/denied`);
      return data.some((row: { address: string }) => row.address === "::1");
    });
    await six.api.deleteDatabase(made.id);
  } finally {
    await six.end();
  }
});

function read(file: string): string {
  return fs.readFileSync(file, "utf8");
}

test("every wrong rule is refused and named, and changes nothing", async () => {
  const { api } = howdah.it;
  await withDatabase({}, async (made) => {
    const wrong = async (body: unknown, pointer: string) => {
      const problem = await api.problem(400, "POST", pathOf(made), { body });
      const found = problem.errors!.map((error) => error.pointer);
      assert.deepEqual(found, [pointer], JSON.stringify(body));
      return problem.detail;
    };
    for (const ipAddress of [
      ...["", " ", "ten", "10", "10.0.0", "10.0.0.256", "010.0.0.1", "10.0.0.1 ", "10.0.0.0/33"],
      ...["10.0.0.0/", "10.0.0.0/-1", "10.0.0.0/08", "10.0.0.0/8/8", "10.0.0.0/255.0.0.0"],
      ...["2001:db8::/129", "fe80::1%lo", "[::1]", "localhost", "10.0.0.1\u0000", "x".repeat(1e4)],
      ...[5, null, true, [], {}],
    ]) {
      await wrong({ ipAddress }, "/ipAddress");
    }
    assert.match(await wrong({ ipAddress: "10.1.2.77/24" }, "/ipAddress"), /10\.1\.2\.0\/24/);
    assert.match(await wrong({ ipAddress: "2001:db8::1/64" }, "/ipAddress"), /2001:db8::\/64/);
    await wrong({}, "/ipAddress");
    for (const expiresAt of ["yesterday", "2020-01-01T00:00:00Z", 5]) {
      await wrong({ ipAddress: ME, expiresAt }, "/expiresAt");
    }
    for (const description of ["x".repeat(501), "a\nb", 5]) {
      await wrong({ ipAddress: ME, description }, "/description");
    }
    for (const branch of ["", "A b", "../x", 5]) {
      await wrong({ ipAddress: ME, branch }, "/branch");
    }
    await wrong({ ipAddress: ME, colour: "red" }, "/colour");
    const nowhere = { ipAddress: ME, branch: "nowhere" };
    await api.problem(404, "POST", pathOf(made), { body: nowhere });
    assert.equal((await api.expect(200, "GET", pathOf(made))).count, 0);
    assert.deepEqual(await bothPorts(made), ["", ""]);
  });
});

test("the same network twice is 409, a mapped address is the one it means", async () => {
  const { api } = howdah.it;
  await withDatabase({}, async (made) => {
    const rule = await allow(made, `::ffff:${ME}`);
    assert.equal(rule.ip_address, ME);
    assert.deepEqual(await bothPorts(made), ["", ""]);
    for (const ipAddress of [ME, `${ME}/32`, `::ffff:${ME}`]) {
      const problem = await api.problem(409, "POST", pathOf(made), { body: { ipAddress } });
      assert.equal(problem.code, "conflict");
    }
  });
});

test("unknown and foreign rules are 404, removing one twice is not", async () => {
  const { api } = howdah.it;
  await withDatabase({}, async (mine) => {
    const rule = await allow(mine, ME);
    await withDatabase({}, async (other) => {
      for (const path of [
        `${pathOf(other)}/${rule.id}`,
        `${pathOf(mine)}/${NOWHERE}`,
        `${pathOf(mine)}/nope`,
        `/api/databases/${NOWHERE}/whitelist/${rule.id}`,
      ]) {
        assert.equal((await api.problem(404, "DELETE", path)).code, "not_found");
      }
    });
    await api.problem(404, "GET", `/api/databases/${NOWHERE}/whitelist`);
    await api.problem(404, "GET", `/api/databases/${NOWHERE}/whitelist/denied`);
    await remove(mine, rule);
    await remove(mine, rule);
  });
});

test("a read key lists and changes nothing, a key of one database changes its own", async () => {
  const { api } = howdah.it;
  const makeKey = async (body: Record<string, unknown>) =>
    (await api.expect(201, "POST", "/api/keys", { body: { name: "fw", ...body } })).data.key;
  await withDatabase({}, async (mine) => {
    const reader = await makeKey({ scope: "read" });
    const body = { ipAddress: ME };
    await api.expect(200, "GET", pathOf(mine), { key: reader });
    await api.problem(403, "POST", pathOf(mine), { key: reader, body });
    await api.problem(403, "DELETE", `${pathOf(mine)}/${NOWHERE}`, { key: reader });
    const writer = await makeKey({ scope: "write", databaseId: mine.id });
    await api.expect(201, "POST", pathOf(mine), { key: writer, body });
    await withDatabase({}, async (other) => {
      await api.problem(403, "POST", pathOf(other), { key: writer, body });
      await api.problem(403, "GET", `${pathOf(other)}/denied`, { key: writer });
    });
    await api.problem(403, "PATCH", "/api/organisation", {
      key: await makeKey({ scope: "write" }),
    });
  });
});

test("the cap on databases is told with what to do", async () => {
  const { api } = howdah.it;
  const { count } = await api.expect(200, "GET", "/api/databases");
  await api.expect(200, "PATCH", "/api/organisation", { body: { databasesMax: count } });
  const body = { friendlyName: "one more", ownerEmail: "a@example.org" };
  const problem = await api.problem(409, "POST", "/api/databases", { body });
  assert.equal(problem.code, "limit_reached");
  assert.match(problem.hint ?? "", /databasesMax/);
  await api.expect(200, "PATCH", "/api/organisation", { body: { databasesMax: null } });
  await withDatabase({}, async () => {});
  const wrong = { firewallDefault: "ajar", databasesMax: -1 };
  const refused = await api.problem(400, "PATCH", "/api/organisation", { body: wrong });
  assert.equal(refused.errors!.length, 2);
});

test("who did it is in the audit log", async () => {
  const { api } = howdah.it;
  await withDatabase({}, async (made) => {
    await remove(made, await allow(made, ME, { description: "me" }));
    const { data } = await api.expect(200, "GET", "/api/audit?limit=50");
    const mine = data.filter((row: { database_id: string }) => row.database_id === made.id);
    assert.deepEqual(
      mine.slice(0, 2).map((row: { action: string }) => row.action),
      ["firewall_rule.delete", "firewall_rule.create"],
    );
    assert.equal(mine[1].details.ip_address, ME);
    assert.equal(mine[1].details.description, "me");
  });
});

test("the command line adds, lists, removes and shows who was refused", async () => {
  const cli = (args: string[]) => howdah.it.cli(["firewall", ...args]);
  const json = async (args: string[]) => {
    const result = await cli([...args, "-o", "json"]);
    assert.equal(result.code, 0, result.stderr);
    return JSON.parse(result.stdout);
  };
  await withDatabase({ friendlyName: "walled" }, async (made) => {
    const expires = "2099-01-01T00:00:00.000Z";
    const more = ["--description", "the office", "--expires", expires, "--branch", "main"];
    const rule = await json(["add", "walled", ELSEWHERE, ...more]);
    assert.equal(rule.description, "the office");
    assert.equal(rule.expires_at, expires);
    assert.deepEqual(await bothPorts(made), ["28000", "28000"]);
    const said = await cli(["add", "walled", "10.0.0.0/8"]);
    assert.match(said.stderr, /10\.0\.0\.0\/8 may connect/);
    assert.equal((await json(["list", made.database_name])).length, 2);
    assert.equal((await json(["list"])).length, 2, "the only database need not be named");
    const table = await cli(["list", "walled"]);
    assert.match(table.stdout, /^ID +ADDRESS +BRANCH +EXPIRES/);
    assert.match(table.stdout, /the office/);
    const { parse } = await import("yaml");
    assert.equal(parse((await cli(["list", "walled", "-o", "yaml"])).stdout).length, 2);

    const [denied] = await until("the refused address is listed", 5000, async () => {
      const rows = await json(["denied", "walled"]);
      return rows.length > 0 ? rows : undefined;
    });
    assert.equal(denied.address, ME);
    assert.match((await cli(["denied", "walled"])).stdout, /^ADDRESS +ATTEMPTS/);

    assert.equal((await cli(["remove", "walled", "10.0.0.0/8"])).code, 0);
    assert.equal((await cli(["remove", "walled", rule.id])).code, 0);
    assert.deepEqual(await json(["list", "walled"]), []);
    for (const [args, code] of [
      [["remove", "walled", "10.0.0.0/8"], 3],
      [["remove", "walled", NOWHERE], 3],
      [["remove", "walled", "nonsense"], 3],
      [["remove", "walled", "10.0.0.1/8"], 2],
      [["add", "walled", "10.0.0.1/8"], 2],
      [["add", "walled"], 2],
      [["add", "nothing-like-it", ME], 3],
      [["frobnicate", "walled"], 2],
    ] as [string[], number][]) {
      const result = await cli(args);
      assert.equal(result.code, code, `${args.join(" ")}: ${result.stderr}`);
      assert.equal(result.stdout, "");
    }
    await cli(["add", "walled", ME]);
    assert.equal((await cli(["add", "walled", ME])).code, 4);
  });
});
