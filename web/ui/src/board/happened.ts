// What an event says, in words: its title, and the part that differs from one to the next.

import { dateTime, timeSeconds } from "../format.ts";
import { t } from "../messages/board.ts";
import { t as common } from "../messages/common.ts";
import { t as say } from "../messages/desk.ts";
import { t as said } from "../messages/events.ts";
import type { Event, ObligationKind, Timeline } from "../wire.ts";
import { word, wordIn } from "./codes.ts";

type Body = Event["body"];

/** What happened; each event has its words, or this doesn't compile. */
export const title = (type: Body["type"]): string => said(`event_${type}`);

/** What was owed, by its id: later events name only that. */
export type Kinds = ReadonlyMap<string, ObligationKind>;

export const kindsOf = (told: Timeline): Kinds =>
  new Map(told.events.flatMap(({ body }) => (body.type === "obligation_arose" ? [[body.obligation_id, body.kind] as const] : [])));

/** An outcome's word: of a follow-up's, an exception's, or neither. */
const outcome = (code: string): string => (code === "done" ? "" : wordIn(["followup_outcome", "obligation_exception", "obligation_outcome"], code));

const listed = (...parts: readonly string[]): string => parts.filter(Boolean).join(" · ");

/** The part of an event that its title doesn't say; `callSign`: of a team by its id. */
export function more(body: Body, callSign: (team: string) => string, kinds: Kinds): string {
  const kind = "obligation_id" in body ? kinds.get(body.obligation_id) : undefined;
  const owed = kind === undefined ? "" : t(`obligation_${kind}`);
  const team = "team_id" in body && body.team_id !== null ? callSign(body.team_id) : "";
  switch (body.type) {
    case "status_reported":
      return common(`team_${body.status}`);
    case "deadline_moved":
      return listed(`${timeSeconds(body.was)} → ${timeSeconds(body.due_at)}`, word("deadline_reason", body.reason));
    case "report_disputed":
      return listed(common(`team_${body.status}`), timeSeconds(body.occurred), word("dispute_reason", body.reason));
    case "milestone_corrected":
      return listed(common(`team_${body.status}`), body.instant === null ? say("times_never") : timeSeconds(body.instant), word("correction_reason", body.reason));
    case "offer_made":
      return listed(team, body.override_reason === null ? "" : word("override_reason", body.override_reason));
    case "offer_declined":
      return word("decline_reason", body.reason);
    case "offer_withdrawn":
      return word("withdraw_reason", body.reason);
    case "team_determined":
      return common(`acuity_${body.acuity}`);
    case "no_dispatch_determined":
      return word("no_dispatch_reason", body.reason);
    case "incident_reopened":
      return word("reopen_reason", body.reason);
    case "incident_cancelled":
    case "assignment_cancelled":
      return word("cancel_reason", body.reason);
    case "partner_requested":
      return `${word("partner_kind", body.kind)} · ${word("partner_reason", body.reason)}`;
    case "incident_flagged":
      return word("incident_flag", body.flag);
    case "obligation_arose":
      return owed;
    case "obligation_attempted":
      return listed(owed, outcome(body.outcome));
    case "obligation_done":
      return listed(owed, outcome(body.outcome), body.late ? t("deadline_missed") : "");
    case "obligation_excepted":
      return listed(owed, outcome(body.reason));
    case "obligation_moved":
      return listed(owed, dateTime(body.due_at));
    case "obligation_missed":
    case "obligation_reassigned":
      return owed;
    case "slot_dropped":
      return word("slot_drop_reason", body.reason);
    default:
      return team;
  }
}
