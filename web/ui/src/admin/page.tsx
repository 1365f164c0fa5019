// What the administration's pages need of a script: to be sent as the service asks of every page.
//
// The server writes the pages; this sends their forms with the header that no other site can send,
// shows the answer in place, keeps one form from being sent twice, and warns before entries or a
// password that is shown once would be lost.

import "../base.css";
import "./admin.css";
import { keepChoice, keptChoice } from "../choice.ts";
import { LOCALES, wanted } from "../i18n.ts";
import { setTheme, startTheme, THEMES } from "../theme.ts";

startTheme();

// Chosen on another page before the server was told of it: drawn once more, in that language.
const { lang } = document.documentElement;
if (lang !== "" && wanted([], keptChoice("locale")) !== lang && keptChoice("locale") !== null) location.reload();

/** Whether a form holds what nobody has sent. */
let isChanged = false;

addEventListener("submit", (event) => {
  const form = event.target;
  if (!(form instanceof HTMLFormElement) || form.method !== "post") return;
  event.preventDefault();
  const asked = form.dataset["confirm"];
  if (asked !== undefined && !confirm(asked)) return;
  void send(form, event.submitter);
});

addEventListener("input", (event) => {
  if (event.target instanceof Element && event.target.closest("form[method=post]") !== null) isChanged = true;
});

addEventListener("beforeunload", (event) => {
  if (isChanged || document.querySelector("[data-once]") !== null) event.preventDefault();
});

addEventListener("change", (event) => {
  const choice = event.target;
  if (!(choice instanceof HTMLSelectElement)) return;
  if (choice.dataset["choice"] === "theme") {
    const theme = THEMES.find((one) => one === choice.value);
    if (theme !== undefined) setTheme(theme);
  } else if (choice.dataset["choice"] === "locale" && LOCALES.some((one) => one === choice.value)) {
    keepChoice("locale", choice.value);
    location.reload();
  }
});

addEventListener("click", (event) => {
  if (event.target instanceof Element && event.target.closest("[data-act=sign-out]") !== null) void signOut();
});

async function signOut(): Promise<void> {
  try {
    await fetch("/api/v1/session", { method: "DELETE", headers: { "X-Crisis-Client": "page" } });
    location.assign("/sign-in");
  } catch {
    say(document.body.dataset["unreachable"]);
  }
}

async function send(form: HTMLFormElement, button: HTMLElement | null): Promise<void> {
  if (form.ariaBusy === "true") return;
  form.ariaBusy = "true";
  const data = new FormData(form, button);
  const url = button?.getAttribute("formaction") ?? form.action;
  button?.setAttribute("disabled", "");
  const isFile = form.enctype === "multipart/form-data";
  // Everything in a form without files is text.
  const body = isFile ? data : new URLSearchParams([...data].map(([name, value]): [string, string] => [name, String(value)]));
  const stop = new AbortController();
  const told = "long" in form.dataset ? working(stop) : null;
  try {
    const response = await fetch(url, { method: "POST", headers: { "X-Crisis-Client": "page" }, body, signal: stop.signal });
    if (response.status === 413) {
      say(document.body.dataset["tooLong"]);
      form.ariaBusy = null;
      button?.removeAttribute("disabled");
      return;
    }
    if (!(response.headers.get("Content-Type") ?? "").includes("text/html")) throw new Error(String(response.status));
    const text = await read(response, (done, of) => told?.at(done, of));
    // What was refused, or is only shown before it is done, is still to be sent.
    isChanged = !response.ok;
    show(text, response.redirected ? response.url : null);
  } catch {
    // Not known whether it was done: sent again, the form is the same act.
    say(stop.signal.aborted ? document.body.dataset["stopped"] : document.body.dataset["unreachable"]);
    form.ariaBusy = null;
    button?.removeAttribute("disabled");
  } finally {
    told?.end();
  }
}

/** Read a page that tells in comments before it how far the work is. */
async function read(response: Response, at: (done: number, of: number) => void): Promise<string> {
  const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader();
  if (reader === undefined) return await response.text();
  const parts: string[] = [];
  let isPage = false;
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return parts.join("");
    parts.push(value);
    isPage ||= value.includes("<html");
    const far = isPage ? null : [...value.matchAll(/<!-- (\d+) \/ (\d+) -->/g)].at(-1);
    if (far) at(Number(far[1]), Number(far[2]));
  }
}

/** Show that long work is under way, how far it is, and a button that stops it. */
function working(stop: AbortController): { at: (done: number, of: number) => void; end: () => void } {
  const words = document.body.dataset;
  const note = document.createElement("div");
  note.className = "note working";
  note.setAttribute("role", "status");
  const text = document.createElement("span");
  text.textContent = words["working"] ?? "";
  const bar = document.createElement("progress");
  const button = document.createElement("button");
  button.type = "button";
  button.className = "button";
  button.textContent = words["stop"] ?? "";
  button.addEventListener("click", () => stop.abort());
  note.append(text, bar, button);
  // What is soon done needs no bar.
  const later = setTimeout(() => document.querySelector("main")?.prepend(note), 400);
  return {
    at: (done, of) => {
      if (of === 0) return;
      [bar.max, bar.value] = [of, done];
      text.textContent = (words["workingOn"] ?? "").replace("{done}", done.toLocaleString(lang)).replace("{of}", of.toLocaleString(lang));
    },
    end: () => {
      clearTimeout(later);
      note.remove();
    },
  };
}

function show(html: string, url: string | null): void {
  const next = new DOMParser().parseFromString(html, "text/html");
  const to = next.documentElement.dataset["to"];
  if (to !== undefined) {
    isChanged = false;
    location.assign(to);
    return;
  }
  if (url !== null) history.pushState(null, "", url);
  document.title = next.title;
  document.body.replaceChildren(...[...next.body.childNodes].map((node) => document.adoptNode(node)));
  isChanged ||= document.querySelector("form[data-kept]") !== null;
  scrollTo(0, 0);
  showWhere();
  nameCells();
  const main = document.querySelector("main");
  main?.setAttribute("tabindex", "-1");
  // The bar over it stays in sight.
  main?.focus({ preventScroll: true });
}

/** On a narrow screen each row is a card: its cells then name their columns themselves. */
function nameCells(): void {
  for (const table of document.querySelectorAll<HTMLTableElement>(".scroll > table:not(.settings)")) {
    table.classList.add("cards");
    const names = [...(table.tHead?.rows[0]?.cells ?? [])].map((head) => (head.querySelector(".said") ? "" : (head.textContent ?? "").trim()));
    for (const body of table.tBodies) {
      for (const row of body.rows) {
        [...row.cells].forEach((cell, at) => {
          if (cell.colSpan > 1) return;
          cell.dataset["column"] = names[at] ?? "";
          cell.classList.toggle("blank", (cell.textContent ?? "").trim() === "");
        });
      }
    }
  }
}

function say(text = ""): void {
  const note = document.createElement("div");
  note.className = "note warn";
  note.setAttribute("role", "alert");
  note.textContent = text;
  document.querySelector("main")?.prepend(note);
}

/** On a narrow screen the way here may stand beyond the edge. */
function showWhere(): void {
  document.querySelector("nav [aria-current]")?.scrollIntoView({ block: "nearest", inline: "center" });
}
showWhere();
nameCells();

// A page that a form led to has no document of its own to go back to.
addEventListener("popstate", () => location.reload());
