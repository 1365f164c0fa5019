// What the administration's pages need of a script: to be sent as the service asks of every page.
//
// The server writes the pages; this sends their forms with the header that no other site can send,
// shows the answer in place, and keeps one form from being sent twice.

import "../base.css";
import "./admin.css";
import { startTheme } from "../theme.ts";

startTheme();

addEventListener("submit", (event) => {
  const form = event.target;
  if (!(form instanceof HTMLFormElement) || form.method !== "post") return;
  event.preventDefault();
  void send(form, event.submitter);
});

async function send(form: HTMLFormElement, button: HTMLElement | null): Promise<void> {
  if (form.ariaBusy === "true") return;
  form.ariaBusy = "true";
  button?.setAttribute("disabled", "");
  const data = new FormData(form);
  const isFile = form.enctype === "multipart/form-data";
  // Everything in a form without files is text.
  const body = isFile ? data : new URLSearchParams([...data].map(([name, value]): [string, string] => [name, String(value)]));
  try {
    const response = await fetch(form.action, { method: "POST", headers: { "X-Crisis-Client": "page" }, body });
    if (!(response.headers.get("Content-Type") ?? "").includes("text/html")) throw new Error(String(response.status));
    show(await response.text(), response.redirected ? response.url : null);
  } catch {
    // Not known whether it was done: sent again, the form is the same act.
    say("Nobody answered. It is not known whether this was done; sending it again is safe.");
    form.ariaBusy = null;
    button?.removeAttribute("disabled");
  }
}

function show(html: string, url: string | null): void {
  const next = new DOMParser().parseFromString(html, "text/html");
  if (url !== null) history.pushState(null, "", url);
  document.title = next.title;
  document.body.replaceChildren(...[...next.body.childNodes].map((node) => document.adoptNode(node)));
  scrollTo(0, 0);
  const main = document.querySelector("main");
  main?.setAttribute("tabindex", "-1");
  main?.focus();
}

function say(text: string): void {
  const note = document.createElement("div");
  note.className = "note warn";
  note.setAttribute("role", "alert");
  note.textContent = text;
  document.querySelector("main")?.prepend(note);
}

// A page that a form led to has no document of its own to go back to.
addEventListener("popstate", () => location.reload());
