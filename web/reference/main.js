// SPDX-License-Identifier: Apache-2.0
// The page at /docs: reads the description of this server and shows it. It talks to this server
// only, keeps nothing, and works without a network beyond it.
import { Contract } from "./contract.js";
import { el, inline, prose } from "./dom.js";
import { errorsView } from "./error_view.js";
import { keyBox } from "./key.js";
import { menu, navigation } from "./navigation.js";
import { operationView } from "./operation_view.js";

const main = /** @type {HTMLElement} */ (document.getElementById("content"));
const nav = /** @type {HTMLElement} */ (document.getElementById("navigation"));
const state = /** @type {HTMLElement} */ (document.getElementById("state"));

/** @param {Contract} contract */
function intro({ document: { info } }) {
  return el(
    "section",
    { class: "intro" },
    el("h1", {}, `${info.title} API`),
    info.summary && el("p", { class: "lead" }, inline(info.summary)),
    prose(info.description),
    keyBox(),
  );
}

/** @param {Contract} contract */
function groups(contract) {
  return contract.groups.map((group) => {
    const title = `title-${group.name}`;
    return el(
      "section",
      { class: "group", id: group.name, "aria-labelledby": title },
      el("h2", { id: title, tabindex: -1 }, group.name),
      group.description !== "" && el("p", { class: "lead" }, inline(group.description)),
      group.operations.map((operation) => operationView(contract, operation)),
    );
  });
}

/** Goes to what the address names: it did not exist yet when the browser looked for it. */
function goToHash() {
  const id = decodeURIComponent(location.hash.slice(1));
  if (id === "" || id === "content") return;
  const target = document.getElementById(id);
  if (!target) {
    state.textContent = `Nothing on this page is called “${id}”.`;
    state.hidden = false;
    return;
  }
  state.hidden = true;
  target.scrollIntoView({ behavior: "instant" });
  const heading = target.querySelector("h2, h3");
  if (heading instanceof HTMLElement) heading.focus({ preventScroll: true });
}

/** @param {Error} error */
function failed(error) {
  state.className = "fault";
  state.replaceChildren(
    `The description of this server could not be read (${error.message}). `,
    el("a", { href: "docs" }, "Try again"),
    " or open ",
    el("a", { href: "openapi.json" }, "openapi.json"),
    " itself.",
  );
}

try {
  const response = await fetch("openapi.json");
  if (!response.ok) throw new Error(`status ${response.status}`);
  const contract = new Contract(await response.json());
  const version = document.getElementById("version");
  if (version) version.textContent = `version ${contract.document.info.version}`;
  main.append(intro(contract), ...groups(contract), errorsView(contract));
  navigation(contract, nav);
  menu(nav);
  state.hidden = true;
  goToHash();
  addEventListener("hashchange", goToHash);
} catch (error) {
  failed(/** @type {Error} */ (error));
}
