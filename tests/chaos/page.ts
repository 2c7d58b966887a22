// SPDX-License-Identifier: Apache-2.0
// Writes what was measured into docs/reliability.md: one section for each test that has a result,
// the full scale before the short one. What has none keeps what it says.
//
// Usage: node page.ts RESULTS PAGE     RESULTS: build/results/chaos, of *.json (harness/report.ts)
import fs from "node:fs";
import path from "node:path";
import type { Report } from "./harness/report.ts";

const HEADING = "## Measured";

function line(items: string[]): string {
  const cells = items.map((item) => item.replaceAll("|", "\\|").replaceAll("\n", " "));
  return `| ${cells.join(" | ")} |`;
}

function section(report: Report): string {
  const { machine } = report;
  const lines = [
    `<!-- ${report.test}:begin -->`,
    `### ${report.test}: ${report.title}`,
    "",
    `Scale ${report.scale}, seed ${report.seed}, ${report.seconds} s, ${machine.date}, commit ` +
      `${machine.commit}; ${machine.cores} cores of ${machine.CPU}, ${machine.memory}, kernel ` +
      `${machine.kernel}, ${machine.PostgreSQL}.`,
    "",
    line(["what", "target", "measured", "met"]),
    "|---|---|---|---|",
    ...report.figures.map(({ what, target, measured, met }) =>
      line([what, target, measured, met ? "yes" : "**no**"]),
    ),
    ...report.controls.map(({ what, seen, failed }) =>
      line([`control: ${what}`, "must fail", seen, failed ? "failed, as it must" : "**no**"]),
    ),
    "",
    ...report.not_run.map((text) => `- Not run: ${text}`),
    ...report.notes.map((text) => `- ${text}`),
    `<!-- ${report.test}:end -->`,
  ];
  return lines.join("\n").replace(/\n{3,}/g, "\n\n");
}

/** T2 before T10. */
function order(name: string): number {
  return Number(name.replace(/\D/g, ""));
}

function newestReports(folder: string): Report[] {
  const best = new Map<string, Report>();
  for (const name of fs.readdirSync(folder).filter((file) => file.endsWith(".json"))) {
    const report = JSON.parse(fs.readFileSync(path.join(folder, name), "utf8")) as Report;
    if (report.figures.length === 0) continue; // its test failed
    if (best.get(report.test)?.scale !== "full") best.set(report.test, report);
  }
  return [...best.values()];
}

function write(folder: string, page: string): void {
  const text = fs.readFileSync(page, "utf8");
  const at = text.indexOf(HEADING);
  if (at < 0) throw new Error(`${page} has no heading "${HEADING}"`);
  const sections = new Map<string, string>();
  const marked = /<!-- (T\d+):begin -->.*?<!-- \1:end -->/gs;
  for (const [all, test] of text.slice(at).matchAll(marked)) sections.set(test!, all);
  for (const report of newestReports(folder)) sections.set(report.test, section(report));
  const sorted = [...sections].sort(([a], [b]) => order(a) - order(b)).map(([, body]) => body);
  fs.writeFileSync(page, `${text.slice(0, at)}${HEADING}\n\n${sorted.join("\n\n")}\n`);
  console.log(`written: ${path.relative(process.cwd(), page)}`);
}

const [folder, page] = process.argv.slice(2);
if (!folder || !page) throw new Error("usage: page.ts RESULTS PAGE");
write(folder, page);
