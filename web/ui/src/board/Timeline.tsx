// Everything that happened to the incident, newest first; the service's own acts included.

import { date, dateTime, dayShort, timeSeconds } from "../format.ts";
import { changeWords } from "../components/changes.ts";
import { t } from "../messages/board.ts";
import { clock } from "../session.ts";
import { instant } from "../time.ts";
import type { Timeline as Told } from "../wire.ts";
import { roleWord, word } from "./codes.ts";
import type { Desk } from "./desk.ts";
import { kindsOf, more, title } from "./happened.ts";

export function Timeline({ told, desk }: { told: Told; desk: Desk }) {
  const events = [...told.events].sort((a, b) => b.seq - a.seq);
  const kinds = kindsOf(told);
  const callSign = (team: string): string => desk.callSign(team);
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
              <b>{title(event.body.type)}</b> {more(event.body, callSign, kinds)}
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
