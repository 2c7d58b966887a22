// SPDX-License-Identifier: Apache-2.0
// Off loopback everything is TLS, with the own CA's certificate: seen from another machine, which
// is a second network namespace here.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import fs from "node:fs";
import path from "node:path";
import { after, before, test } from "node:test";
import { Howdah, makeBase } from "./harness/howdah.ts";
import { IS_ROOT, program } from "./harness/paths.ts";
import { run, runOk } from "./harness/run.ts";

const SERVER = `howdah-s${process.pid}`;
const CLIENT = `howdah-c${process.pid}`;
const ADDRESS = "192.0.2.7";
const DOMAIN = "db.example.org";

const ip = (...args: string[]) => execFileSync("ip", args, { stdio: "pipe" });

/** A folder with a `howdah` that starts in the server's namespace, as the same process. */
function makeBin(base: string): string {
  const file = path.join(base, "howdah");
  const exec = `exec ip netns exec ${SERVER} ${program("howdah")} "$@"`;
  fs.writeFileSync(file, `#!/bin/sh\n${exec}\n`, { mode: 0o755 });
  return base;
}

const on = (where: string, ...command: string[]) => run("ip", ["netns", "exec", where, ...command]);

function port(howdah: Howdah): string {
  return new URL(howdah.connection.api_url).port;
}

/** curl from the other machine: status, headers and body. */
async function curl(howdah: Howdah, url: string, ...more: string[]) {
  const ca = ["--cacert", howdah.connection.ca_certificate];
  const args = ["-sS", "-m", "10", "-D", "-", ...ca, ...more];
  return on(CLIENT, "curl", ...args, url);
}

const needs = { skip: !IS_ROOT && "needs root: it makes network namespaces" };

before(() => {
  if (!IS_ROOT) return;
  for (const name of [SERVER, CLIENT]) {
    ip("netns", "add", name);
    ip("-n", name, "link", "set", "lo", "up");
  }
  ip("-n", SERVER, "link", "add", "v0", "type", "veth", "peer", "name", "v1", "netns", CLIENT);
  ip("-n", SERVER, "addr", "add", `${ADDRESS}/24`, "dev", "v0");
  ip("-n", SERVER, "link", "set", "v0", "up");
  ip("-n", CLIENT, "addr", "add", "192.0.2.8/24", "dev", "v1");
  ip("-n", CLIENT, "link", "set", "v1", "up");
});
after(() => {
  if (!IS_ROOT) return;
  for (const name of [SERVER, CLIENT]) ip("netns", "del", name);
});

async function withOpen(args: string[], job: (howdah: Howdah) => Promise<void>): Promise<void> {
  const base = makeBase();
  const howdah = await Howdah.start({ args, bin: makeBin(base) });
  try {
    await job(howdah);
    await howdah.end();
  } finally {
    howdah.removeByForce();
    fs.rmSync(base, { recursive: true, force: true });
  }
}

test("--listen opens API and databases to other machines, by TLS only", needs, () =>
  withOpen(["--listen", ADDRESS], async (howdah) => {
    const { api_key, ca_certificate, direct_port } = howdah.connection;
    const base = `https://${ADDRESS}:${port(howdah)}`;
    assert.equal(howdah.connection.api_url, base);

    const health = await curl(howdah, `${base}/health`);
    assert.match(health.stdout, /^HTTP\/1.1 200 /, health.stderr);
    assert.doesNotMatch(health.stdout, /Strict-Transport-Security/i, "an address is no domain");
    const listed = await curl(howdah, `${base}/api/databases`, "-H", `X-API-Key: ${api_key}`);
    assert.match(listed.stdout, /"success":true/);

    // Without the CA there is no trust, and plain HTTP gets nothing but the reason.
    const untrusting = await on(CLIENT, "curl", "-sS", "-m", "10", `${base}/health`);
    assert.equal(untrusting.code, 60, untrusting.stderr);
    const plain = await curl(howdah, `http://${ADDRESS}:${port(howdah)}/health`);
    assert.match(plain.stdout, /^HTTP\/1.1 403 /);
    assert.match(plain.stdout, /tls_required/);
    assert.match(plain.stdout, /https:/);
    const old = await on(
      CLIENT,
      "openssl",
      ...["s_client", "-connect", `${ADDRESS}:${port(howdah)}`, "-tls1_1"],
      ...["-cipher", "DEFAULT@SECLEVEL=0"],
    );
    assert.notEqual(old.code, 0, "TLS 1.1 is refused");

    // This machine goes on as before.
    const local = await on(
      SERVER,
      "curl",
      "-sS",
      "-m",
      "10",
      `http://localhost:${port(howdah)}/health`,
    );
    assert.match(local.stdout, /"ok"/, local.stderr);

    const made = await howdah.cli(["db", "create", "shop", "-o", "json"]);
    assert.equal(made.code, 0, made.stderr);
    const { connection_uri, ca_certificate_url } = JSON.parse(made.stdout);
    assert.match(ca_certificate_url, /^http:\/\/localhost:/, "plain on this machine");
    const uri = connection_uri
      .replace("@localhost", `@${ADDRESS}`)
      .replace("sslmode=require", `sslmode=verify-full&sslrootcert=${ca_certificate}`);
    const asked = await on(CLIENT, "psql", uri, "-XAtc", "SELECT 6 * 7");
    assert.equal(asked.stdout, "42\n", asked.stderr);
    assert.ok(uri.includes(`:${direct_port}/`));
  }),
);

test(
  "the start says that it is open, shows the certificate, and the host firewall's line",
  needs,
  async () => {
    const nft = (rules: string) =>
      run("ip", ["netns", "exec", SERVER, "nft", "-f", "-"], { input: rules });
    const filtered = await nft(
      "table inet filter { chain input { type filter hook input priority 0; policy drop; " +
        'iifname "lo" accept; ct state established accept; } }',
    ).catch(() => ({ code: 1 }));
    try {
      await withOpen(["--listen", ADDRESS], async (howdah) => {
        const { direct_port, pooled_port } = howdah.connection;
        assert.match(howdah.output, /other machines reach it on 192\.0\.2\.7/);
        assert.match(howdah.output, /--public-host/);
        const file = path.join(howdah.dataDir, "tls/server.crt");
        assert.ok(howdah.output.includes(file));
        const print = await runOk("openssl", [
          "x509",
          "-noout",
          "-fingerprint",
          "-sha256",
          "-in",
          file,
        ]);
        const digest = print.trim().split("=")[1]!.replaceAll(":", "").toLowerCase();
        assert.ok(howdah.output.toLowerCase().replaceAll(":", "").includes(digest), howdah.output);
        if (filtered.code !== 0) return; // no nftables on this machine
        const ports = `${port(howdah)}, ${direct_port}, ${pooled_port}`;
        const line = `nft insert rule inet filter input tcp dport { ${ports} } accept`;
        assert.ok(howdah.output.includes(line), howdah.output);
        const before = await on(SERVER, "nft", "list", "ruleset");
        assert.ok(!before.stdout.includes(String(direct_port)), "the firewall was not touched");
        assert.notEqual(
          (await curl(howdah, `${howdah.connection.api_url}/health`, "-m", "2")).code,
          0,
        );
        // The line is one that can be run as it is, and it opens the ports.
        const ran = await on(SERVER, "sh", "-c", line.replace(/[{}]/g, "\\$&"));
        assert.equal(ran.code, 0, ran.stderr);
        const health = await curl(howdah, `${howdah.connection.api_url}/health`);
        assert.match(health.stdout, /^HTTP\/1.1 200 /, health.stderr);
      });
    } finally {
      await nft("flush ruleset").catch(() => {});
    }
  },
);

test("a domain with an e-mail address opens it, is in the certificate, and has HSTS", needs, () =>
  withOpen(["--domain", DOMAIN, "--email", "you@example.org"], async (howdah) => {
    const base = `https://${DOMAIN}:${port(howdah)}`;
    assert.equal(howdah.connection.api_url, base);
    const resolve = ["--resolve", `${DOMAIN}:${port(howdah)}:${ADDRESS}`];
    const health = await curl(howdah, `${base}/health`, ...resolve);
    assert.match(health.stdout, /^HTTP\/1.1 200 /, health.stderr);
    assert.match(health.stdout, /Strict-Transport-Security: max-age=/i);
    assert.match(howdah.output, /other machines reach it on 0\.0\.0\.0/);
  }),
);

test("by default nobody else reaches anything", needs, () =>
  withOpen([], async (howdah) => {
    const { direct_port, pooled_port } = howdah.connection;
    for (const closed of [port(howdah), direct_port, pooled_port]) {
      const asked = await on(CLIENT, "curl", "-sS", "-m", "5", `http://${ADDRESS}:${closed}/`);
      assert.equal(asked.code, 7, `port ${closed}: ${asked.stdout}${asked.stderr}`);
    }
    assert.match(howdah.output, /this machine only/);
    assert.doesNotMatch(howdah.output, /other machines/);
  }),
);

/** The command line on the other machine, which has no Howdah and no settings of its own. */
function remote(howdah: Howdah, args: string[], env: Record<string, string> = {}) {
  const { api_url, api_key, ca_certificate } = howdah.connection;
  const nowhere = { HOME: "/nonexistent", XDG_CONFIG_HOME: "", NO_COLOR: "1" };
  const key = { HOWDAH_API_URL: api_url, HOWDAH_API_KEY: api_key, HOWDAH_CA_FILE: ca_certificate };
  const command = ["netns", "exec", CLIENT, program("howdah"), ...args];
  return run("ip", command, { env: { ...nowhere, ...key, ...env }, cwd: "/" });
}

test("the command line works against another machine, once it trusts its CA", needs, () =>
  withOpen(["--listen", ADDRESS], async (howdah) => {
    const { api_url, ca_certificate } = howdah.connection;
    const made = await remote(howdah, ["db", "create", "far", "-o", "json"]);
    assert.equal(made.code, 0, made.stderr);
    // By flags as by variables.
    const flags = ["--api-url", api_url, "--ca-file", ca_certificate];
    const plain = { HOWDAH_API_URL: "", HOWDAH_CA_FILE: "" };
    const listed = await remote(howdah, ["db", "list", ...flags], plain);
    assert.match(listed.stdout, /far/, listed.stderr);
    // The URLs say localhost: here that would be another machine.
    const asked = await remote(howdah, ["psql", "far", "--", "-XAtc", "SELECT 6 * 7"]);
    assert.equal(asked.stdout, "42\n", asked.stderr);
    const file = path.join(path.dirname(howdah.dataDir), "far.env");
    const pulled = await remote(howdah, ["env", "pull", "far", "--file", file]);
    assert.equal(pulled.code, 0, pulled.stderr);
    assert.match(pulled.stderr, /lead to localhost.*--public-host/);
    assert.match((await remote(howdah, ["logs", "far"])).stdout, /ready to accept connections/);

    // What only that machine can tell is refused, instead of told of this one.
    for (const args of [["logs"], ["doctor"], ["service", "install"], ["uninstall", "--yes"]]) {
      const refused = await remote(howdah, args);
      assert.equal(refused.code, 7, `${args}: ${refused.stdout}${refused.stderr}`);
      assert.match(refused.stderr, /on the machine itself[\s\S]*without --api-url/);
      assert.equal(refused.stdout, "");
    }
  }),
);

test("the command line refuses another machine whose CA is not the named one", needs, () =>
  withOpen(["--listen", ADDRESS], async (howdah) => {
    const { api_url } = howdah.connection;
    const base = path.dirname(howdah.dataDir);
    const other = path.join(base, "other.crt");
    const key = ["-newkey", "rsa:2048", "-nodes", "-keyout", "/dev/null"];
    await runOk("openssl", ["req", "-x509", ...key, "-out", other, "-subj", "/CN=x", "-days", "1"]);
    for (const ca of [other, ""]) {
      const wrong = await remote(howdah, ["db", "list"], { HOWDAH_CA_FILE: ca });
      assert.equal(wrong.code, 69, wrong.stdout);
      assert.match(wrong.stderr, /no TLS connection to 192\.0\.2\.7: certificate verify failed/);
      assert.match(wrong.stderr, /--ca-file[\s\S]*tls\/ca\.crt/, "where the right one is");
      assert.equal(wrong.stdout, "");
    }
    const noCertificate = path.join(base, "no.crt");
    fs.writeFileSync(noCertificate, "nothing\n");
    const cases: [Record<string, string>, number, RegExp][] = [
      [{ HOWDAH_CA_FILE: noCertificate }, 78, /HOWDAH_CA_FILE: the CA certificate is unusable/],
      [{ HOWDAH_API_URL: api_url.replace("https", "http") }, 78, /plain http[\s\S]*use https/],
      [{ HOWDAH_API_URL: `https://${ADDRESS}:1` }, 69, /refused[\s\S]*--listen[\s\S]*firewall/],
      [{ HOWDAH_API_KEY: "" }, 5, /no API key for[\s\S]*howdah key create/],
      [{ HOWDAH_API_KEY: "wrong" }, 5, /valid API key is needed/],
    ];
    for (const [env, code, says] of cases) {
      const refused = await remote(howdah, ["db", "list"], env);
      assert.equal(refused.code, code, refused.stdout + refused.stderr);
      assert.match(refused.stderr, says);
    }
  }),
);
