// Codes in words: the person's language where the page has it, else the county's own label.

import { signal } from "@preact/signals";
import { fill, known, locale } from "../i18n.ts";
import english from "../messages/en/common.ts";
import codes from "../messages/en/crew_codes.ts";
import en from "../messages/en/phone.ts";
import { t as common } from "../messages/common.ts";
import { t as say } from "../messages/crew_codes.ts";
import { t } from "../messages/phone.ts";
import { refusalSentence } from "../sentences/refusals.ts";
import { api } from "../session.ts";
import { getCodes, type AlertTemplate, type Problem, type Status } from "../wire.ts";
import { keepCodes, keptCodes, type CodeBook } from "./kept.ts";

const book = signal<CodeBook | null>(null);

/** Sets that this page shows; the others aren't kept. */
const SETS = [
  "contact_mode", "decline_reason", "disposition", "followup_outcome", "hazard", "hold_type", "law_enforcement_role", "location_type", "mandated_report_kind", "need",
  "obligation_exception", "partner_kind",
  "partner_reason", "safety_plan", "scene_cleared_by", "shift_end_reason", "staging_reason", "transport_mode", "unavailable_reason",
] as const;
export type SetName = (typeof SETS)[number];

/** Use the codes of the last time, and ask for today's. */
export async function loadCodes(): Promise<void> {
  book.value = keptCodes();
  try {
    const { sets } = await api.call(getCodes, {});
    const found: CodeBook = Object.fromEntries(
      SETS.map((set) => [set, (sets[set]?.codes ?? []).map(({ code, label, flags, attributes }) => ({ code, label, flags, attributes }))]),
    );
    book.value = found;
    keepCodes(found);
  } catch {
    // Those of the last time serve.
  }
}

/** A set's codes; those of the catalog until the county has told its own. */
export function codesOf(set: SetName): CodeBook[string] {
  const own = book.value?.[set];
  if (own !== undefined && own.length > 0) return own;
  const prefix = `${set}_`;
  return Object.entries(codes)
    .filter(([key]) => key.startsWith(prefix))
    .map(([key, label]) => ({ code: key.slice(prefix.length), label, flags: [] }));
}

/** A code in words. */
export function label(set: SetName, code: string): string {
  const own = book.value?.[set]?.find((one) => one.code === code)?.label;
  const said = locale.value !== "en" || own === undefined ? known(say, `${set}_${code}`) : null;
  if (said !== null) return said;
  // Browsers know the names of most languages.
  if (set === "need" && code.startsWith("language_") && locale.value !== "en") {
    return new Intl.DisplayNames(locale.value, { type: "language" }).of(code.slice("language_".length)) ?? code;
  }
  return own ?? code.replaceAll("_", " ");
}

/** A status as a crew says it. */
export const statusWord = (status: Status): string => common(`team_${status}`);

/** What the record says of a status that was tapped by mistake at `time`: in the county's own language. */
export function mistakeNote(status: Status, time: string): string {
  return fill(en.mistake_note, { what: english[`team_${status}`], time }, "en");
}

/** Why the county said no. */
export function refusalWords(problem: Problem): string {
  return known(t, `no_${problem.code}`) ?? (refusalSentence(problem) || t("no_other"));
}

/** What a crew lacks. */
export function shortfallWords(code: string): string {
  return known(t, `lacks_${code}`) ?? code.replaceAll("_", " ");
}

/** What the county tells a crew. */
export function alertWords(template: AlertTemplate): string {
  return known(t, `alert_${template}`) ?? t("alert_other");
}
