// SPDX-License-Identifier: Apache-2.0
// The API key that "Try it" sends. It is kept in this variable only, never in any storage: it is
// gone with the page.
import { el } from "./dom.js";

let key = "";
/** @type {Set<() => void>} */
const watchers = new Set();

export const currentKey = () => key;

/** Called now and after every change. @param {() => void} changed */
export function watchKey(changed) {
  watchers.add(changed);
  changed();
}

/** @param {string} entered */
function keep(entered) {
  key = entered.trim();
  for (const changed of watchers) changed();
}

/** The box in which the key is entered. */
export function keyBox() {
  const said = el("p", { class: "hint", id: "key-hint" });
  const input = el("input", {
    id: "key",
    type: "password",
    autocomplete: "off",
    spellcheck: "false",
    "aria-describedby": "key-hint",
    placeholder: "hwd_…",
    oninput: () => keep(input.value),
  });
  const forget = el(
    "button",
    {
      type: "button",
      onclick: () => {
        input.value = "";
        keep("");
        input.focus();
      },
    },
    "Forget",
  );
  watchKey(() => {
    forget.hidden = key === "";
    said.textContent =
      key === ""
        ? "“howdah key create” makes one. It stays in this page's memory only, and is gone when " +
          "you reload or leave."
        : "Set. Every “Send” on this page uses it; it is gone when you reload or leave.";
  });
  return el(
    "form",
    {
      class: "key-box",
      "aria-labelledby": "key-title",
      onsubmit: (event) => event.preventDefault(), // it is set with every letter
    },
    el("h2", { id: "key-title" }, "Try it with your key"),
    el("label", { for: "key" }, "API key"),
    el("div", { class: "row" }, input, forget),
    said,
  );
}
