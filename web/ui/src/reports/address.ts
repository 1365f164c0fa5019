// What the page shows, as its address says it: a link or the back button leads to the same figures.

import { signal } from "@preact/signals";

export type Cohort = "arrival" | "determination";

/** The figure whose responses are listed. */
export interface Chosen {
  readonly month: string;
  readonly areaClass: string;
  readonly cohort: Cohort;
  /** A fate, or `measured` or `judged`: all that the figure's denominator holds. */
  readonly figure: string;
}

export interface Address {
  /** Local days, both included; `null` = nobody chose any: see findReport. */
  readonly since: string | null;
  readonly until: string | null;
  readonly chosen: Chosen | null;
  /** The response whose timeline is open. */
  readonly incident: string | null;
}

export function readAddress(search: string): Address {
  const query = new URLSearchParams(search);
  const month = query.get("month");
  const areaClass = query.get("class");
  const figure = query.get("figure");
  const cohort = query.get("of") === "determination" ? "determination" : "arrival";
  return {
    since: query.get("since"),
    until: query.get("until"),
    chosen: month !== null && areaClass !== null && figure !== null ? { month, areaClass, cohort, figure } : null,
    incident: query.get("incident"),
  };
}

/** The query of an address; `county` stays in it where it was. */
export function writeAddress(address: Address, county: string | null): string {
  const { since, until, chosen, incident } = address;
  const pairs: [string, string | null | undefined][] = [
    ["county", county],
    ["since", since],
    ["until", until],
    ["month", chosen?.month],
    ["class", chosen?.areaClass],
    ["of", chosen?.cohort],
    ["figure", chosen?.figure],
    ["incident", incident],
  ];
  const given = pairs.filter((pair): pair is [string, string] => pair[1] !== null && pair[1] !== undefined);
  const text = new URLSearchParams(given).toString();
  return text ? `?${text}` : "";
}

export const address = signal<Address>(readAddress(location.search));
addEventListener("popstate", () => {
  address.value = readAddress(location.search);
});

/** Change what is shown, as a step that the back button takes back. */
export function go(change: Partial<Address>): void {
  const next = { ...address.peek(), ...change };
  history.pushState(null, "", location.pathname + writeAddress(next, new URLSearchParams(location.search).get("county")));
  address.value = next;
}
