// SPDX-License-Identifier: Apache-2.0
// The harness itself: what it should find, it finds. Else the other tests prove nothing.
import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import fs from "node:fs";
import path from "node:path";
import { test } from "node:test";
import { makeBase } from "./harness/howdah.ts";
import { killAll, leftovers, removeByForce, runtimeDirectory } from "./harness/leftovers.ts";
import { alarms } from "./harness/logs.ts";
import { Contract } from "./harness/openapi.ts";
import { IS_ROOT } from "./harness/paths.ts";
import { run, until } from "./harness/run.ts";

const DOCUMENT = `
openapi: 3.1.0
paths:
  /api/things:
    get:
      operationId: listThings
      responses:
        "200":
          content: { application/json: { schema: { $ref: "#/components/schemas/Things" } } }
        default: { $ref: "#/components/responses/Problem" }
  /api/things/{id}:
    delete: { operationId: deleteThing, responses: { "204": { description: gone } } }
components:
  responses:
    Problem:
      content:
        application/problem+json: { schema: { type: object, required: [code] } }
  schemas:
    Things:
      type: object
      required: [data]
      additionalProperties: false
      properties:
        data: { type: array, items: { type: integer } }
        at: { type: string, format: date-time }
`;

test("an answer that differs from the contract is found", () => {
  const folder = makeBase();
  const file = path.join(folder, "openapi.yaml");
  fs.writeFileSync(file, DOCUMENT);
  const contract = new Contract(file);
  const json = (status: number, body: unknown, contentType = "application/json") => ({
    status,
    body,
    contentType,
  });
  contract.check("GET", "/api/things", json(200, { data: [1], at: "2026-01-01T00:00:00.000Z" }));
  contract.check(
    "GET",
    "/api/v1/things",
    json(200, { data: [] }, "application/json; charset=utf-8"),
  );
  contract.check("GET", "/api/things", json(418, { code: "x" }, "application/problem+json"));
  contract.check("DELETE", "/api/things/7", json(204, "", ""));
  for (const [method, url, answer] of [
    ["GET", "/api/things", json(200, { data: ["1"] })],
    ["GET", "/api/things", json(200, { data: [1], extra: true })],
    ["GET", "/api/things", json(200, { data: [1], at: "yesterday" })],
    ["GET", "/api/things", json(200, {})],
    ["GET", "/api/things", json(200, "text", "text/plain")],
    ["GET", "/api/things", json(500, { detail: "x" }, "application/problem+json")],
    ["DELETE", "/api/things/7", json(200, {})],
    ["DELETE", "/api/things/7", json(204, { a: 1 })],
    ["GET", "/api/others", json(200, {})],
  ] as const) {
    assert.throws(() => contract.check(method, url, answer), `${method} ${JSON.stringify(answer)}`);
  }
  fs.rmSync(folder, { recursive: true });
});

test("a process, a runtime folder and connection.json that stay behind are found", async () => {
  const folder = makeBase();
  const dataDir = path.join(folder, "data");
  fs.mkdirSync(dataDir);
  const uid = process.getuid!();
  assert.deepEqual(leftovers(dataDir), []);
  const children = [
    spawn("sleep", ["60"], { cwd: dataDir }),
    spawn("bash", ["-c", "read -r line", `${dataDir}/x`]),
  ];
  fs.mkdirSync(runtimeDirectory(dataDir, uid), { recursive: true });
  fs.writeFileSync(path.join(dataDir, "connection.json"), "{}");
  await until("both are seen", 2000, () => leftovers(dataDir).length === 4);
  assert.equal(killAll(dataDir), children.length);
  removeByForce(dataDir);
  assert.deepEqual(leftovers(dataDir), []);
  fs.rmSync(folder, { recursive: true });
});

test("a mount and a loop device that stay behind are found", { skip: !IS_ROOT }, () => {
  const folder = makeBase();
  const dataDir = path.join(folder, "data");
  fs.mkdirSync(path.join(dataDir, "volume"), { recursive: true });
  fs.writeFileSync(path.join(dataDir, "image"), Buffer.alloc(1024 * 1024));
  execFileSync("losetup", ["-f", path.join(dataDir, "image")]);
  execFileSync("mount", ["-t", "tmpfs", "tmpfs", path.join(dataDir, "volume")]);
  const found = leftovers(dataDir);
  removeByForce(dataDir);
  assert.match(found.join("\n"), /mount .*\/volume/);
  assert.match(found.join("\n"), /loop device \/dev\/loop/);
  assert.deepEqual(leftovers(dataDir), []);
  fs.rmSync(folder, { recursive: true });
});

test("WARN, ERROR and sanitizer lines are found, allowed ones and others are not", () => {
  const folder = makeBase();
  fs.mkdirSync(path.join(folder, "logs"));
  const lines = [
    "2026-01-01T00:00:00.000Z INFO  gate: an ERROR was told to a client",
    "2026-01-01T00:00:00.000Z WARN  gate: something",
    "2026-01-01T00:00:00.000Z ERROR node: else",
    "==17==ERROR: AddressSanitizer: heap-use-after-free",
  ];
  fs.writeFileSync(path.join(folder, "logs/gate.log"), lines.join("\n"));
  assert.equal(alarms(folder).length, 3);
  assert.equal(alarms(folder, [/something/]).length, 2);
  fs.rmSync(folder, { recursive: true });
});

test("a program that hangs is ended at its deadline", async () => {
  const result = await run("sleep", ["60"], { timeoutMs: 100 });
  assert.equal(result.code, 137);
});
