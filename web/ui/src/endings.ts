// How an ending stands to what else is recorded of the person. Desk and phone read it off the code
// itself and the service's own table of fields; no rule stands here.

import { ENDING_FIELDS, type Answer, type EncounterInputSent, type EndingField, type Fit } from "./wire.ts";

/** A code, as the county has it. */
export interface FlaggedCode {
  readonly code: string;
  readonly flags: readonly string[];
}
/** A disposition. */
export interface EndingCode extends FlaggedCode {
  readonly attributes?: Readonly<Record<string, string>>;
}

/** What isn't named may be, or not; so it is where no ending is chosen. */
export const fit = (kind: EndingCode | undefined, field: EndingField): Fit => (kind?.attributes?.[field] as Fit | undefined) ?? "may";

/** Whether an answer can be true together with the ending. */
export function suits(kind: EndingCode | undefined, field: EndingField, answer: FlaggedCode): boolean {
  const { flag } = ENDING_FIELDS[field];
  return fit(kind, field) === "may" || flag === "" || answer.flags.includes(flag) === (fit(kind, field) === "must");
}

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
  readonly law_enforcement: string;
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
  law_enforcement: "",
  reports: [],
};

export type Lacking = Exclude<EndingField, "contacted"> | "met";

/** What must be told with the ending and nobody told; the service warns of the same. */
export function lacking(told: Told, kind: EndingCode | undefined): readonly Lacking[] {
  const met = wasMet(kind, told.contacted);
  const said: Readonly<Record<EndingField, string | boolean | null>> = { ...told, contacted: met, plan: told.plan || told.noPlan, destination: told.destination.trim() };
  return (Object.keys(ENDING_FIELDS) as EndingField[])
    .filter((field) => said[field] === null || said[field] === "")
    .filter((field) => {
      const { asked } = ENDING_FIELDS[field];
      const stands = fit(kind, field);
      return stands === "must" || (stands === "may" && (asked === "always" || (asked === "of_the_met" && met === true)));
    })
    .map((field) => (field === "contacted" ? "met" : field));
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
    law_enforcement: told.law_enforcement || null,
    mandated_reports: told.reports,
  };
}
