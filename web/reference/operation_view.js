// SPDX-License-Identifier: Apache-2.0
// One call: what it is for, who may call it, what goes in, what comes out, and a line to copy.
import { codeBlock, el, inline, jsonCode, prose } from "./dom.js";
import { curlOf, startingPoint } from "./request.js";
import { exampleOf } from "./schema.js";
import { fieldLine, fieldList, schemaView } from "./schema_view.js";
import { tryIt } from "./try_it.js";

/** @typedef {import("./contract.js").Contract} Contract */
/** @typedef {import("./contract.js").Operation} Operation */
/** @typedef {import("./contract.js").Answer} Answer */

/** @type {Record<import("./contract.js").Access, string>} */
const ACCESS = {
  open: "no key needed",
  read: "any key",
  write: "key with scope write",
  admin: "key with scope admin",
  local: "on the machine itself only",
};

const LOCAL_NOTE =
  "Only the `howdah` command on the machine itself reaches it, so it cannot be tried from here.";

/** The method as a badge, and the path with its variable parts marked.
 * @param {Operation} operation
 */
export function callLine({ method, path }) {
  const parts = path.split(/({[^}]+})/).filter((part) => part !== "");
  return el(
    "p",
    { class: "call" },
    el("span", { class: `method ${method.toLowerCase()}` }, method),
    el(
      "code",
      { class: "path" },
      parts.map((part) => (part.startsWith("{") ? el("span", { class: "variable" }, part) : part)),
    ),
  );
}

/** @param {Contract} contract @param {Operation} operation */
export function operationView(contract, operation) {
  const filled = startingPoint(contract, operation);
  const curl = el("code", {});
  const showCurl = () => {
    curl.textContent = curlOf(operation, filled, location.origin);
  };
  showCurl();
  const example = firstExample(contract, operation);
  const title = `title-${operation.id}`;
  return el(
    "article",
    { class: "operation", id: operation.id, "aria-labelledby": title },
    el(
      "div",
      { class: "operation-text" },
      heading(operation, title),
      callLine(operation),
      accessLine(operation),
      prose(operation.description),
      parameters(contract, operation),
      body(contract, operation),
      answers(contract, operation),
    ),
    el(
      "div",
      { class: "operation-side" },
      operation.access === "local"
        ? el("p", { class: "note" }, inline(LOCAL_NOTE))
        : [
            codeBlock("Command line", curl),
            tryIt({ contract, operation, filled, changed: showCurl }),
          ],
      example && codeBlock(`Answer ${example.status}`, jsonCode(example.value), operation.summary),
    ),
  );
}

/** @param {Operation} operation @param {string} id */
function heading(operation, id) {
  return el(
    "h3",
    { id, tabindex: -1 },
    operation.summary,
    operation.deprecated && el("span", { class: "pill" }, "deprecated"),
    el(
      "a",
      {
        class: "anchor",
        href: `#${operation.id}`,
        "aria-label": `Link to: ${operation.summary}`,
      },
      "#",
    ),
  );
}

/** @param {Operation} operation */
function accessLine({ access, forOneDatabase }) {
  const keyed = access !== "open" && access !== "local";
  return el(
    "p",
    { class: "access" },
    el("span", { class: `pill access-${access}` }, ACCESS[access]),
    keyed && !forOneDatabase && el("span", { class: "pill" }, "no keys of one database"),
  );
}

/** @param {Contract} contract @param {Operation} operation */
function parameters(contract, { parameters }) {
  if (parameters.length === 0) return null;
  const where = { path: "path", query: "query", header: "header" };
  return el(
    "section",
    {},
    el("h4", {}, "Parameters"),
    el(
      "ul",
      { class: "fields" },
      parameters.map((one) => {
        const schema = one.description
          ? { ...contract.resolve(one.schema), description: one.description }
          : one.schema;
        return el("li", {}, fieldLine(contract, { ...one, schema, where: where[one.in] }));
      }),
    ),
  );
}

/** @param {Contract} contract @param {Operation} operation */
function body(contract, operation) {
  if (!operation.body) return null;
  return el(
    "section",
    {},
    el("h4", {}, "Body", el("span", { class: "media" }, operation.body.media)),
    schemaView(contract, operation.body.schema),
  );
}

/** @param {Contract} contract @param {Operation} operation */
function answers(contract, operation) {
  return el(
    "section",
    {},
    el("h4", {}, "Answers"),
    operation.answers.map((answer) => answerView(contract, answer)),
  );
}

/** @param {Contract} contract @param {Answer} answer */
function answerView(contract, answer) {
  const head = [
    el("span", { class: `status s${answer.status[0]}` }, statusText(answer)),
    el("span", {}, inline(answer.description)),
  ];
  if (answer.isProblem) {
    const link = el("a", { href: "#errors" }, "what errors look like");
    return el("p", { class: "answer" }, head, " — ", link);
  }
  if (answer.contents.length === 0 && answer.headers.length === 0) {
    return el("p", { class: "answer" }, head);
  }
  return el(
    "details",
    { class: "answer" },
    el("summary", {}, head),
    answer.headers.length > 0 && headers(answer),
    answer.contents.map(({ media, schema }) =>
      el(
        "div",
        {},
        el("p", { class: "media" }, media),
        fieldList(contract, schema) ?? schemaView(contract, schema),
      ),
    ),
  );
}

/** @param {Answer} answer */
function headers(answer) {
  return el(
    "ul",
    { class: "fields" },
    answer.headers.map(({ name, description }) =>
      el(
        "li",
        {},
        el(
          "div",
          { class: "field-head" },
          el("code", { class: "field-name" }, name),
          el("span", { class: "field-type" }, "header"),
        ),
        el("div", { class: "field-text" }, inline(description)),
      ),
    ),
  );
}

/** @param {Answer} answer */
function statusText({ status }) {
  return status === "default" ? "4xx, 5xx" : status;
}

/** @param {Contract} contract @param {Operation} operation */
function firstExample(contract, operation) {
  for (const answer of operation.answers) {
    if (!answer.status.startsWith("2")) continue;
    const json = answer.contents.find(({ media }) => media.includes("json"));
    if (json) return { status: answer.status, value: exampleOf(contract, json.schema) };
  }
  return null;
}
