// What the service answers an act with, beyond that it was done.

import { warningSentence } from "../messages/warnings.ts";
import type { Answered } from "../wire.ts";

/** Warnings in an answer: they block nothing, and somebody must read them. */
export function warningsIn(answer: Answered): readonly string[] {
  const found = answer.result["warnings"];
  if (!Array.isArray(found)) return [];
  return found.flatMap((one: { code?: unknown; sentence?: unknown }) => (typeof one.sentence === "string" ? [warningSentence(String(one.code), one.sentence)] : []));
}
