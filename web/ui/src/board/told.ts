// What the service answers an act with, beyond that it was done.

import type { Api } from "../api.ts";
import { leaveWarnings } from "../components/unread.ts";
import { warningSentence } from "../messages/warnings.ts";
import type { Answered } from "../wire.ts";

/** Answers whose warnings somebody shows. */
const shown = new WeakSet<Answered>();

/** Warnings in an answer, for whoever shows them: they block nothing, and somebody must read them. */
export function warningsIn(answer: Answered): readonly string[] {
  shown.add(answer);
  const found = answer.result["warnings"];
  if (!Array.isArray(found)) return [];
  return found.flatMap((one: { code?: unknown; sentence?: unknown }) => (typeof one.sentence === "string" ? [warningSentence(String(one.code), one.sentence)] : []));
}

/** Let the warnings of every act stand somewhere: where nobody shows them, among the unread. */
export function followAnswers(api: Api): void {
  api.onDone = (answer) =>
    void setTimeout(() => {
      // Whoever shows them has asked for them by now.
      if (!shown.has(answer)) leaveWarnings(warningsIn(answer));
    });
}
