// SPDX-License-Identifier: Apache-2.0
// Making elements. Text only ever becomes text: nothing of the description is read as HTML.

/** @typedef {Node | string | null | undefined | false} Child */

/**
 * An element; attributes that are null or false are left out, on... ones are listeners.
 * @template {keyof HTMLElementTagNameMap} K
 * @param {K} name
 * @param {Record<string, string | number | boolean | null | undefined | EventListener>} attributes
 * @param {...(Child | Child[])} children
 * @returns {HTMLElementTagNameMap[K]}
 */
export function el(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (typeof value === "function") made.addEventListener(key.slice(2), value);
    else made.setAttribute(key, value === true ? "" : String(value));
  }
  for (const child of children.flat()) {
    if (child !== null && child !== undefined && child !== false) made.append(child);
  }
  return made;
}

/** Words with `code` in them.
 * @param {string} text
 * @returns {Child[]}
 */
export function inline(text) {
  return text
    .split("`")
    .map((part, index) => (index % 2 === 1 ? el("code", {}, part) : part))
    .filter((part) => part !== "");
}

/** Paragraphs, which an empty line separates.
 * @param {string | undefined} text
 */
export function prose(text) {
  return (text ?? "")
    .trim()
    .split(/\n\s*\n/)
    .filter((part) => part !== "")
    .map((part) => el("p", {}, inline(part)));
}

/** A block of code with a button that copies it, as it is at the click.
 * @param {string} title what it is
 * @param {HTMLElement} code
 * @param {string} of what it belongs to: then it may be long, and scrolls
 */
export function codeBlock(title, code, of = "") {
  const said = el("span", { class: "said", role: "status" });
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(code.textContent ?? "");
      said.textContent = "Copied";
    } catch {
      getSelection()?.selectAllChildren(code);
      said.textContent = "Selected: press Ctrl+C";
    }
    setTimeout(() => {
      said.textContent = "";
    }, 2500);
  };
  const button = el(
    "button",
    { type: "button", class: "copy", "aria-label": `Copy: ${title}`, onclick: copy },
    "Copy",
  );
  return el(
    "div",
    { class: "code" },
    el("div", { class: "code-bar" }, el("span", { class: "code-title" }, title), said, button),
    of === ""
      ? el("pre", {}, code)
      : el(
          "pre",
          { class: "long", tabindex: 0, role: "region", "aria-label": `${title}: ${of}` },
          code,
        ),
  );
}

/** JSON with its parts told apart.
 * @param {unknown} value
 */
export function jsonCode(value) {
  const text = JSON.stringify(value, null, 2) ?? "";
  const token =
    /("(?:\\.|[^"\\])*")(\s*:)?|\b(?:true|false|null)\b|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/g;
  const code = el("code", {});
  let at = 0;
  for (const match of text.matchAll(token)) {
    code.append(text.slice(at, match.index));
    at = match.index + match[0].length;
    const [whole, string, colon] = match;
    if (string && colon) code.append(el("span", { class: "j-key" }, string), colon);
    else code.append(el("span", { class: string ? "j-string" : "j-value" }, whole));
  }
  code.append(text.slice(at));
  return code;
}
