// What somebody said with an act, in words: to be read again, copied or told by voice where the county
// didn't take it. Pure: must not know how it is shown.

import type { Entry } from "../outbox.ts";
import {
  acceptOffer,
  acknowledgeHazards,
  declineOffer,
  endShift,
  exceptObligation,
  raiseDuress,
  requestPartner,
  setDuty,
} from "../wire.ts";
import type { SetName } from "./words.ts";

/** Field → the set whose codes it holds. */
const SETS: Readonly<Record<string, SetName>> = {
  kind: "partner_kind",
  code: "hazard",
  disposition: "disposition",
  plan: "safety_plan",
  hold: "hold_type",
  transport: "transport_mode",
  law_enforcement: "law_enforcement_role",
  mandated_reports: "mandated_report_kind",
  staging_reason: "staging_reason",
  cleared_scene_by: "scene_cleared_by",
};
/** The set of the field `reason`, by the act. */
const REASONS: Readonly<Record<string, SetName>> = {
  [requestPartner.name]: "partner_reason",
  [declineOffer.name]: "decline_reason",
  [setDuty.name]: "unavailable_reason",
  [endShift.name]: "shift_end_reason",
  [exceptObligation.name]: "obligation_exception",
};
/** Said by the act's own name already, or of no use to a reader. */
const NOT_SHOWN = new Set(["status", "duty", "outcome", "mode", "cause", "source"]);
const ID_OR_TIME = /^([0-9a-f]{8}-[0-9a-f-]{27}|\d{4}-\d\d-\d\dT.*)$/i;

/** What was said, a line each; `label`: a code of a set in words. */
export function saidIn(entry: Entry, label: (set: SetName, code: string) => string): readonly string[] {
  const lines: string[] = [];
  const take = (name: string, value: unknown): void => {
    if (typeof value === "string") {
      if (value === "" || NOT_SHOWN.has(name) || ID_OR_TIME.test(value)) return;
      const set = name === "reason" ? REASONS[entry.operation] : SETS[name];
      lines.push(set === undefined ? value : label(set, value));
    } else if (Array.isArray(value)) for (const one of value) take(name, one);
    else if (value !== null && typeof value === "object") for (const [inner, one] of Object.entries(value)) take(inner, one);
  };
  for (const [name, value] of Object.entries(entry.body)) take(name, value);
  return lines;
}

/** What makes no sense a second time, once it was refused: an offer that is gone, a danger unread. */
const ONCE = new Set<string>([acceptOffer.name, declineOffer.name, acknowledgeHazards.name, raiseDuress.name]);

/** Whether a refused act may be sent once more as it is. */
export const mayGoAgain = (entry: Entry): boolean => entry.state === "refused" && !ONCE.has(entry.operation) && entry.refusal?.code !== "disputed";

/** Acts for which nobody else may be waited for: help on scene. */
export const needs911 = (entry: Entry): boolean => entry.operation === requestPartner.name || entry.operation === raiseDuress.name;
