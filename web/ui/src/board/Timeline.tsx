// Everything that happened to the incident, newest first; the service's own acts included.

import { date, dateTime, dayShort, timeSeconds } from "../format.ts";
import { changeWords } from "../components/changes.ts";
import { t as common } from "../messages/common.ts";
import { t } from "../messages/board.ts";
import { t as say } from "../messages/desk.ts";
import english from "../messages/en/board.ts";
import { clock } from "../session.ts";
import { instant } from "../time.ts";
import type { Event, ObligationKind, Timeline as Told } from "../wire.ts";
import { plain, roleWord, word, wordIn } from "./codes.ts";
import type { Desk } from "./desk.ts";

type EventKey = Extract<keyof typeof english, `event_${string}`>;

const title = (type: string): string => {
  const key = `event_${type}`;
  return key in english ? t(key as EventKey) : plain(type);
};

/** What was owed, by its id: later events name only that. */
type Kinds = ReadonlyMap<string, ObligationKind>;

/** An outcome's word: of a follow-up's, an exception's, or neither. */
const outcome = (code: string): string => (code === "done" ? "" : wordIn(["followup_outcome", "obligation_exception", "obligation_outcome"], code));

const listed = (...parts: readonly string[]): string => parts.filter(Boolean).join(" · ");

/** The part of an event that its title doesn't say. */
function more(body: Event["body"], desk: Desk, kinds: Kinds): string {
  const kind = "obligation_id" in body ? kinds.get(body.obligation_id) : undefined;
  const owed = kind === undefined ? "" : t(`obligation_${kind}`);
  const team = "team_id" in body && body.team_id !== null ? desk.callSign(body.team_id) : "";
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

export function Timeline({ told, desk }: { told: Told; desk: Desk }) {
  const events = [...told.events].sort((a, b) => b.seq - a.seq);
  const kinds: Kinds = new Map(told.events.flatMap(({ body }) => (body.type === "obligation_arose" ? [[body.obligation_id, body.kind] as const] : [])));
  const days = events.map((event) => date(event.occurred_at));
  // Of one day, today's, nobody needs to be told the day.
  const isOneDay = new Set([...days, date(clock.now())]).size === 1;
  return (
    <ol class="timeline">
      {events.map((event, at) => {
        const late = Math.abs(instant(event.recorded_at) - instant(event.occurred_at)) > 5000;
        const who = event.actor === null ? t("the_service") : (told.labels[event.actor] ?? roleWord(event.role));
        return (
          <li key={event.seq} data-event={event.body.type}>
            <time class="figures" dateTime={event.occurred_at} title={dateTime(event.occurred_at)}>
              {!isOneDay && days[at] !== days[at - 1] && <b class="day">{dayShort(event.occurred_at)}</b>}
              {timeSeconds(event.occurred_at)}
            </time>
            <span>
              <b>{title(event.body.type)}</b> {more(event.body, desk, kinds)}
              {(told.changes[event.seq] ?? []).map((change) => (
                <span key={`${change.field} ${change.code}`} class="change">
                  {changeWords(change, word)}
                </span>
              ))}
            </span>
            <span class="quiet who">
              {who} · {t(`source_${event.source}`)}
            </span>
            {late && <span class="quiet late">{t("recorded_at", { time: timeSeconds(event.recorded_at) })}</span>}
          </li>
        );
      })}
    </ol>
  );
}
