// Everything that happened to the incident, newest first; the service's own acts included.

import { dateTime, timeSeconds } from "../format.ts";
import { t as common } from "../messages/common.ts";
import { t } from "../messages/board.ts";
import english from "../messages/en/board.ts";
import { instant } from "../time.ts";
import type { Event, Timeline as Told } from "../wire.ts";
import { plain, word } from "./codes.ts";
import type { Desk } from "./desk.ts";

type EventKey = Extract<keyof typeof english, `event_${string}`>;

const title = (type: string): string => {
  const key = `event_${type}`;
  return key in english ? t(key as EventKey) : plain(type);
};

/** The part of an event that its title doesn't say. */
function more(body: Event["body"], desk: Desk): string {
  const team = "team_id" in body && body.team_id !== null ? desk.callSign(body.team_id) : "";
  switch (body.type) {
    case "status_reported":
      return common(`team_${body.status}`);
    case "milestone_corrected":
      return common(`team_${body.status}`);
    case "offer_made":
      return [team, body.override_reason === null ? "" : word("override_reason", body.override_reason)].filter(Boolean).join(" · ");
    case "offer_declined":
      return word("decline_reason", body.reason);
    case "offer_withdrawn":
      return word("withdraw_reason", body.reason);
    case "team_determined":
      return common(`acuity_${body.acuity}`);
    case "no_dispatch_determined":
      return word("no_dispatch_reason", body.reason);
    case "incident_cancelled":
    case "assignment_cancelled":
      return word("cancel_reason", body.reason);
    case "partner_requested":
      return `${word("partner_kind", body.kind)} · ${word("partner_reason", body.reason)}`;
    case "incident_flagged":
      return word("incident_flag", body.flag);
    case "obligation_arose":
      return t(`obligation_${body.kind}`);
    case "slot_dropped":
      return word("slot_drop_reason", body.reason);
    default:
      return team;
  }
}

export function Timeline({ told, desk }: { told: Told; desk: Desk }) {
  const events = [...told.events].sort((a, b) => b.seq - a.seq);
  return (
    <ol class="timeline">
      {events.map((event) => {
        const late = Math.abs(instant(event.recorded_at) - instant(event.occurred_at)) > 5000;
        const who = event.actor === null ? t("the_service") : (told.labels[event.actor] ?? plain(event.role));
        return (
          <li key={event.seq} data-event={event.body.type}>
            <time class="figures" dateTime={event.occurred_at} title={dateTime(event.occurred_at)}>
              {timeSeconds(event.occurred_at)}
            </time>
            <span>
              <b>{title(event.body.type)}</b> {more(event.body, desk)}
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
