// SPDX-License-Identifier: Apache-2.0
// Every error code, at the place where the "type" of an error leads: /docs#error-CODE.
import { codeBlock, el, inline, jsonCode } from "./dom.js";
import { exampleOf } from "./schema.js";
import { fieldList } from "./schema_view.js";

/** @typedef {import("./contract.js").Contract} Contract */
/** @typedef {import("./contract.js").ErrorCode} ErrorCode */

/** @param {Contract} contract */
export function errorsView(contract) {
  const example = /** @type {Record<string, unknown>} */ (
    exampleOf(contract, contract.problemSchema)
  );
  return el(
    "section",
    { class: "group", id: "errors", "aria-labelledby": "title-errors" },
    el("h2", { id: "title-errors", tabindex: -1 }, "Errors"),
    el(
      "p",
      {},
      inline(
        "Every refusal is `application/problem+json` (RFC 9457). Programs look at `code`, people " +
          "at `detail` and `hint`; a browser that follows `type` comes here. The same code is an " +
          "SQLSTATE on the database ports and an exit code of the `howdah` command.",
      ),
    ),
    el(
      "details",
      { class: "answer" },
      el("summary", {}, "Its fields, with an example"),
      fieldList(contract, contract.problemSchema),
      codeBlock("An error", jsonCode({ ...example, ...firstError(contract) })),
    ),
    el("ul", { class: "errors" }, contract.errors.map(errorView)),
  );
}

/** @param {ErrorCode} error */
function errorView(error) {
  const facts = [
    ["HTTP", error.http],
    ["SQLSTATE", error.sqlstate],
    ["exit", error.exit],
  ];
  return el(
    "li",
    { id: `error-${error.code}` },
    el("h3", { tabindex: -1 }, error.title, " ", el("code", {}, error.code)),
    el("p", {}, inline(error.doc)),
    el(
      "ul",
      { class: "facts" },
      facts.map(([name, value]) => el("li", {}, `${name} `, el("b", {}, String(value)))),
    ),
  );
}

/** Parts of an example that agree with each other.
 * @param {Contract} contract
 */
function firstError(contract) {
  const error = contract.errors.find(({ code }) => code === "not_found") ?? contract.errors[0];
  if (!error) return {};
  const message = "no database has this id";
  return {
    type: `/docs#error-${error.code}`,
    title: error.title,
    status: error.http,
    detail: message,
    instance: "/api/databases/0b5ad3f2-3d3e-4c0e-9a5c-0f3f7c1d2e4b",
    code: error.code,
    request_id: "8c1f2b7e90d34a56",
    errors: [],
    hint: "list them with GET /api/databases",
    message,
  };
}
