// SPDX-License-Identifier: Apache-2.0
// One call as it will be sent: from what stands in its form to a URL, and to a line for a shell.
// No DOM.
import { exampleOf } from "./schema.js";

/** @typedef {import("./contract.js").Contract} Contract */
/** @typedef {import("./contract.js").Operation} Operation */
/**
 * @typedef {object} Filled what was entered; a field that is empty is not sent
 * @property {Record<string, string>} values by "path:id", "query:limit", "header:Prefer"
 * @property {string} body
 */

/** @param {import("./contract.js").Parameter} parameter */
export const keyOf = (parameter) => `${parameter.in}:${parameter.name}`;

/** The call before anybody entered anything.
 * @param {Contract} contract
 * @param {Operation} operation
 * @returns {Filled}
 */
export function startingPoint(contract, operation) {
  const body = operation.body
    ? JSON.stringify(exampleOf(contract, operation.body.schema, { request: true }), null, 2)
    : "";
  return { values: {}, body };
}

/** Path and query; missing parts of the path stand there as NAMES.
 * @param {Operation} operation
 * @param {Filled} filled
 */
export function targetOf(operation, filled) {
  const path = operation.path.replace(/{([^}]+)}/g, (_, name) => {
    const value = filled.values[`path:${name}`];
    return value ? encodeURIComponent(value) : name.replace(/[A-Z]/g, "_$&").toUpperCase();
  });
  const query = operation.parameters
    .filter((parameter) => parameter.in === "query" && filled.values[keyOf(parameter)])
    .map((parameter) => {
      const value = filled.values[keyOf(parameter)] ?? "";
      return `${encodeURIComponent(parameter.name)}=${encodeURIComponent(value)}`;
    });
  return query.length > 0 ? `${path}?${query.join("&")}` : path;
}

/** Headers but for the key.
 * @param {Operation} operation
 * @param {Filled} filled
 * @returns {[string, string][]}
 */
export function headersOf(operation, filled) {
  /** @type {[string, string][]} */
  const headers = [];
  for (const parameter of operation.parameters) {
    const value = filled.values[keyOf(parameter)];
    if (parameter.in === "header" && value) headers.push([parameter.name, value]);
  }
  if (operation.body && filled.body.trim()) headers.push(["Content-Type", operation.body.media]);
  return headers;
}

/** Why the call is not sent as it stands: [field, what to do], by keyOf() or "body".
 * @param {Operation} operation
 * @param {Filled} filled
 * @returns {[string, string][]}
 */
export function faultsOf(operation, filled) {
  /** @type {[string, string][]} */
  const faults = [];
  for (const parameter of operation.parameters) {
    if (parameter.required && !filled.values[keyOf(parameter)]) {
      faults.push([keyOf(parameter), `${parameter.name} is required: enter it and send again`]);
    }
  }
  if (!operation.body) return faults;
  if (!filled.body.trim()) {
    if (operation.body.required) faults.push(["body", "this call needs a body: enter JSON"]);
    return faults;
  }
  try {
    JSON.parse(filled.body);
  } catch (error) {
    faults.push(["body", `the body is not JSON: ${/** @type {Error} */ (error).message}`]);
  }
  return faults;
}

/** @param {string} text */
const quoted = (text) => `'${text.replaceAll("'", "'\\''")}'`;

/** The same call for a shell. The key stays out of it: it comes from the environment.
 * @param {Operation} operation
 * @param {Filled} filled
 * @param {string} origin "https://host:3000"
 */
export function curlOf(operation, filled, origin) {
  const streams = operation.answers.some((answer) =>
    answer.contents.some(({ media }) => media === "text/event-stream"),
  );
  const method = operation.method === "GET" ? "" : ` -X ${operation.method}`;
  const url = `${origin}${targetOf(operation, filled)}`;
  const plain = /^[\w:/.-]+$/.test(url);
  const lines = [`curl -sS${streams ? "N" : ""}${method} ${plain ? url : quoted(url)}`];
  if (operation.access !== "open") lines.push('-H "X-API-Key: $HOWDAH_API_KEY"');
  for (const [name, value] of headersOf(operation, filled)) {
    lines.push(`-H ${quoted(`${name}: ${value}`)}`);
  }
  if (operation.body && filled.body.trim()) lines.push(`-d ${quoted(compact(filled.body))}`);
  return lines.join(" \\\n  ");
}

/** @param {string} body */
function compact(body) {
  try {
    return JSON.stringify(JSON.parse(body));
  } catch {
    return body; // being typed
  }
}
