// The board's keys. None acts while somebody types; Escape always leads one step back.

import type { Desk, Tool } from "./desk.ts";

const TOOLS: Readonly<Record<string, Tool>> = {
  d: "determine",
  e: "amend",
  p: "partner",
  b: "note",
  h: "hand",
  l: "slots",
  g: "merge",
  y: "split",
  v: "divert",
  i: "times",
  1: "ending",
  2: "owe",
  3: "reopen",
  4: "place",
  x: "cancel",
  z: "close",
};

export interface Acts {
  readonly newCall: () => void;
  readonly answer: () => void;
  readonly acknowledge: () => void;
  readonly owed: () => void;
  readonly teams: () => void;
  readonly sound: () => void;
  readonly refit: () => void;
}

const isTyping = (target: EventTarget | null): boolean =>
  target instanceof HTMLElement && (target.matches("input, textarea, select") || target.isContentEditable);

/** Hear the keys for as long as the page is open. `order`: the rows' ids as they stand on the screen. */
export function startKeys(desk: Desk, acts: Acts): void {
  const order = () => [...document.querySelectorAll<HTMLElement>("#incidents [data-incident]")].map((row) => row.dataset["incident"] as string);
  const move = (by: number) => {
    const ids = order();
    if (ids.length === 0) return;
    const now = desk.cursor.peek();
    const at = now === null ? -1 : ids.indexOf(now);
    const next = at < 0 ? (by > 0 ? 0 : ids.length - 1) : Math.max(0, Math.min(ids.length - 1, at + by));
    const id = ids[next] as string;
    desk.cursor.value = id;
    document.getElementById("incidents")?.focus({ preventScroll: true });
    // What is read beside the list follows the cursor.
    if (desk.opened.peek() !== null && !desk.isTaking.peek() && desk.tool.peek() === "none") desk.open(id);
  };
  const isFree = (event: KeyboardEvent) => {
    const target = event.target as HTMLElement;
    return target === document.body || target.id === "incidents" || !target.matches?.("button, a, summary, [tabindex]");
  };
  addEventListener("keydown", (event) => {
    if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === "Escape") {
      if (isTyping(event.target)) (event.target as HTMLElement).blur();
      desk.back();
      document.getElementById("incidents")?.focus({ preventScroll: true });
      event.preventDefault();
      return;
    }
    if (isTyping(event.target)) return;
    // Arrows over a map move the map.
    const isOnMap = event.target instanceof Element && event.target.closest(".map") !== null;
    const id = desk.opened.peek();
    switch (event.key) {
      case "ArrowDown":
      case "ArrowUp":
        if (isOnMap || !isFree(event)) return;
        move(event.key === "ArrowDown" ? 1 : -1);
        break;
      case "j":
      case "k":
        move(event.key === "j" ? 1 : -1);
        break;
      case "Enter": {
        // A button does what it says.
        if (!isFree(event)) return;
        const cursor = desk.cursor.peek();
        if (cursor !== null && id !== cursor) desk.open(cursor);
        else if (id !== null && desk.tool.peek() === "none") desk.offerTop.value++;
        else return;
        break;
      }
      case "o":
        if (id === null) return;
        desk.offerTop.value++;
        break;
      case "9":
        if (id === null) return;
        desk.askFirst.value++;
        break;
      case "n":
        acts.newCall();
        break;
      case "c":
        acts.answer();
        break;
      case "A":
      case "a":
        acts.acknowledge();
        break;
      case "f":
        desk.show("find");
        break;
      case "q":
        desk.show("paper");
        break;
      case "t":
        acts.owed();
        break;
      case "u":
        acts.teams();
        break;
      case "s":
        acts.sound();
        break;
      case "r":
        acts.refit();
        break;
      case "m":
        desk.filter.value = { ...desk.filter.peek(), mine: !desk.filter.peek().mine };
        break;
      case "w":
        desk.filter.value = { ...desk.filter.peek(), waiting: !desk.filter.peek().waiting };
        break;
      case "/":
        document.getElementById("filter")?.focus();
        break;
      case "?":
        desk.showsKeys.value = !desk.showsKeys.peek();
        break;
      default: {
        const tool = TOOLS[event.key];
        if (tool === undefined || id === null || desk.isTaking.peek()) return;
        desk.tool.value = tool;
      }
    }
    event.preventDefault();
  });
}
