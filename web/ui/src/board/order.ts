// In which order incidents stand, and how a row stays where the person is about to act on it.
//
// Breached first, then the least time to the deadline, then acuity, then age. Deadlines never
// restart, so ordering by the deadline itself puts breached ones on top at every moment.

import { instant, type Instant } from "../time.ts";
import type { Acuity, IncidentView } from "../wire.ts";

/** What an incident's order and deadline hang on, in every view of it. */
export type Timed = Pick<IncidentView, "number" | "acuity" | "received_at" | "due_at" | "first_on_scene_at" | "ended_at">;

const ACUITY_ORDER: Readonly<Record<Acuity, number>> = { emergent: 0, urgent: 1, routine: 2 };

/** Whether the regulatory clock runs. */
export const isRunning = (one: Timed): boolean =>
  one.due_at !== null && one.first_on_scene_at === null && one.ended_at === null;

export const isOver = (one: Timed, now: Instant): boolean =>
  isRunning(one) && instant(one.due_at as string) < now;

const tier = (one: Timed): number => {
  if (one.ended_at !== null) return 3;
  if (isRunning(one)) return 0;
  return one.due_at === null ? 1 : 2;
};

export function byUrgency(a: Timed, b: Timed): number {
  const tiers = tier(a) - tier(b);
  if (tiers !== 0) return tiers;
  if (tier(a) === 0) {
    const dues = instant(a.due_at as string) - instant(b.due_at as string);
    if (dues !== 0) return dues;
  }
  const acuities = acuityOrder(a) - acuityOrder(b);
  if (acuities !== 0) return acuities;
  return instant(a.received_at) - instant(b.received_at) || a.number - b.number;
}

// What nobody has judged yet may be anything.
const acuityOrder = (one: Timed): number => (one.acuity === null ? 0 : ACUITY_ORDER[one.acuity]);

/**
 * Return the ids as they should stand while the person's cursor is on `anchor`: nothing above it
 * comes or goes. New rows wait below it; rows that are gone keep an empty place above it.
 */
export function held(shown: readonly string[], wanted: readonly string[], anchor: string | null): readonly string[] {
  const at = anchor === null ? -1 : shown.indexOf(anchor);
  if (at < 0 || !wanted.includes(anchor as string)) return wanted;
  const above = shown.slice(0, at + 1);
  const isAbove = new Set(above);
  return [...above, ...wanted.filter((id) => !isAbove.has(id))];
}

/** Since when the incident is in the phase that it shows. */
export function phaseSince(one: IncidentView): string {
  switch (one.phase) {
    case "received":
      return one.received_at;
    case "screening":
      return one.screening_at ?? one.received_at;
    case "waiting":
      return one.waiting_since ?? one.determined_at ?? one.received_at;
    case "offered":
      return latest(one.offers.map((offer) => offer.offered_at)) ?? one.received_at;
    case "assigned":
    case "responding":
    case "on_scene":
    case "cleared":
      return latest(one.runs.map((run) => run.since)) ?? one.received_at;
    case "closed":
    case "cancelled":
    case "merged":
      return one.ended_at ?? one.received_at;
  }
}

const latest = (instants: readonly string[]): string | null => {
  const [first, ...rest] = instants;
  return first === undefined ? null : rest.reduce((a, b) => (instant(a) > instant(b) ? a : b), first);
};

export interface Filter {
  readonly mine: boolean;
  readonly waiting: boolean;
  readonly text: string;
}

/** Whether a filter shows the incident; `words`: everything the row says. */
export function passes(one: IncidentView, filter: Filter, account: string, words: () => string): boolean {
  if (filter.mine && one.owner !== account && one.pending_owner !== account) return false;
  if (filter.waiting && one.due_at !== null && one.waiting_since === null) return false;
  if (filter.text === "") return true;
  const said = words().toLowerCase();
  return filter.text.toLowerCase().split(/\s+/).every((part) => said.includes(part));
}
