// A call that was kept on paper, entered step by step with its own times. What was entered already is
// never entered twice; a step that is refused can be put right and sent on from there.

import { signal } from "@preact/signals";
import { newKey, Unreachable, type Api } from "../api.ts";
import type { Instant } from "../time.ts";
import { closeIncident, determine, enterAssignment, openIncident, type Acuity } from "../wire.ts";
import { readPoint } from "./draft.ts";
import { fromLocal, nextTime, wire } from "./local.ts";
import { warningsIn } from "./told.ts";

export const STEPS = ["opened", "decided", "served", "closed"] as const;
export type Step = (typeof STEPS)[number];

/** What came of it: a team by its id, none that came, or none that was needed. */
export type Outcome = "team" | "unserved" | "no_dispatch";

export interface Paper {
  readonly number: string;
  readonly why: string;
  readonly address: string;
  readonly point: string;
  readonly narrative: string;
  readonly acuity: Acuity | null;
  /** "" = not said yet, here and below. */
  readonly outcome: Outcome | "";
  readonly noDispatchReason: string;
  readonly partner: string;
  readonly unservedReason: string;
  readonly team: string;
  /** Why it is entered though the service knows of no shift of the team at that time; "" = it should. */
  readonly noShift: string;
  readonly disposition: string;
  /** Who told what was written down; "" = the paper doesn't say. */
  readonly saidBy: string;
  /** Date and time; all the others are times that follow it. */
  readonly received: string;
  readonly decided: string;
  readonly accepted: string;
  readonly enRoute: string;
  readonly onScene: string;
  readonly cleared: string;
  readonly done: readonly Step[];
  readonly incidentId: string | null;
  readonly incidentNumber: number | null;
  readonly keys: Readonly<Record<Step, string>>;
}

const blank = (): Paper => ({
  number: "",
  why: "",
  address: "",
  point: "",
  narrative: "",
  acuity: null,
  outcome: "",
  noDispatchReason: "",
  partner: "",
  unservedReason: "",
  team: "",
  noShift: "",
  disposition: "",
  saidBy: "",
  received: "",
  decided: "",
  accepted: "",
  enRoute: "",
  onScene: "",
  cleared: "",
  done: [],
  incidentId: null,
  incidentNumber: null,
  keys: Object.fromEntries(STEPS.map((step) => [step, newKey()])) as Record<Step, string>,
});

export const paper = signal<Paper>(blank());

export const edit = (part: Partial<Paper>): void => {
  paper.value = { ...paper.peek(), ...part };
};

export const clearPaper = (): void => {
  paper.value = blank();
};

export type Timed = "received" | "decided" | "accepted" | "enRoute" | "onScene" | "cleared";
const IN_ORDER: readonly Timed[] = ["received", "decided", "accepted", "enRoute", "onScene", "cleared"];

/** When each step was; `null` = not told, or not readable. */
export function instants(one: Paper): Readonly<Record<Timed, Instant | null>> {
  const found = { received: fromLocal(one.received) } as Record<Timed, Instant | null>;
  let last = found.received;
  for (const name of IN_ORDER.slice(1)) {
    found[name] = last === null ? null : nextTime(one[name], last);
    last = found[name] ?? last;
  }
  return found;
}

export type Lack = "number" | "why" | "acuity" | "outcome" | "noDispatch" | "unserved" | "team" | Timed;

/** What must still be told before it can be sent. */
export function lacking(one: Paper): readonly Lack[] {
  const at = instants(one);
  const needed: Timed[] = one.outcome === "team" ? [...IN_ORDER] : ["received", "decided"];
  const found: Lack[] = needed.filter((name) => at[name] === null);
  if (one.why === "") found.unshift("why");
  if (one.number.trim() === "") found.unshift("number");
  if (one.outcome === "") found.push("outcome");
  if (one.outcome === "no_dispatch" && one.noDispatchReason === "") found.push("noDispatch");
  if (one.outcome === "unserved" && one.unservedReason === "") found.push("unserved");
  if (one.outcome !== "no_dispatch" && one.acuity === null) found.push("acuity");
  if (one.outcome === "team" && one.team === "") found.push("team");
  return found;
}

export interface Entered {
  readonly id: string;
  readonly number: number;
  /** Its number on paper. */
  readonly paper: string;
  readonly warnings: readonly string[];
}

/** Send what isn't entered yet. Throws what the API throws; calling again goes on where it stopped. */
export async function enter(api: Api, roundOff: { readonly contacted: boolean }): Promise<Entered> {
  const at = instants(paper.peek());
  const warnings: string[] = [];
  const beside = (when: Instant | null) => ({ ...(when === null ? {} : { occurred_at: wire(when) }), back_entry_reason: paper.peek().why });
  const step = async (name: Step, run: (key: string) => Promise<Partial<Paper> | undefined>) => {
    if (paper.peek().done.includes(name)) return;
    try {
      const learnt = await run(paper.peek().keys[name]);
      edit({ ...learnt, done: [...paper.peek().done, name] });
    } catch (error) {
      if (!(error instanceof Unreachable)) edit({ keys: { ...paper.peek().keys, [name]: newKey() } });
      throw error;
    }
  };
  const given = (text: string) => (text.trim() === "" ? null : text.trim());
  await step("opened", async (key) => {
    const one = paper.peek();
    const body = {
      paper_number: one.number.trim(),
      place: { address: given(one.address), point: readPoint(one.point) },
      narrative: given(one.narrative),
      acuity: one.acuity,
      ...beside(at.received),
    };
    const { result } = await api.call(openIncident, { body, key });
    return { incidentId: String(result["incident_id"]), incidentNumber: Number(result["number"]) };
  });
  const path = { incident_id: paper.peek().incidentId as string };
  const { outcome } = paper.peek();
  await step("decided", async (key) => {
    const one = paper.peek();
    const body =
      outcome === "no_dispatch"
        ? { decision: "no_dispatch" as const, reason: one.noDispatchReason, partner: one.partner === "" ? null : { kind: one.partner, handoff: true }, ...beside(at.decided) }
        : { decision: "dispatch" as const, acuity: one.acuity, ...beside(at.decided) };
    warnings.push(...warningsIn(await api.call(determine, { path, body, key })));
    return undefined;
  });
  if (outcome === "team") {
    await step("served", async (key) => {
      const { team, disposition, noShift, saidBy } = paper.peek();
      const body = {
        team_id: team,
        ...times(at),
        encounters: disposition === "" ? [] : [{ disposition, contacted: roundOff.contacted }],
        said_by: saidBy === "" ? null : saidBy,
        override_reason: noShift === "" ? null : noShift,
        ...beside(null),
      };
      warnings.push(...warningsIn(await api.call(enterAssignment, { path, body, key })));
      return undefined;
    });
  }
  if (outcome !== "no_dispatch") {
    await step("closed", async (key) => {
      const how = outcome === "team" ? { outcome: "responded" as const } : { outcome: "unserved" as const, reason: paper.peek().unservedReason };
      await api.call(closeIncident, { path, body: { ...how, ...beside(at.cleared ?? at.decided) }, key });
      return undefined;
    });
  }
  const { number, incidentNumber } = paper.peek();
  clearPaper();
  return { id: path.incident_id, number: incidentNumber ?? 0, paper: number, warnings };
}

/** The run's own times, as the wire has them; all are told by now, see `lacking`. */
const times = (at: Readonly<Record<Timed, Instant | null>>) => ({
  accepted_at: wire(at.accepted ?? 0),
  en_route_at: wire(at.enRoute ?? 0),
  on_scene_at: wire(at.onScene ?? 0),
  cleared_at: wire(at.cleared ?? 0),
});
