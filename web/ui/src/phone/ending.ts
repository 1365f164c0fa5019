// How a run ended for each person in crisis: what was said, and what of it is told to the county.
//
// Pure: must not know how it is asked. How an ending stands to the rest is `endings.ts`'s.

import { NOTHING_TOLD, sentOf, type EndingCode, type Told } from "../endings.ts";
import type { Answer, EncounterInputSent } from "../wire.ts";

/** What was said of one person; `disposition` "" = nothing yet. */
export interface Ending extends Told {
  /** Whether the person has a health plan that must be told. */
  readonly health_plan: Answer;
  readonly note: string;
}

export interface Draft {
  /** The run that it ends. */
  readonly run: string;
  readonly people: readonly Ending[];
  /** Of whom is being spoken. */
  readonly open: number;
}

export const BLANK: Ending = { ...NOTHING_TOLD, health_plan: "not_asked", note: "" };

/** A draft for a run with so many people known of; an incident may know of nobody yet. */
export function begin(run: string, people: number): Draft {
  return { run, people: Array.from({ length: Math.max(1, people) }, () => BLANK), open: 0 };
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
export function encounters(people: readonly Ending[], known: readonly string[], kindOf: (disposition: string) => EndingCode | undefined): EncounterInputSent[] {
  return people.flatMap((one, index) =>
    one.disposition === ""
      ? []
      : [
          {
            ...sentOf(one, kindOf(one.disposition)),
            subject_id: known[index] ?? null,
            has_plan_to_notify: one.health_plan === "yes" ? true : one.health_plan === "no" ? false : null,
            note: one.note.trim() || null,
          },
        ],
  );
}
