// What was changed of what is known of an incident, fact by fact, in words.

import { time } from "../format.ts";
import { known } from "../i18n.ts";
import { t } from "../messages/common.ts";
import type { CodeSetName, FactChange } from "../wire.ts";

/** A code of a set, in words. */
export type Word = (set: CodeSetName, code: string) => string;

const SETS: Readonly<Record<string, CodeSetName>> = { needs: "need", hazards: "hazard", concerns: "crisis_type", screening: "risk_item", location_type: "location_type" };

/** Of these an event tells how many came or went. */
const COUNTED: readonly string[] = ["calls", "subjects", "partners", "slots"];

const own = (key: string): string | null => known(t, key);

/** Which fact it is: its field, or the item of it. */
export function factWords(field: string, code: string | null, word: Word): string {
  const title = own(`fact_${field}`) ?? field;
  const set = SETS[field];
  return code === null || set === undefined ? title : `${title}: ${word(set, code)}`;
}

function value(change: FactChange, said: string | null, word: Word): string {
  if (said === null) return t(change.field === "screening" ? "fact_not_asked" : "fact_none");
  if (change.field === "acuity") return own(`acuity_${said}`) ?? said;
  if (change.field === "due_at") return time(said);
  if (change.field === "location_type") return word("location_type", said);
  if (change.field === "hazards") return said.split(", ").map((source) => word("hazard_source", source)).join(", ");
  return own(`fact_${said}`) ?? said;
}

/** "How soon: Urgent → Emergent"; what came reads "+", what went "−". */
export function changeWords(change: FactChange, word: Word): string {
  const name = factWords(change.field, change.code, word);
  if (COUNTED.includes(change.field)) return `${change.was === null ? "+" : "−"} ${name}: ${change.now ?? change.was}`;
  const isItem = change.code !== null && change.field !== "screening";
  if (isItem && change.was === null) return `+ ${name}`;
  if (isItem && change.now === null) return `− ${name}`;
  return `${name}: ${value(change, change.was, word)} → ${value(change, change.now, word)}`;
}
