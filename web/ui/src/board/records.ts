// Private records as people read them: which to show, and what their fields are called.

import { answerWord } from "../components/Asked.tsx";
import { t } from "../messages/board.ts";
import { t as say } from "../messages/desk.ts";
import type { Answer, OpenedRecords } from "../wire.ts";
import { plain, word } from "./codes.ts";

type Kept = OpenedRecords["records"][number];

/**
 * Written by people: not the rankings that lie beside them, and of each incident's addresses only what holds now.
 *
 * Whoever sets an address right doesn't take back how to get in.
 */
export function readable(opened: OpenedRecords): OpenedRecords["records"] {
  const newest = new Map(opened.records.filter(isAddress).map((record) => [record.head.incident_id, record]));
  const wayIn = new Map(opened.records.filter((record) => isAddress(record) && hasAccess(record)).map((record) => [record.head.incident_id, record]));
  return opened.records.flatMap((record) => {
    if (record.head.kind === "recommendation") return [];
    if (!isAddress(record) || newest.get(record.head.incident_id) === record) return [record];
    const isLost = wayIn.get(record.head.incident_id) === record;
    return isLost ? [{ ...record, fields: { access: record.fields?.["access"] } }] : [];
  });
}

const isAddress = ({ head }: Kept): boolean => head.kind === "address";
const hasAccess = ({ fields }: Kept): boolean => Boolean(fields?.["access"]);

const FIELDS = ["address", "name", "callback", "safe_to_call", "safe_to_text", "relation", "language", "interpreter", "pronouns", "access"] as const;

/** What a record's field is called; one that isn't known here is read as it stands. */
export function named(field: string, kind: string): string {
  if (field === "text") return kind === "narrative" ? t("narrative") : kind === "note" ? t("note") : plain(kind);
  const known = FIELDS.find((one) => one === field);
  return known === undefined ? plain(field) : say(`field_${known}`);
}

const ANSWERS: ReadonlySet<string> = new Set(["safe_to_call", "safe_to_text"]);
/** Whether the field answers a question, so that what wasn't asked says so. */
export const isAnswer = (field: string): boolean => ANSWERS.has(field);

/** A record's fields; of a caller also the questions that nobody asked. */
export const fieldsOf = (record: OpenedRecords["records"][number]): Readonly<Record<string, unknown>> =>
  record.head.kind === "caller" && record.fields !== null ? { ...Object.fromEntries([...ANSWERS].map((name) => [name, "not_asked"])), ...stated(record.fields) } : (record.fields ?? {});

const stated = (fields: Readonly<Record<string, unknown>>) => Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== null));

/** A field's value in words. Older records hold a bare yes or no. */
export function shownValue(field: string, value: unknown): string {
  if (field === "relation") return word("caller_relation", String(value));
  if (typeof value === "boolean") return answerWord(value ? "yes" : "no");
  return isAnswer(field) ? answerWord(value as Answer) : String(value);
}
