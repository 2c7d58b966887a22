// SPDX-License-Identifier: Apache-2.0
// The fields of a schema as nested lists.
import { el, inline } from "./dom.js";
import { fieldsOf, limitsText, mainPart, typeText } from "./schema.js";

/** @typedef {import("./contract.js").Contract} Contract */
/** @typedef {import("./contract.js").Json} Json */

const DEPTH_MAX = 6;
/** An example of how deep lists open by themselves: the fields of "data", but not theirs. */
const OPEN_DEPTH = 1;
const COUNT_OPEN_MAX = 24;

/** Name, type, whether it must be there, its limits and what it is.
 * @param {Contract} contract
 * @param {{name: string, required: boolean, schema: Json, where?: string}} field
 */
export function fieldLine(contract, field) {
  const limits = limitsText(contract, field.schema);
  const description = mainPart(contract, field.schema).description ?? "";
  return [
    el(
      "div",
      { class: "field-head" },
      el("code", { class: "field-name" }, field.name),
      el("span", { class: "field-type" }, typeText(contract, field.schema)),
      field.where && el("span", { class: "field-type" }, `in the ${field.where}`),
      field.required && el("span", { class: "required" }, "required"),
    ),
    description !== "" && el("div", { class: "field-text" }, inline(description)),
    limits.length > 0 && el("div", { class: "field-limits" }, limits.join(" · ")),
  ];
}

/** Every field of a schema, those of its parts behind a line that opens.
 * @param {Contract} contract
 * @param {Json} schema
 * @param {number} depth
 * @returns {HTMLElement | null}
 */
export function fieldList(contract, schema, depth = 0) {
  const fields = fieldsOf(contract, schema);
  if (fields.length === 0 || depth > DEPTH_MAX) return null;
  return el(
    "ul",
    { class: "fields" },
    fields.map((field) => {
      const children = fieldList(contract, field.schema, depth + 1);
      return el("li", {}, fieldLine(contract, field), children && below(field, children, depth));
    }),
  );
}

/**
 * @param {{name: string}} field
 * @param {HTMLElement} children
 * @param {number} depth
 */
function below(field, children, depth) {
  const count = children.children.length;
  const open = depth < OPEN_DEPTH && count <= COUNT_OPEN_MAX;
  const words = count === 1 ? "1 field" : `${count} fields`;
  return el(
    "details",
    { open },
    el("summary", {}, `${words} of `, el("code", {}, field.name)),
    children,
  );
}

/** A schema that may have no fields: those, or its type in a word.
 * @param {Contract} contract
 * @param {Json} schema
 */
export function schemaView(contract, schema) {
  const list = fieldList(contract, schema);
  if (list) return list;
  const limits = limitsText(contract, schema);
  return el("p", { class: "field-type" }, [typeText(contract, schema), ...limits].join(" · "));
}
