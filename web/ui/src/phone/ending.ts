// How a run ended for each person in crisis: what was said, and what of it is told to the county.
//
// Pure: must not know how it is asked.

import type { EncounterInputSent } from "../wire.ts";

/** What was said of one person; `disposition` "" = nothing yet. */
export interface Ending {
  readonly disposition: string;
  readonly contacted: boolean;
  readonly plan: string;
  readonly plan_exception: string;
  readonly hold: string;
  readonly transport: string;
  readonly destination: string;
  readonly health_plan: "" | "yes" | "no";
  readonly naloxone: boolean;
  readonly law_enforcement: string;
  readonly reports: readonly string[];
  readonly note: string;
}

export interface Draft {
  /** The run that it ends. */
  readonly run: string;
  readonly people: readonly Ending[];
  /** Of whom is being spoken. */
  readonly open: number;
  readonly ready: boolean;
}

export const BLANK: Ending = {
  disposition: "",
  contacted: true,
  plan: "",
  plan_exception: "",
  hold: "",
  transport: "",
  destination: "",
  health_plan: "",
  naloxone: false,
  law_enforcement: "",
  reports: [],
  note: "",
};

/** A draft for a run with so many people known of; an incident may know of nobody yet. */
export function begin(run: string, people: number): Draft {
  return { run, people: Array.from({ length: Math.max(1, people) }, () => BLANK), open: 0, ready: true };
}

/** The draft with room for so many people. */
export function atLeast(draft: Draft, people: number): Draft {
  if (draft.people.length >= people) return draft;
  const more = Array.from({ length: people - draft.people.length }, () => BLANK);
  return { ...draft, people: [...draft.people, ...more] };
}

/** Those of whom something was said. */
export const ended = (people: readonly Ending[]): readonly Ending[] => people.filter((one) => one.disposition !== "");

/**
 * What the county is told; of whom nothing was said, nothing.
 *
 * `known`: ids of the people that the incident knows, in order; whoever comes after them is new.
 */
export function encounters(people: readonly Ending[], known: readonly string[], flagsOf: (disposition: string) => readonly string[]): EncounterInputSent[] {
  return people.flatMap((d, index) => {
    if (d.disposition === "") return [];
    const flags = flagsOf(d.disposition);
    return [
      {
        subject_id: known[index] ?? null,
        disposition: d.disposition,
        contacted: flags.includes("contacted") || d.contacted,
        plan: d.plan || null,
        plan_exception: d.plan ? null : d.plan_exception || null,
        hold: flags.includes("involuntary_hold") ? d.hold || null : null,
        transport: flags.includes("transport") ? d.transport || null : null,
        destination: d.destination.trim() || null,
        naloxone_given: d.naloxone,
        law_enforcement: d.law_enforcement || null,
        mandated_reports: d.reports,
        has_plan_to_notify: d.health_plan === "" ? null : d.health_plan === "yes",
        note: d.note.trim() || null,
      },
    ];
  });
}
