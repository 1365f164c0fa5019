// What the service answers an act with, beyond that it was done.

import type { Api } from "../api.ts";
import { leaveWarnings } from "../components/unread.ts";
import { warningSentence } from "../sentences/warnings.ts";
import { t } from "../messages/board.ts";
import type { Answered } from "../wire.ts";
import { word } from "./codes.ts";

/** Answers whose warnings somebody shows. */
const shown = new WeakSet<Answered>();

/** Warnings in an answer, for whoever shows them: they block nothing, and somebody must read them. */
export function warningsIn(answer: Answered): readonly string[] {
  shown.add(answer);
  const found = answer.result["warnings"];
  if (!Array.isArray(found)) return [];
  return found.flatMap((one: Warned) => (typeof one.sentence === "string" ? [sentence(one, one.sentence)] : []));
}

interface Warned {
  readonly code?: unknown;
  readonly sentence?: unknown;
  /** Codes that the sentence is about. */
  readonly ask?: unknown;
  readonly kind?: unknown;
  readonly reason?: unknown;
}

function sentence(one: Warned, own: string): string {
  if (one.code === "see_to" && typeof one.ask === "string") return word("screening_ask", one.ask);
  const said = warningSentence(String(one.code), own);
  if (one.code !== "partner_proposed") return said;
  return t("proposes", { who: word("partner_kind", String(one.kind)), why: word("partner_reason", String(one.reason)) });
}

/** Let the warnings of every act stand somewhere: where nobody shows them, among the unread. */
export function followAnswers(api: Api): void {
  api.onDone = (answer) =>
    void setTimeout(() => {
      // Whoever shows them has asked for them by now.
      if (!shown.has(answer)) leaveWarnings(warningsIn(answer));
    });
}
