// The note that a crew is writing: one for each run, kept as it is typed until it is sent.

import { signal, type Signal } from "@preact/signals";
import { draft, leftDrafts } from "./kept.ts";
import type { Phone } from "./phone.ts";

/** What is being written on a run. */
export const noteOf = (run: string): Signal<string> => draft("note", run, "");

interface LeftNote {
  readonly run: string;
  readonly text: string;
  readonly discard: () => void;
}

const discarded = signal(0);

/** Notes that were begun on runs that are over. */
export function leftNotes(phone: Phone): readonly LeftNote[] {
  void discarded.value;
  return leftDrafts<string>("note", phone.run.value?.run.id ?? null).map(({ about, value }) => ({
    run: about,
    text: value,
    discard: () => {
      noteOf(about).value = "";
      discarded.value++;
    },
  }));
}
