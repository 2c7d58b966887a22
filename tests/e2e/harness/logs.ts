// SPDX-License-Identifier: Apache-2.0
// A WARN or ERROR line means that a person must act. A test run is not such a case, except where a
// test provokes it: such lines stand on that test's own allow list.
import fs from "node:fs";
import path from "node:path";

const ALARM = /^\S+Z (WARN|ERROR)\b|runtime error:|Sanitizer|terminate called|core dumped/;

/** Allowed everywhere, each with its reason. */
const ALWAYS_ALLOWED: RegExp[] = [];

/** Lines of DIR/logs/*.log that should make somebody act, as "file: line". */
export function alarms(dataDir: string, allowed: RegExp[] = []): string[] {
  const folder = path.join(dataDir, "logs");
  if (!fs.existsSync(folder)) return [];
  const permitted = [...ALWAYS_ALLOWED, ...allowed];
  const found: string[] = [];
  for (const name of fs.readdirSync(folder).filter((file) => file.endsWith(".log"))) {
    for (const line of fs.readFileSync(path.join(folder, name), "utf8").split("\n")) {
      if (ALARM.test(line) && !permitted.some((pattern) => pattern.test(line))) {
        found.push(`${name}: ${line}`);
      }
    }
  }
  return found;
}

/** The end of every log, for a test that failed. */
export function logTails(dataDir: string, lines = 15): string {
  const folder = path.join(dataDir, "logs");
  if (!fs.existsSync(folder)) return "(no logs)";
  return fs
    .readdirSync(folder)
    .map((name) => {
      const text = fs.readFileSync(path.join(folder, name), "utf8").trimEnd().split("\n");
      return `--- ${name}\n${text.slice(-lines).join("\n")}`;
    })
    .join("\n");
}
