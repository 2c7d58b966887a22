// SPDX-License-Identifier: Apache-2.0
// A form for one call. What it does not send, it says why; what comes back is shown as it came.

import { answerBox } from "./answer_view.js";
import { el } from "./dom.js";
import { currentKey, watchKey } from "./key.js";
import { faultsOf, headersOf, keyOf, startingPoint, targetOf } from "./request.js";
import { typeText } from "./schema.js";

/** @typedef {import("./contract.js").Contract} Contract */
/** @typedef {import("./contract.js").Operation} Operation */
/**
 * @typedef {object} Trial
 * @property {Contract} contract
 * @property {Operation} operation
 * @property {import("./request.js").Filled} filled
 * @property {() => void} changed something was entered
 */

/** @param {Trial} trial */
export function tryIt(trial) {
  const details = el("details", { class: "try" }, el("summary", {}, "Try it"));
  // Built when it is opened: a page of forms that nobody asked for is slow and long.
  details.addEventListener("toggle", () => {
    if (details.open && !details.querySelector("form")) details.append(form(trial));
  });
  return details;
}

/** @param {Trial} trial */
function form(trial) {
  const { contract, operation, filled, changed } = trial;
  /** @type {Map<string, HTMLInputElement | HTMLSelectElement | HTMLTextAreaElement>} */
  const inputs = new Map(
    operation.parameters.map((parameter) => [
      keyOf(parameter),
      input(contract, operation, parameter),
    ]),
  );
  if (operation.body) inputs.set("body", bodyInput(operation, filled.body));
  for (const [key, field] of inputs) {
    field.addEventListener("input", () => {
      if (key === "body") filled.body = field.value;
      else filled.values[key] = field.value;
      field.removeAttribute("aria-invalid");
      changed();
    });
  }
  const answer = answerBox();
  const send = el("button", { type: "submit", class: "send" }, `Send ${operation.method}`);
  const stop = el("button", { type: "button", hidden: true, onclick: () => answer.stop() }, "Stop");
  const reset = el(
    "button",
    {
      type: "button",
      onclick: () => {
        Object.assign(filled, startingPoint(contract, operation));
        for (const [key, field] of inputs) field.value = key === "body" ? filled.body : "";
        answer.clear();
        changed();
      },
    },
    "Reset",
  );
  const submit = async (/** @type {Event} */ event) => {
    event.preventDefault();
    const faults = faultsOf(operation, filled);
    for (const [key, field] of inputs) {
      if (faults.some(([at]) => at === key)) field.setAttribute("aria-invalid", "true");
    }
    if (faults.length > 0) {
      answer.refuse(faults.map(([, what]) => what));
      inputs.get(faults[0]?.[0] ?? "")?.focus();
      return;
    }
    send.disabled = true;
    stop.hidden = false;
    await answer.show(operation, (signal) => sendCall(trial, signal));
    send.disabled = false;
    stop.hidden = true;
  };
  return el(
    "form",
    { onsubmit: submit, novalidate: true, "aria-label": `Try: ${operation.summary}` },
    [...inputs].map(([key, field]) => labelled(operation, key, field)),
    keyLine(operation),
    operation.method !== "GET" &&
      el("p", { class: "hint" }, "This is done for real, on this server."),
    el("div", { class: "row" }, send, stop, reset),
    answer.element,
  );
}

/** @param {Trial} trial @param {AbortSignal} signal */
function sendCall({ operation, filled }, signal) {
  const headers = new Headers(headersOf(operation, filled));
  if (currentKey() !== "" && operation.access !== "open") headers.set("X-API-Key", currentKey());
  const body = operation.body && filled.body.trim() ? filled.body : undefined;
  const { method } = operation;
  const credentials = "omit";
  return fetch(targetOf(operation, filled), { method, headers, body, credentials, signal });
}

/** @param {Operation} operation @param {string} key */
const idOf = (operation, key) => `try-${operation.id}-${key.replace(":", "-")}`;

/**
 * @param {Contract} contract
 * @param {Operation} operation
 * @param {import("./contract.js").Parameter} parameter
 */
function input(contract, operation, parameter) {
  const schema = contract.resolve(parameter.schema);
  const id = idOf(operation, keyOf(parameter));
  const choices = schema.enum ?? (schema.type === "boolean" ? ["true", "false"] : null);
  if (choices) {
    const none = el("option", { value: "" }, "(not sent)");
    return el(
      "select",
      { id },
      none,
      choices.map((/** @type {string} */ one) => el("option", {}, one)),
    );
  }
  const placeholder = "default" in schema ? String(schema.default) : typeText(contract, schema);
  return el("input", {
    id,
    placeholder,
    autocomplete: "off",
    autocapitalize: "none",
    spellcheck: "false",
    "aria-required": parameter.required ? "true" : null,
  });
}

/** @param {Operation} operation @param {string} text */
function bodyInput(operation, text) {
  const lines = Math.min(Math.max(text.split("\n").length + 1, 4), 16);
  const field = el("textarea", { id: idOf(operation, "body"), rows: lines, spellcheck: "false" });
  field.value = text;
  return field;
}

/** @param {Operation} operation @param {string} key @param {HTMLElement} field */
function labelled(operation, key, field) {
  const [place, name] = key.split(":");
  const parameter = operation.parameters.find((one) => keyOf(one) === key);
  const required = parameter?.required || (key === "body" && operation.body?.required);
  return el(
    "div",
    { class: "labelled" },
    el(
      "label",
      { for: field.id },
      name ? el("code", {}, name) : "Body",
      el("span", { class: "field-type" }, name ? ` ${place}` : " JSON"),
      required && el("span", { class: "required" }, " required"),
    ),
    field,
  );
}

/** @param {Operation} operation */
function keyLine(operation) {
  if (operation.access === "open") return el("p", { class: "hint" }, "Sent without a key.");
  const line = el("p", { class: "hint" });
  watchKey(() => {
    if (currentKey() !== "") {
      line.textContent = "Sent with your key.";
      return;
    }
    const link = el(
      "a",
      {
        href: "#key",
        onclick: (event) => {
          event.preventDefault();
          document.getElementById("key")?.focus();
        },
      },
      "enter one",
    );
    line.replaceChildren("No key yet: it will be sent without and refused; ", link, " first.");
  });
  return line;
}
