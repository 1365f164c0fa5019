// The incidents, most urgent first. The row that the person is about to act on never moves: while
// the cursor or the pointer was used just now, new rows come in below it.

import { useSignal } from "@preact/signals";
import { useEffect, useLayoutEffect, useRef } from "preact/hooks";
import { Icon } from "../components/Icon.tsx";
import { AcuityMark, PhaseMark, TeamMark } from "../components/Mark.tsx";
import { Left, Since } from "../components/Timer.tsx";
import { time } from "../format.ts";
import { t } from "../messages/board.ts";
import { isOver as hasEnded } from "../runs.ts";
import { clock } from "../session.ts";
import { instant } from "../time.ts";
import type { IncidentView, RunView } from "../wire.ts";
import { policy, word } from "./codes.ts";
import type { Desk } from "./desk.ts";
import { Start } from "./Start.tsx";
import { held, isOver, isRunning, phaseSince, type Timed } from "./order.ts";
import { hazardWords, needWords, placeWords } from "./words.ts";

/** How long a hand or a cursor on the list keeps the rows where they are. */
const HOLD_MS = 10_000;

export const rowId = (id: string): string => `incident-${id}`;

export function List({ desk }: { desk: Desk }) {
  const box = useRef<HTMLDivElement>(null);
  const touched = useRef({ at: -Infinity, id: null as string | null });
  const shown = useRef<readonly string[]>([]);
  const again = useSignal(0);
  const incidents = desk.wanted();
  const all = [...desk.live.of("incident").all.value.values()];
  const open = all.filter((one) => one.ended_at === null);
  const total = all.length;
  const byId = new Map(incidents.map((one) => [one.id, one]));
  const wanted = incidents.map((one) => one.id);
  void again.value;
  const isHeld = performance.now() - touched.current.at < HOLD_MS;
  const order = isHeld ? held(shown.current, wanted, touched.current.id) : wanted;
  const cursor = desk.cursor.value;

  const touch = (id: string | null) => {
    touched.current = { at: performance.now(), id };
  };
  // A cursor moved by keys holds the rows too.
  if (cursor !== null && touched.current.id !== cursor && !isHeld) touched.current.id = cursor;
  useLayoutEffect(() => {
    shown.current = order;
  });
  useEffect(() => {
    if (cursor === null) return;
    touch(cursor);
    document.getElementById(rowId(cursor))?.scrollIntoView({ block: "nearest" });
  }, [cursor]);
  useEffect(() => {
    // Sort anew once nobody's hand is on the list any more.
    const timer = setInterval(() => {
      if (performance.now() - touched.current.at >= HOLD_MS && shown.current.length > 0) again.value++;
    }, 2000);
    return () => clearInterval(timer);
  }, []);

  return (
    <section class="panel list" aria-label={t("incidents")}>
      <h2>
        {t("incidents")}{" "}
        <span data-count="incident">
          {t("incidents_open", { n: open.length })} · {t("waiting_count", { n: open.filter((one) => one.waiting_since !== null).length })}
        </span>
      </h2>
      <div class="columns" aria-hidden="true">
        <span>{t("col_number")}</span>
        <span>{t("col_phase")}</span>
        <span>{t("col_acuity")}</span>
        <span>{t("col_deadline")}</span>
        <span>{t("col_since")}</span>
        <span>{t("col_teams")}</span>
      </div>
      <div
        ref={box}
        class="rows"
        role="listbox"
        id="incidents"
        tabIndex={0}
        aria-label={t("incidents")}
        {...(cursor !== null && byId.has(cursor) ? { "aria-activedescendant": rowId(cursor) } : {})}
        onPointerMove={(event) => {
          const row = (event.target as Element).closest<HTMLElement>("[data-incident]");
          if (row) touch(row.dataset["incident"] ?? null);
        }}
      >
        {order.map((id) => {
          const one = byId.get(id);
          return one === undefined ? (
            <div key={id} class="row gone" role="option" aria-selected="false" aria-disabled="true">
              {t("row_gone")}
            </div>
          ) : (
            <Row key={id} desk={desk} one={one} isCursor={id === cursor} isOpen={id === desk.opened.value} />
          );
        })}
      </div>
      {order.length === 0 && <p class="empty">{total === 0 ? t("none_open") : t("none_match", { n: total })}</p>}
      {order.length > 0 && incidents.length < total && <p class="empty">{t("filtered_out", { n: total - incidents.length })}</p>}
    </section>
  );
}

function Row({ desk, one, isCursor, isOpen }: { desk: Desk; one: IncidentView; isCursor: boolean; isOpen: boolean }) {
  const now = clock.second.value;
  const needs = needWords(one);
  const hazards = hazardWords(one);
  const age = ageing(one, now);
  const classes = ["row", isCursor && "cursor", isOpen && "open", isOver(one, now) && "over", age && `age-${age}`, one.ended_at !== null && "ended"];
  return (
    <div
      id={rowId(one.id)}
      data-incident={one.id}
      data-number={one.number}
      data-phase={one.phase}
      class={classes.filter(Boolean).join(" ")}
      role="option"
      aria-selected={isOpen}
      onClick={() => desk.open(one.id)}
    >
      <span class="number figures">#{one.number}</span>
      <span>
        <PhaseMark phase={one.phase} />
      </span>
      <span>{one.acuity === null ? <span class="quiet">{t("not_judged")}</span> : <AcuityMark acuity={one.acuity} />}</span>
      <Deadline one={one} />
      <span class="figures since">
        <Since from={phaseSince(one)} />
      </span>
      <span class="teams">
        {one.offers.map((offer) => (
          <span key={offer.id}>
            <b>{desk.callSign(offer.team_id)}</b> <TeamMark status="offered" /> <Left until={offer.expires_at} />
          </span>
        ))}
        {one.runs
          .filter((run) => !hasEnded(run.status))
          .map((run) => (
            <span key={run.id}>
              <b>{run.call_sign}</b> <TeamMark status={run.status} />
              {run.unacknowledged && <span class="warn-words"> {t("not_read")}</span>}
            </span>
          ))}
        {one.waiting_since !== null && (
          <span class={`unassigned ${age ?? ""}`}>
            <Icon name="clock" /> {t("no_team_for")} <Since from={one.waiting_since} />
          </span>
        )}
        {one.claims.map((claim) => (
          <span key={claim.assignment_id} class="alarm-words">
            {desk.callSign(claim.team_id)} {t("claim_there")}
          </span>
        ))}
        {one.is_exhausted && <span class="alarm-words">{t("nobody_left")}</span>}
        {one.lacks_handoff && <span class="alarm-words">{t("handoff_open")}</span>}
      </span>
      <span class="facts">
        <span>{placeWords(one)}</span>
        {hazards !== "" && (
          <span class="warn-words">
            <Icon name="alarm" /> {hazards}
          </span>
        )}
        {one.runs.map((run) => (run.eta_at !== null && run.eta_from !== null && run.eta_from !== "fix" ? (
          <span key={run.id} class="quiet">
            {run.call_sign} {t("eta_at", { time: time(run.eta_at) })} <Start by={run.eta_from} />
          </span>
        ) : null))}
        {needs !== "" && <span>{t("needs_are", { needs })}</span>}
        {one.partners.map((partner) => (
          <span key={partner.id} class="quiet">
            {word("partner_kind", partner.kind)}: {t(`partner_${partner.state}`)}
          </span>
        ))}
        {one.owner === null && one.ended_at === null && <span class="alarm-words">{t("no_owner")}</span>}
      </span>
    </div>
  );
}

/** Time left to the regulatory deadline, or by how much it is over; and what the arrival will make of it. */
export function Deadline({ one }: { one: Timed & { readonly runs?: readonly Pick<RunView, "eta_at" | "eta_from">[] } }) {
  const now = clock.second.value;
  if (one.due_at === null) return <span class="deadline quiet">{one.ended_at === null ? t("undetermined") : "—"}</span>;
  const due = instant(one.due_at);
  if (one.first_on_scene_at !== null) {
    const isMet = instant(one.first_on_scene_at) <= due;
    return (
      <span class={`deadline ${isMet ? "met" : "missed"}`}>
        <Icon name={isMet ? "check" : "close"} /> {isMet ? t("deadline_met") : t("deadline_missed")} {time(one.first_on_scene_at)}
      </span>
    );
  }
  if (!isRunning(one)) return <span class="deadline quiet">—</span>;
  const eta = one.runs?.find((run) => run.eta_at !== null)?.eta_at ?? null;
  if (due < now) {
    return (
      <span class="deadline over">
        <Icon name="alarm" /> {t("over_by")} <Since from={one.due_at} />
      </span>
    );
  }
  const isLate = eta !== null && instant(eta) > due;
  const isSoon = due - now < 15 * 60_000;
  return (
    <span class={`deadline ${isLate || isSoon ? "soon" : ""}`}>
      <Left until={one.due_at} /> {t("left_word")}
      {isLate && <span class="forecast">{t("eta_late", { time: time(eta) })}</span>}
    </span>
  );
}

/** How long nobody has been assigned, against the county's marks. */
function ageing(one: IncidentView, now: number): "old" | "older" | null {
  const marks = policy.value?.waiting;
  if (one.waiting_since === null || marks === undefined) return null;
  const acuity = one.acuity ?? "emergent";
  const waited = (now - instant(one.waiting_since)) / 1000;
  return waited >= marks.unassigned_alert_s[acuity] ? "older" : waited >= marks.unassigned_mark_s[acuity] ? "old" : null;
}
