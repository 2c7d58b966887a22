// SPDX-License-Identifier: Apache-2.0
// The API reference at /docs in a real browser: it shows everything, asks nobody else, is usable by
// everybody, and sends real calls.
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Page } from "playwright-core";
import type { Json } from "./harness/api.ts";
import { accessibilityFaults, useBrowser, visit } from "./harness/browser.ts";
import { DECLARED_ERRORS } from "./harness/errors.ts";
import { shared } from "./harness/howdah.ts";
import { Contract } from "./harness/openapi.ts";

const howdah = shared();
useBrowser();

const PHONE = { width: 390, height: 844 };
const DESK = { width: 1280, height: 900 };
const errorCodes = DECLARED_ERRORS.map((error) => error.code);

const url = (hash = "") => `${howdah.it.connection.api_url}/docs${hash}`;
const ready = (page: Page) => page.waitForSelector("#errors");

/** Opens the form of a call. */
async function open(page: Page, id: string) {
  await page.locator(`#${id} .try > summary`).click();
  return page.locator(`#${id} .try form`);
}

const answer = (page: Page, id: string) => page.locator(`#${id} .answer-line`);

test("every file of the page is cached by its ETag, typed, and allows nothing inline", async () => {
  const { api } = howdah.it;
  const page = await api.call("GET", "/docs", { key: null });
  assert.match(page.headers.get("content-type") ?? "", /^text\/html/);
  const files = [...String(page.body).matchAll(/(?:src|href)="(docs\/[^"]+)"/g)].map(
    (match) => `/${match[1]}`,
  );
  assert.ok(files.includes("/docs/main.js") && files.includes("/docs/reference.css"));
  assert.doesNotMatch(String(page.body), /<style|<script>|\son\w+=|style=/);
  for (const file of ["/docs", "/openapi.json", ...files]) {
    const first = await api.call("GET", file, { key: null });
    assert.equal(first.status, 200, file);
    assert.equal(first.headers.get("x-content-type-options"), "nosniff", file);
    assert.equal(first.headers.get("x-frame-options"), "DENY", file);
    const policy = first.headers.get("content-security-policy") ?? "";
    assert.match(policy, /default-src 'none'.*frame-ancestors 'none'/);
    assert.doesNotMatch(policy, /unsafe/);
    const etag = first.headers.get("etag")!;
    const again = await api.call("GET", file, { key: null, headers: { "If-None-Match": etag } });
    assert.equal(again.status, 304, file);
    assert.equal(again.headers.get("etag"), etag);
  }
  assert.equal((await api.problem(404, "GET", "/docs/nothing.js")).code, "not_found");
});

for (const colorScheme of ["light", "dark"] as const) {
  for (const viewport of [PHONE, DESK]) {
    test(`it is accessible and fits ${viewport.width} px, ${colorScheme}`, async () => {
      await visit(url(), { viewport, colorScheme }, async ({ page }) => {
        await ready(page);
        const wide = await page.evaluate("document.documentElement.scrollWidth");
        assert.equal(wide, viewport.width, "the page must be scrolled sideways");
        assert.deepEqual(await accessibilityFaults(page), []);
        await open(page, "createDatabase");
        await page.evaluate(
          'document.querySelectorAll("details").forEach((d) => { d.open = true })',
        );
        await page.waitForSelector("#listAudit form");
        assert.equal(await page.evaluate("document.documentElement.scrollWidth"), viewport.width);
        assert.deepEqual(await accessibilityFaults(page), []);
      });
    });
  }
}

test("every call and every error code is on the page, and found by searching", async () => {
  const { document } = new Contract();
  await visit(url(), { viewport: DESK }, async ({ page }) => {
    await ready(page);
    for (const [pattern, calls] of Object.entries(document.paths)) {
      for (const [method, call] of Object.entries(calls)) {
        if (!call.operationId) continue;
        const words = (await page.locator(`#${call.operationId}`).innerText()).replaceAll("\n", "");
        assert.ok(words.includes(pattern), call.operationId);
        assert.ok(words.includes(method.toUpperCase()), call.operationId);
      }
    }
    for (const code of errorCodes) assert.equal(await page.locator(`#error-${code}`).count(), 1);

    await page.keyboard.press("/");
    await page.keyboard.type("whitelist post");
    const found = page.locator("#navigation li:visible");
    assert.deepEqual(await found.allInnerTexts(), ["POST\nAllow an address or network"]);
    await page.keyboard.press("Enter");
    await page.waitForFunction("location.hash === '#createFirewallRule'");
    assert.ok(await page.locator("#createFirewallRule h3").isVisible());
    await page.locator("#search").fill("nothing has such a name");
    assert.equal(await page.locator(".search .hint").innerText(), "Nothing found");
    for (const code of errorCodes) {
      await page.locator("#search").fill(`error ${code}`);
      assert.ok((await found.allInnerTexts()).includes(code));
    }
  });
});

test("the type of an error leads to what it means", async () => {
  const problem = await howdah.it.api.problem(404, "GET", "/api/nothing");
  assert.equal(problem.type, "/docs#error-not_found");
  const target = new URL(problem.type, `${howdah.it.connection.api_url}/api/nothing`).href;
  await visit(target, { viewport: PHONE }, async ({ page }) => {
    await ready(page);
    const section = page.locator("#error-not_found");
    await section.locator("h3:focus").waitFor();
    assert.match(await section.innerText(), /Nothing has this id or name/);
    const { y } = (await section.boundingBox())!;
    assert.ok(y >= 0 && y < PHONE.height, `it is ${y} px away`);
  });
  await visit(url("#error-of-yesterday"), { viewport: DESK }, async ({ page }) => {
    await ready(page);
    assert.match(await page.locator("#state").innerText(), /error-of-yesterday/);
  });
});

test("a call is tried with a key that no storage ever sees", async () => {
  const { key } = howdah.it.api;
  await visit(url(), { viewport: PHONE }, async ({ page, complaints }) => {
    await ready(page);
    await open(page, "createDatabase");
    await page.locator("#createDatabase .send").click();
    await answer(page, "createDatabase").getByText("401").waitFor();
    const what = page.locator("#createDatabase").getByText("What unauthorized means");
    assert.equal(await what.getAttribute("href"), "#error-unauthorized");
    // The browser itself notes a 401 in its console.
    assert.match(complaints.splice(0).join(), /^error: Failed to load resource: .*401/);

    await page.locator("#key").fill(key);
    await page.locator("#createDatabase .send").click();
    await answer(page, "createDatabase").getByText("201").waitFor();
    const body = JSON.parse(await page.locator("#createDatabase .result .body").innerText());
    assert.equal(body.data.friendly_name, "My shop");

    await open(page, "getDatabase");
    await page.locator("#try-getDatabase-path-id").fill(body.data.id);
    const curl = await page.locator("#getDatabase .code code").first().innerText();
    assert.ok(curl.includes(`/api/databases/${body.data.id}`), "the line follows the form");
    await page.locator("#getDatabase .send").click();
    await answer(page, "getDatabase").getByText("200").waitFor();
    const kept = await page.evaluate(
      "JSON.stringify([{...localStorage}, {...sessionStorage}, document.cookie, location.href])",
    );
    assert.ok(!String(kept).includes(key));
    assert.ok(!(await page.content()).includes(key), "the key stands in the page itself");
    await page.reload();
    await ready(page);
    assert.equal(await page.locator("#key").inputValue(), "");
    await howdah.it.api.deleteDatabase(body.data.id);
  });
});

test("what is not sent says why, and a stream is shown while it comes", async () => {
  const operation = (await howdah.it.api.expect(200, "GET", "/api/operations?limit=1")).data[0];
  await visit(url(), { viewport: DESK }, async ({ page, requests }) => {
    await ready(page);
    await page.locator("#key").fill(howdah.it.api.key);
    await open(page, "getDatabase");
    const before = requests.length;
    await page.locator("#getDatabase .send").click();
    await page.locator("#getDatabase").getByText("id is required").waitFor();
    assert.equal(await page.locator("#getDatabase input:focus").count(), 1);
    await open(page, "createDatabase");
    await page.locator("#createDatabase textarea").fill("{");
    await page.locator("#createDatabase .send").click();
    await page.locator("#createDatabase").getByText("the body is not JSON").waitFor();
    assert.equal(requests.length, before, "something was sent");

    await open(page, "streamOperationEvents");
    await page.locator("#streamOperationEvents input").first().fill(operation.id);
    await page.locator("#streamOperationEvents .send").click();
    await page.locator("#streamOperationEvents .body").getByText("event: state").first().waitFor();
  });
});

test("the command line of a call does the same in a shell", async () => {
  await visit(url(), { viewport: DESK }, async ({ page }) => {
    await ready(page);
    const curl = await page.locator("#listDatabases .code code").first().innerText();
    assert.match(
      curl,
      /^curl -sS http\S+\/api\/databases \\\n {2}-H "X-API-Key: \$HOWDAH_API_KEY"$/,
    );
    assert.ok(!curl.includes(howdah.it.api.key));
  });
});

test("every example of an answer fits the contract", async () => {
  const contract = new Contract();
  await visit(url(), { viewport: DESK }, async ({ page }) => {
    await ready(page);
    const examples = (await page.evaluate(`(async () => {
      const { Contract } = await import("/docs/contract.js");
      const { exampleOf } = await import("/docs/schema.js");
      const contract = new Contract(await (await fetch("/openapi.json")).json());
      return contract.operations.flatMap(({ method, path, answers }) =>
        answers.flatMap(({ status, contents }) =>
          contents.map(({ media, schema }) =>
            ({ method, path, status, media, body: exampleOf(contract, schema) }))));
    })()`)) as { method: string; path: string; status: string; media: string; body: Json }[];
    assert.ok(examples.length > 30);
    for (const { method, path: pattern, status, media, body } of examples) {
      const code = status === "default" ? 418 : Number(status);
      const answered = { status: code, contentType: media, body };
      assert.doesNotThrow(
        () => contract.check(method, pattern, answered),
        "write `examples` beside its pattern in api/openapi.yaml",
      );
    }
  });
});

test("it works with the keyboard alone, and its menu on a phone opens and closes", async () => {
  await visit(url(), { viewport: PHONE }, async ({ page }) => {
    await ready(page);
    await page.keyboard.press("Tab");
    assert.equal(await page.locator("a.skip:focus").count(), 1);
    await page.locator("#menu").focus();
    await page.keyboard.press("Enter");
    assert.ok(await page.locator("#search").isVisible());
    await page.keyboard.press("Escape");
    assert.ok(await page.locator("#search").isHidden());
    assert.equal(await page.locator("#menu:focus").count(), 1);
    await page.keyboard.press("Enter");
    await page.locator('#navigation a[href="#listAudit"]').click();
    assert.ok(await page.locator("#search").isHidden());
    await page.locator("#listAudit h3:focus").waitFor();
  });
});
