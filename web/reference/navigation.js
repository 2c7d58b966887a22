// SPDX-License-Identifier: Apache-2.0
// The list of all calls with its search, and where on the page the reader is.
import { el } from "./dom.js";

/** @typedef {import("./contract.js").Contract} Contract */
/** @typedef {{link: HTMLAnchorElement, words: string}} Entry */

/** Fills the <nav>.
 * @param {Contract} contract
 * @param {HTMLElement} nav
 */
export function navigation(contract, nav) {
  /** @type {Entry[]} */
  const entries = [];
  const lists = contract.groups.map((group) => {
    const links = group.operations.map((operation) => {
      const { id, method, path, summary, description, parameters } = operation;
      const short = method === "DELETE" ? "DEL" : method;
      const badge = el("span", { class: `method ${method.toLowerCase()}` }, short);
      const link = el("a", { href: `#${id}` }, badge, el("span", {}, summary));
      const names = parameters.map(({ name }) => name);
      const words = [id, method, path, summary, description, group.name, ...names];
      entries.push({ link, words: words.join(" ").toLowerCase() });
      return link;
    });
    return list(group.name, links);
  });
  const errorLinks = contract.errors.map((error) => {
    const link = el("a", { href: `#error-${error.code}` }, el("code", {}, error.code));
    entries.push({ link, words: `error ${error.code} ${error.title} ${error.doc}`.toLowerCase() });
    return link;
  });
  const overview = el("a", { href: "#errors" }, "Every error code");
  nav.append(search(entries, overview), ...lists, list("errors", [overview, ...errorLinks]));
  follow(nav);
}

/** @param {string} name @param {HTMLAnchorElement[]} links */
function list(name, links) {
  const id = `nav-${name}`;
  return el(
    "div",
    { class: "nav-group" },
    el("p", { id, class: "nav-title" }, name),
    el(
      "ul",
      { "aria-labelledby": id },
      links.map((link) => el("li", {}, link)),
    ),
  );
}

/** Every word must be found somewhere in an entry. Error codes are listed while searching only.
 * @param {Entry[]} entries
 * @param {HTMLAnchorElement} overview
 */
function search(entries, overview) {
  const count = el("p", { class: "hint", role: "status" });
  const filter = () => {
    const wanted = input.value
      .toLowerCase()
      .split(/\s+/)
      .filter((word) => word !== "");
    let found = 0;
    for (const { link, words } of entries) {
      const isError = link.hash.startsWith("#error-");
      const shown = wanted.length === 0 ? !isError : wanted.every((word) => words.includes(word));
      if (link.parentElement) link.parentElement.hidden = !shown;
      if (shown) found++;
    }
    if (overview.parentElement) overview.parentElement.hidden = wanted.length > 0;
    for (const group of document.querySelectorAll(".nav-group")) {
      const visible = group.querySelector("li:not([hidden])") !== null;
      /** @type {HTMLElement} */ (group).hidden = !visible;
    }
    count.textContent = wanted.length === 0 ? "" : found === 0 ? "Nothing found" : `${found} found`;
  };
  const first = () => entries.find(({ link }) => !link.parentElement?.hidden)?.link;
  const input = el("input", {
    type: "search",
    id: "search",
    placeholder: "Search calls and errors",
    "aria-label": "Search calls and errors",
    "aria-keyshortcuts": "/",
    autocomplete: "off",
    spellcheck: "false",
    oninput: filter,
    onkeydown: (event) => {
      const { key } = /** @type {KeyboardEvent} */ (event);
      if (key === "Enter" && input.value !== "") first()?.click();
    },
  });
  document.addEventListener("keydown", (event) => {
    const busy = /** @type {HTMLElement} */ (event.target).closest("input, textarea, select");
    if (event.key !== "/" || busy || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    document.dispatchEvent(new Event("search"));
    input.focus();
  });
  queueMicrotask(filter); // the lists stand in the page by then
  return el("div", { class: "search", role: "search" }, input, count);
}

/** Marks the call that is being read.
 * @param {HTMLElement} nav
 */
function follow(nav) {
  const mark = (/** @type {string} */ id) => {
    for (const link of nav.querySelectorAll("a")) {
      if (link.hash === `#${id}`) {
        link.setAttribute("aria-current", "true");
        // By hand: scrollIntoView would scroll the page that is being read as well.
        const { top, bottom } = link.getBoundingClientRect();
        const frame = nav.getBoundingClientRect();
        if (top < frame.top || bottom > frame.bottom) {
          nav.scrollTop += top - frame.top - frame.height / 2;
        }
      } else link.removeAttribute("aria-current");
    }
  };
  const seen = new IntersectionObserver(
    (changes) => {
      const entered = changes.find((change) => change.isIntersecting);
      if (entered) mark(entered.target.id);
    },
    { rootMargin: "-15% 0px -80% 0px" },
  );
  for (const section of document.querySelectorAll(".operation, #errors")) seen.observe(section);
}

/** On a small screen the list is behind a button.
 * @param {HTMLElement} nav
 */
export function menu(nav) {
  const button = /** @type {HTMLButtonElement} */ (document.getElementById("menu"));
  const set = (/** @type {boolean} */ open) => {
    button.setAttribute("aria-expanded", String(open));
    button.textContent = open ? "Close" : "Menu";
    nav.classList.toggle("open", open);
  };
  button.hidden = false;
  button.addEventListener("click", () => set(button.getAttribute("aria-expanded") !== "true"));
  nav.addEventListener("click", (event) => {
    if (/** @type {HTMLElement} */ (event.target).closest("a")) set(false);
  });
  document.addEventListener("search", () => set(true));
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || button.getAttribute("aria-expanded") !== "true") return;
    set(false);
    button.focus();
  });
}
