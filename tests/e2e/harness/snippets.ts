// SPDX-License-Identifier: Apache-2.0
// The API's own snippets, as a user copies them: only the masked password is filled in.
import assert from "node:assert/strict";
import type { Database } from "./api.ts";
import type { Howdah } from "./howdah.ts";
import type { Port } from "./sql.ts";

/** The text of one client's snippet for one port, ready to run; caFile: where its CA lies. */
export async function snippet(
  howdah: Howdah,
  database: Database,
  client: string,
  port: Port,
  caFile = howdah.connection.ca_certificate,
): Promise<string> {
  const ca = encodeURIComponent(caFile);
  const path = `/api/databases/${database.id}/connection-strings?caFile=${ca}`;
  const { data } = await howdah.api.expect(200, "GET", path);
  const text = data.snippets[client][port] as string;
  assert.ok(text.includes("***"), `the snippet of ${client} shows a password, or has none`);
  return text.replaceAll("***", database.password);
}
