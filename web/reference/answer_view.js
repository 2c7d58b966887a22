// SPDX-License-Identifier: Apache-2.0
// What a call answered: status, time, headers and body; a stream as it comes.
import { el, jsonCode } from "./dom.js";

/** Text that is kept of a body or a stream; what is cut off is said. */
const SHOWN_MAX = 200_000;
const WAIT_MS_MAX = 120_000;

/** The place below a form where its answer stands. */
export function answerBox() {
  const summary = el("p", { class: "answer-line", role: "status" });
  const rest = el("div", {});
  const element = el("div", { class: "result" }, summary, rest);
  /** @type {AbortController | null} */
  let running = null;
  const clear = () => {
    summary.replaceChildren();
    rest.replaceChildren();
  };

  /** @param {import("./contract.js").Operation} operation
   * @param {(signal: AbortSignal) => Promise<Response>} send */
  const show = async (operation, send) => {
    clear();
    summary.textContent = "Sent, waiting…";
    running = new AbortController();
    const signal = AbortSignal.any([running.signal, AbortSignal.timeout(WAIT_MS_MAX)]);
    const started = performance.now();
    try {
      const response = await send(signal);
      const ms = Math.round(performance.now() - started);
      summary.replaceChildren(statusLine(response, `${ms} ms`));
      rest.append(headersView(response));
      await bodyView(response, operation, rest);
    } catch (error) {
      rest.append(el("p", { class: "fault" }, failure(/** @type {Error} */ (error))));
      if (summary.textContent?.startsWith("Sent")) summary.textContent = "No answer.";
    }
    running = null;
  };

  /** @param {string[]} reasons */
  const refuse = (reasons) => {
    clear();
    summary.textContent = "Not sent:";
    rest.append(
      el(
        "ul",
        { class: "fault" },
        reasons.map((reason) => el("li", {}, reason)),
      ),
    );
  };
  return { element, show, refuse, clear, stop: () => running?.abort() };
}

/** @param {Response} response @param {string} time */
function statusLine(response, time) {
  const kind = `s${String(response.status)[0]}`;
  const text = `${response.status} ${response.statusText}`.trim();
  return el("span", {}, el("strong", { class: `status ${kind}` }, text), ` after ${time}`);
}

/** @param {Error} error */
function failure(error) {
  if (error.name === "AbortError") return "Stopped by you.";
  if (error.name === "TimeoutError") return `Nothing more came within ${WAIT_MS_MAX / 1000} s.`;
  return `The server could not be reached, or it broke off (${error.message}). Is Howdah running?`;
}

/** @param {Response} response */
function headersView(response) {
  const lines = [...response.headers].map(([name, value]) => `${name}: ${value}`);
  return el(
    "details",
    { class: "headers" },
    el("summary", {}, `${lines.length} headers`),
    el("pre", {}, el("code", {}, lines.join("\n"))),
  );
}

/** @param {string} text @param {HTMLElement} code */
function fill(text, code) {
  code.textContent = text.slice(0, SHOWN_MAX);
  if (text.length > SHOWN_MAX) code.append(`\n… cut here: ${text.length} characters in all`);
}

/**
 * @param {Response} response
 * @param {import("./contract.js").Operation} operation
 * @param {HTMLElement} place
 */
async function bodyView(response, operation, place) {
  const media = (response.headers.get("content-type") ?? "").split(";")[0] ?? "";
  const label = `Answer of ${operation.summary}`;
  const pre = el("pre", { class: "body", tabindex: 0, role: "region", "aria-label": label });
  if (media === "text/event-stream" && response.body) {
    place.append(pre);
    const code = pre.appendChild(el("code", {}));
    let text = "";
    // By its reader: not every browser can iterate a stream.
    const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
    for (let part = await reader.read(); !part.done; part = await reader.read()) {
      text += part.value;
      fill(text, code);
      pre.scrollTop = pre.scrollHeight;
    }
    return;
  }
  const text = await response.text();
  if (text === "") {
    place.append(el("p", { class: "hint" }, "The answer has no body."));
    return;
  }
  const value = media.includes("json") && text.length <= SHOWN_MAX ? JSON.parse(text) : undefined;
  if (media === "application/problem+json" && value) place.append(problemView(value));
  const code = value === undefined ? el("code", {}) : jsonCode(value);
  if (value === undefined) fill(text, code);
  pre.append(code);
  place.append(pre);
}

/** @param {import("./contract.js").Json} problem */
function problemView(problem) {
  return el(
    "div",
    { class: "fault" },
    el("p", {}, problem.detail),
    problem.hint && el("p", {}, problem.hint),
    problem.errors?.length > 0 &&
      el(
        "ul",
        {},
        problem.errors.map((/** @type {{pointer: string, detail: string}} */ one) =>
          el("li", {}, el("code", {}, one.pointer), ` ${one.detail}`),
        ),
      ),
    el("p", {}, el("a", { href: `#error-${problem.code}` }, `What ${problem.code} means`)),
  );
}
