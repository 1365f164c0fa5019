// The county on a wall: what waits, which teams are where, who is in danger. Read from across a room,
// by whoever comes in: no name, no place, no need, and nothing to press.

import "../base.css";
import "../board/board.css";
import "./wall.css";
import { useEffect, useMemo } from "preact/hooks";
import { loadCodes, word } from "../board/codes.ts";
import { Deadline } from "../board/List.tsx";
import { byUrgency, isOver } from "../board/order.ts";
import { Silent } from "../board/Silent.tsx";
import { ringWhile } from "../board/sound.ts";
import { hazardWords } from "../board/words.ts";
import { Bar } from "../components/Bar.tsx";
import { Icon } from "../components/Icon.tsx";
import { AcuityMark, PhaseMark, TeamMark } from "../components/Mark.tsx";
import { Standstill } from "../components/Standstill.tsx";
import { Left, Since } from "../components/Timer.tsx";
import type { Live } from "../live.ts";
import { t as board } from "../messages/board.ts";
import { t } from "../messages/wall.ts";
import { clock, type Session } from "../session.ts";
import { followLive, startPage } from "../start.tsx";
import type { WallDuressView, WallIncidentView, WallTeamView } from "../wire.ts";

type Wall = Live<"wall">;

/** The alarms that nobody has resolved, those that nobody has in hand first. */
const alarmsOf = (live: Wall): readonly WallDuressView[] =>
  [...live.of("duress").all.value.values()]
    .filter((one) => one.state !== "resolved")
    .sort((a, b) => Number(a.acknowledged_at !== null) - Number(b.acknowledged_at !== null) || a.raised_at.localeCompare(b.raised_at));

const isRaw = (live: Wall): boolean => alarmsOf(live).some((one) => one.acknowledged_at === null);

const OVER = ["closed", "cancelled", "merged"];

function Page({ session }: { session: Session }) {
  const live = useMemo(() => {
    const made = followLive(session, "wall");
    ringWhile(() => isRaw(made));
    void loadCodes();
    return made;
  }, []);
  useEffect(() => {
    document.title = `${t("title")} · ${session.countyName}`;
  }, []);
  const fresh = live.freshness.value;
  // What is over isn't told here, so that nothing shown has an end.
  const incidents = [...live.of("incident").all.value.values()]
    .filter((one) => !OVER.includes(one.phase))
    .map((one) => ({ ...one, ended_at: null }))
    .sort(byUrgency);
  const teams = [...live.of("team").all.value.values()]
    .filter((one) => one.status !== "off_shift")
    .sort((a, b) => a.call_sign.localeCompare(b.call_sign, undefined, { numeric: true }));
  const ringing = [...live.of("counts").all.value.values()].map((one) => one.n["call.offered"] ?? 0).reduce((a, b) => a + b, 0);
  return (
    <>
      <Bar session={session} fresh={fresh} />
      <Standstill fresh={fresh} trouble={live.trouble.value} />
      <Alarms ones={alarmsOf(live)} />
      <main class="wall">
        <h1 class="said">{t("title")}</h1>
        <p class="sums figures">
          <Sum n={ringing} says={t("calls_ringing", { n: ringing })} isBad={ringing > 0} />
          <Waiting ones={incidents} />
          <Sum n={incidents.length} says={t("open", { n: incidents.length })} />
          <Free ones={teams} />
        </p>
        <section aria-label={board("incidents")}>
          <h2>{board("incidents")}</h2>
          {incidents.length === 0 && fresh.state === "live" && <p>{board("none_open")}</p>}
          <ul>
            {incidents.map((one) => (
              <Row key={one.id} one={one} />
            ))}
          </ul>
        </section>
        <section aria-label={board("teams")}>
          <h2>{board("teams")}</h2>
          {teams.length === 0 && fresh.state === "live" && <p>{t("no_teams")}</p>}
          <ul class="crews">
            {teams.map((one) => (
              <li key={one.id} data-team={one.status}>
                <b>{one.call_sign}</b> <TeamMark status={one.status} /> {one.since !== null && <Since from={one.since} />}
              </li>
            ))}
          </ul>
        </section>
      </main>
      <Silent isUrgent={isRaw(live)} />
    </>
  );
}

function Sum({ n, says, isBad = false }: { n: number; says: string; isBad?: boolean }) {
  return (
    <span class={isBad ? "alarm-words" : ""}>
      <b>{n}</b> {says}
    </span>
  );
}

function Waiting({ ones }: { ones: readonly WallIncidentView[] }) {
  const n = ones.filter((one) => one.waiting_since !== null).length;
  return <Sum n={n} says={t("waiting", { n })} isBad={n > 0} />;
}

function Free({ ones }: { ones: readonly WallTeamView[] }) {
  const n = ones.filter((one) => one.status === "available").length;
  return <Sum n={n} says={t("free", { n })} isBad={n === 0} />;
}

function Alarms({ ones }: { ones: readonly WallDuressView[] }) {
  if (ones.length === 0) return null;
  return (
    <section class="alarms on-wall" aria-label={board("duress")} role="alert">
      {ones.map((one) => (
        <div key={one.id} class={`alarm ${one.acknowledged_at === null ? "raw" : ""}`} data-duress={one.state}>
          <Icon name="alarm" />
          <strong>
            {board("duress")} · {one.call_sign === "" ? board("somebody") : one.call_sign}
          </strong>
          <Since from={one.raised_at} />
          {one.acknowledged_at !== null ? (
            <span>
              {board("duress_in_hand")} <Since from={one.acknowledged_at} />
            </span>
          ) : (
            <span>
              {t("nobody_has_it")}
              {one.next_rung_at !== null && (
                <>
                  {" · "}
                  {board("duress_next", { who: word("duress_rung", one.next_to ?? "watchdog") })} <Left until={one.next_rung_at} />
                </>
              )}
            </span>
          )}
        </div>
      ))}
    </section>
  );
}

function Row({ one }: { one: WallIncidentView & { readonly ended_at: null } }) {
  const hazards = hazardWords(one);
  return (
    <li data-incident={one.number} class={isOver(one, clock.second.value) ? "over" : ""}>
      <b class="figures">#{one.number}</b>
      <PhaseMark phase={one.phase} />
      {one.acuity === null ? <span class="quiet">{board("not_judged")}</span> : <AcuityMark acuity={one.acuity} />}
      <Deadline one={one} />
      <span>
        {one.waiting_since !== null ? (
          <span class="unassigned older">
            <Icon name="clock" /> {board("no_team_for")} <Since from={one.waiting_since} />
          </span>
        ) : (
          <span class="quiet">
            {t("age")} <Since from={one.received_at} />
          </span>
        )}
        {one.claimed && <span class="alarm-words"> {t("claimed")}</span>}
      </span>
      {hazards !== "" && (
        <span class="warn-words">
          <Icon name="alarm" /> {hazards}
        </span>
      )}
    </li>
  );
}

void startPage((session) => <Page session={session} />);
