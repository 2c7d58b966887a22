// SPDX-License-Identifier: Apache-2.0
// A real browser: Debian's chromium, headless. What it complains about fails the test.
import assert from "node:assert/strict";
import fs from "node:fs";
import { after, before } from "node:test";
import axe from "axe-core";
import { type Browser, type BrowserContextOptions, chromium, type Page } from "playwright-core";
import { IS_ROOT } from "./paths.ts";

const CHROMIUM = process.env.HOWDAH_CHROMIUM ?? "/usr/bin/chromium";

let browser: Browser | undefined;

/** Makes openPage() work in this file. */
export function useBrowser(): void {
  before(async () => {
    if (!fs.existsSync(CHROMIUM)) throw new Error(`no ${CHROMIUM}: packaging/install test`);
    // Chromium's own sandbox refuses to run as root.
    browser = await chromium.launch({
      executablePath: CHROMIUM,
      args: IS_ROOT ? ["--no-sandbox"] : [],
    });
  });
  after(async () => {
    await browser?.close();
  });
}

export interface Visit {
  page: Page;
  /** Every address that was asked for. */
  requests: string[];
  /** Console lines and exceptions that a person would have to look at. */
  complaints: string[];
}

/** Runs body in a page of its own, and then demands that it stayed on this host and quiet. */
export async function visit(
  url: string,
  options: BrowserContextOptions,
  body: (visit: Visit) => Promise<void>,
): Promise<void> {
  const context = await browser!.newContext(options);
  context.setDefaultTimeout(20_000);
  const page = await context.newPage();
  const found: Visit = { page, requests: [], complaints: [] };
  page.on("request", (request) => found.requests.push(request.url()));
  page.on("pageerror", (error) => found.complaints.push(error.message));
  page.on("console", (message) => {
    if (message.type() !== "log") found.complaints.push(`${message.type()}: ${message.text()}`);
  });
  try {
    await page.goto(url);
    await body(found);
    const { origin } = new URL(url);
    assert.deepEqual(
      found.requests.filter((one) => new URL(one).origin !== origin),
      [],
      "the page asked another host",
    );
    assert.deepEqual(found.complaints, []);
  } finally {
    await context.close();
  }
}

/** What axe finds wrong for people who cannot see, hear or point: nothing, or a list. */
export async function accessibilityFaults(page: Page): Promise<string[]> {
  await page.evaluate(axe.source);
  const { violations, passes } = (await page.evaluate("axe.run()")) as axe.AxeResults;
  assert.ok(passes.length > 10, "axe looked at nothing");
  return violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(" ")}`);
}
