// SPDX-License-Identifier: Apache-2.0
// howdah env pull: a .env that works, without harm to what is in it and without showing a password.
import assert from "node:assert/strict";
import fs from "node:fs";
import path from "node:path";
import { after, test } from "node:test";
import { parseEnv } from "node:util";
import type { Database } from "./harness/api.ts";
import { makeBase, shared } from "./harness/howdah.ts";
import { run, runOk } from "./harness/run.ts";

let made: Database;
const howdah = shared(
  {},
  {
    first: async ({ api }) => {
      made = await api.createDatabase({ friendlyName: "app" });
    },
  },
);
const base = makeBase();
after(() => fs.rmSync(base, { recursive: true, force: true }));
const file = path.join(base, ".env");

async function pull(args: string[] = [], cwd = base) {
  const result = await howdah.it.cli(["env", "pull", "app", ...args], { cwd });
  assert.ok(!(result.stdout + result.stderr).includes(made.password), "the password is shown");
  return result;
}

test("it makes a private file whose URLs connect", async () => {
  const result = await pull();
  assert.equal(result.code, 0, result.stderr);
  assert.equal(fs.statSync(file).mode & 0o777, 0o600);
  const env = parseEnv(fs.readFileSync(file, "utf8")) as Record<string, string>;
  assert.match(env.DATABASE_URL!, new RegExp(`:${howdah.it.connection.pooled_port}/`));
  assert.match(env.DIRECT_URL!, new RegExp(`:${howdah.it.connection.direct_port}/`));
  assert.match(env.SHADOW_DATABASE_URL!, /_shadow\?.*schema=public/);
  const asked = await runOk("/usr/bin/psql", [env.DATABASE_URL!, "-XAtc", "SELECT 1"]);
  assert.equal(asked, "1\n");
  const byVariables = await runOk("/usr/bin/psql", ["-XAtc", "SELECT 2"], { env });
  assert.equal(byVariables, "2\n");
  assert.ok(!fs.existsSync(path.join(base, ".gitignore")), "this is no work tree");
});

test("other lines, comments and the file's owner stay; a second pull changes nothing", async () => {
  const key = 'KEY="-----BEGIN\nDATABASE_URL=inside\n-----END"\n';
  fs.writeFileSync(file, `# mine\nexport DATABASE_URL=old\nA=1\n${key}`, { mode: 0o644 });
  fs.chmodSync(file, 0o644);
  if (process.getuid?.() === 0) fs.chownSync(file, 65534, 65534);
  assert.equal((await pull(["--direct"])).code, 0);
  const text = fs.readFileSync(file, "utf8");
  const url = `DATABASE_URL="postgresql://${made.username}:${made.password}@`;
  assert.ok(text.startsWith(`# mine\n${url}`), text.replaceAll(made.password, "***"));
  assert.ok(text.includes(`\nA=1\n${key}`));
  assert.equal(fs.statSync(file).mode & 0o777, 0o600, "it holds a password now");
  if (process.getuid?.() === 0) assert.equal(fs.statSync(file).uid, 65534);
  assert.equal((await pull(["--direct"])).code, 0);
  assert.equal(fs.readFileSync(file, "utf8"), text);
});

test("in a git work tree it is ignored, once", async () => {
  const tree = path.join(base, "tree");
  fs.mkdirSync(tree);
  await runOk("/usr/bin/git", ["init", "-q", tree]);
  fs.writeFileSync(path.join(tree, ".gitignore"), "node_modules");
  for (const _ of [1, 2]) assert.equal((await pull([], tree)).code, 0);
  assert.equal(fs.readFileSync(path.join(tree, ".gitignore"), "utf8"), "node_modules\n.env\n");
  const status = await runOk("/usr/bin/git", ["-C", tree, "status", "--porcelain", "-uall"]);
  assert.ok(!/\.env/.test(status), status);
});

test("what is no regular file is left alone", async () => {
  const target = path.join(base, "precious");
  fs.writeFileSync(target, "precious\n");
  fs.symlinkSync(target, path.join(base, "link.env"));
  fs.mkdirSync(path.join(base, "folder.env"));
  await runOk("/usr/bin/mkfifo", [path.join(base, "pipe.env")]);
  for (const name of ["link.env", "folder.env", "pipe.env"]) {
    const result = await pull(["--file", name]);
    assert.equal(result.code, 2, name);
    assert.match(result.stderr, /is not a regular file/);
  }
  assert.equal(fs.readFileSync(target, "utf8"), "precious\n");
});

test("from another machine the CA certificate comes along", async () => {
  const place = path.join(base, "remote");
  fs.mkdirSync(place);
  const { api_url, api_key } = howdah.it.connection;
  const args = ["env", "pull", "app", "--api-url", api_url];
  const result = await howdah.it.cli(args, { cwd: place, env: { HOWDAH_API_KEY: api_key } });
  assert.equal(result.code, 0, result.stderr);
  const env = parseEnv(fs.readFileSync(path.join(place, ".env"), "utf8")) as Record<string, string>;
  assert.equal(env.PGSSLROOTCERT, path.join(place, "howdah-ca.crt"));
  const asked = await run("/usr/bin/psql", [env.DATABASE_URL!, "-XAtc", "SELECT 1"]);
  assert.equal(asked.stdout, "1\n", asked.stderr);
});
