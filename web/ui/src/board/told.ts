// What the service answers an act with, beyond that it was done.

import type { Answered } from "../wire.ts";

/** Warnings in an answer: they block nothing, and somebody must read them. */
export function warningsIn(answer: Answered): readonly string[] {
  const found = answer.result["warnings"];
  if (!Array.isArray(found)) return [];
  return found.flatMap((one: { sentence?: unknown }) => (typeof one.sentence === "string" ? [one.sentence] : []));
}
