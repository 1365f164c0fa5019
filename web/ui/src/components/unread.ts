// What an act was answered with, where what showed it has gone: kept for whoever acted, until read.
//
// A row that leaves the board takes its buttons along, and with them the words of a refusal that came
// a moment ago, or comes a moment later. Nothing of that is lost: it stands here instead.

import { signal, useSignal, type Signal } from "@preact/signals";
import { useEffect } from "preact/hooks";

export interface Unread {
  readonly no: number;
  /** Refused, or done and warned of. */
  readonly trouble: unknown;
  readonly warnings: readonly string[];
}

export const unread = signal<readonly Unread[]>([]);
let next = 1;

function leave(told: Omit<Unread, "no">): void {
  unread.value = [...unread.peek(), { no: next++, ...told }];
}

/** It was read. */
export function dismiss(no: number): void {
  unread.value = unread.peek().filter((one) => one.no !== no);
}

/** Say it where nothing else shows it. */
export const leaveTrouble = (trouble: unknown): void => leave({ trouble, warnings: [] });
export const leaveWarnings = (warnings: readonly string[]): void => {
  if (warnings.length > 0) leave({ trouble: null, warnings });
};

/** What went wrong with an act of this component; `null` = nothing. Outlives the component. */
export function useTrouble(): Signal<unknown> {
  const trouble = useSignal<unknown>(null);
  useEffect(
    () => () => {
      // Now, and whenever an answer comes that this component would have shown.
      trouble.subscribe((told) => {
        if (told !== null && told !== undefined) leaveTrouble(told);
      });
    },
    [],
  );
  return trouble;
}
