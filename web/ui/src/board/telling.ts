// What a form changed of what its author saw: only that is sent, with the version that was looked at.

import { Refusal } from "../api.ts";
import { factWords, type Word } from "../components/changes.ts";
import { t } from "../messages/common.ts";
import type { Acuity, Answer, HazardToldSent, IncidentView, NeedSent } from "../wire.ts";
import type { Assessment } from "./Assess.tsx";

/** A form of an incident: what it began with, and what stands in it now. */
export interface Form {
  readonly version: number;
  readonly seen: Assessment;
  readonly now: Assessment;
  /** The answers that were given anew. */
  readonly answers: Readonly<Record<string, Answer>>;
}

/** What was noted; what answers bring isn't chosen but answered. */
export const assessmentOf = (one: IncidentView): Assessment => ({
  acuity: one.acuity,
  needs: one.needs,
  hazards: [...new Set(one.hazards.filter((hazard) => hazard.source !== "screening").map((hazard) => hazard.code))],
});

export const formOf = (one: IncidentView): Form => ({ version: one.version, seen: assessmentOf(one), now: assessmentOf(one), answers: {} });

export interface Told {
  readonly version: number;
  readonly acuity?: Acuity;
  readonly add_needs: readonly NeedSent[];
  readonly remove_needs: readonly string[];
  readonly add_hazards: readonly HazardToldSent[];
  readonly remove_hazards: readonly string[];
  readonly screening: Readonly<Record<string, Answer>> | null;
}

const isSame = (a: NeedSent, b: NeedSent): boolean => a.code === b.code && (a.hard ?? false) === (b.hard ?? false) && (a.team_id ?? null) === (b.team_id ?? null);

/** What the form changes; what was left as it was seen is not said. */
export function toldBy({ version, seen, now, answers }: Form): Told {
  const codes = new Set(now.needs.map((need) => need.code));
  return {
    version,
    ...(now.acuity !== null && now.acuity !== seen.acuity ? { acuity: now.acuity } : {}),
    add_needs: now.needs.filter((need) => !seen.needs.some((before) => isSame(before, need))),
    remove_needs: [...new Set(seen.needs.map((need) => need.code))].filter((code) => !codes.has(code)),
    add_hazards: now.hazards.filter((code) => !seen.hazards.includes(code)).map((code) => ({ code, source: "dispatcher" })),
    remove_hazards: seen.hazards.filter((code) => !now.hazards.includes(code)),
    screening: Object.keys(answers).length === 0 ? null : answers,
  };
}

/** The same form on what is known now: what its author changed stays, the rest is as others have it. */
export function onTop(form: Form, one: IncidentView): Form {
  const { seen, now } = form;
  const fresh = assessmentOf(one);
  const codes = new Set(now.needs.map((need) => need.code));
  const added = now.needs.filter((need) => !seen.needs.some((before) => isSame(before, need)));
  const gone = new Set(seen.needs.map((need) => need.code).filter((code) => !codes.has(code)));
  const replaced = new Set([...gone, ...added.map((need) => need.code)]);
  const off = new Set(seen.hazards.filter((code) => !now.hazards.includes(code)));
  const on = now.hazards.filter((code) => !seen.hazards.includes(code));
  return {
    version: one.version,
    seen: fresh,
    now: {
      acuity: now.acuity === seen.acuity ? fresh.acuity : now.acuity,
      needs: [...fresh.needs.filter((need) => !replaced.has(need.code)), ...added],
      hazards: [...new Set([...fresh.hazards.filter((code) => !off.has(code)), ...on])],
    },
    answers: form.answers,
  };
}

interface Clash {
  readonly field: string;
  readonly yours: unknown;
  readonly theirs: unknown;
}

/** What somebody else changed meanwhile, with both values; `[]` = the trouble is another one. */
export function clashWords(trouble: unknown, word: Word): readonly string[] {
  if (!(trouble instanceof Refusal) || trouble.code !== "stale_version") return [];
  const fields = (trouble.facts["fields"] ?? []) as readonly Clash[];
  return fields.map(({ field, yours, theirs }) => {
    const [name = field, code = null] = field.split("/");
    const said = (value: unknown): string => valueWords(name, value, word);
    const both = [said(yours) && `${t("fact_yours")}: ${said(yours)}`, said(theirs) && `${t("fact_theirs")}: ${said(theirs)}`].filter(Boolean).join(" · ");
    return both === "" ? factWords(name, code, word) : `${factWords(name, code, word)} (${both})`;
  });
}

function valueWords(field: string, value: unknown, word: Word): string {
  if (value === null || value === undefined) return "";
  if (field === "acuity") return t(`acuity_${value as Acuity}`);
  if (field === "location_type") return word("location_type", String(value));
  if (!Array.isArray(value)) return String(value);
  if (value.length === 0) return t("fact_none");
  return value.map((item: { source?: string; hard?: boolean }) => (item.source === undefined ? t(item.hard ? "fact_hard" : "fact_soft") : word("hazard_source", item.source))).join(", ");
}
