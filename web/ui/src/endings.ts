// How an ending stands to what else is recorded of the person. Desk and phone read it off the code
// itself, where the service reads it too; no rule stands here.

import type { Answer, EncounterInputSent } from "./wire.ts";

/** `must`: it belongs to the ending; `never`: the two contradict each other. */
export type Fit = "must" | "may" | "never";
export type EndingField = "contacted" | "hold" | "transport" | "destination" | "plan" | "law_enforcement";

/** A disposition, as the county has it. */
export interface EndingCode {
  readonly code: string;
  readonly flags: readonly string[];
  readonly attributes?: Readonly<Record<string, string>>;
}

/** What isn't named may be, or not; so it is where no ending is chosen. */
export const fit = (kind: EndingCode | undefined, field: EndingField): Fit => (kind?.attributes?.[field] as Fit | undefined) ?? "may";

/** Whether the person was met; `null` = the ending leaves it open and nobody said it. */
export function wasMet(kind: EndingCode | undefined, said: boolean | null): boolean | null {
  const asEnded = fit(kind, "contacted");
  return asEnded === "may" ? said : asEnded === "must";
}

/** Only a designated member of the crew writes such a hold. */
export const isTeamsHold = (kind: EndingCode | undefined): boolean => kind?.flags.includes("hold_by_team") ?? false;

/** What was told of one person's ending; "" and `null` = not said. */
export interface Told {
  readonly disposition: string;
  readonly contacted: boolean | null;
  readonly plan: string;
  readonly noPlan: string;
  readonly hold: string;
  readonly transport: string;
  readonly destination: string;
  readonly naloxone: Answer;
  readonly lawEnforcement: string;
  readonly reports: readonly string[];
}

export const NOTHING_TOLD: Told = {
  disposition: "",
  contacted: null,
  plan: "",
  noPlan: "",
  hold: "",
  transport: "",
  destination: "",
  naloxone: "not_asked",
  lawEnforcement: "",
  reports: [],
};

export type Lacking = "met" | "plan" | "hold" | "transport" | "destination" | "law_enforcement";

/** What the ending asks for and nobody told; the service warns of the same. */
export function lacking(told: Told, kind: EndingCode | undefined): readonly Lacking[] {
  const met = wasMet(kind, told.contacted);
  const found: Lacking[] = [];
  if (met === null) found.push("met");
  if (met === true && fit(kind, "plan") !== "never" && told.plan === "" && told.noPlan === "") found.push("plan");
  if (fit(kind, "hold") === "must" && told.hold === "") found.push("hold");
  if (fit(kind, "transport") === "must" && told.transport === "") found.push("transport");
  if (fit(kind, "destination") === "must" && told.destination.trim() === "") found.push("destination");
  if (fit(kind, "law_enforcement") === "must" && told.lawEnforcement === "") found.push("law_enforcement");
  return found;
}

/** As the wire has it: nothing that contradicts the ending, nothing that wasn't said. */
export function sentOf(told: Told, kind: EndingCode | undefined): EncounterInputSent {
  const met = wasMet(kind, told.contacted);
  const where = (field: EndingField, value: string): string | null => (fit(kind, field) === "never" ? null : value.trim() || null);
  const plan = met === true ? where("plan", told.plan) : null;
  return {
    disposition: told.disposition,
    contacted: met,
    plan,
    plan_exception: met === true && plan === null ? told.noPlan || null : null,
    hold: where("hold", told.hold),
    transport: where("transport", told.transport),
    destination: where("destination", told.destination),
    naloxone_given: told.naloxone,
    law_enforcement: told.lawEnforcement || null,
    mandated_reports: told.reports,
  };
}
