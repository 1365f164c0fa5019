// What saves a life in an alarm: who, how to reach them, where, who sees to it, and what comes next.
// Opened at once for whoever sees the alarm, without a question; the service notes each opening.

import { signal, useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { Left, Since } from "../components/Timer.tsx";
import { t } from "../messages/board.ts";
import { api } from "../session.ts";
import { getDuressFacts, type DuressFacts, type DuressView, type Point } from "../wire.ts";
import { word } from "./codes.ts";
import type { Desk } from "./desk.ts";

/** What could not be opened is asked again so soon: nobody should have to press anything. */
const AGAIN_MS = 3000;

/** The facts as they were opened last, by alarm; a frame that changes it opens them anew. */
const opened = signal<ReadonlyMap<string, DuressFacts>>(new Map());

const at = (point: Point): string => `${point.lat_deg.toFixed(5)}, ${point.lon_deg.toFixed(5)}`;

export function FactsOf({ desk, one }: { desk: Desk; one: DuressView }) {
  const turn = useSignal(0);
  const run = one.team_id === null ? undefined : desk.live.of("team").at(one.team_id).value?.run?.id;
  useEffect(() => {
    let isOver = false;
    let timer: ReturnType<typeof setTimeout> | undefined;
    api.call(getDuressFacts, { path: { duress_id: one.id } }).then(
      (found) => {
        if (!isOver) opened.value = new Map(opened.peek()).set(one.id, found);
      },
      () => {
        if (!isOver) timer = setTimeout(() => turn.value++, AGAIN_MS);
      },
    );
    return () => {
      isOver = true;
      clearTimeout(timer);
    };
  }, [one.id, one.state, one.rung, one.acknowledged_by, run, turn.value]);
  const facts = opened.value.get(one.id);
  return (
    <div class="facts-of" data-facts={one.id}>
      <Place desk={desk} one={one} facts={facts} />
      {facts && <People facts={facts} />}
      <span>
        {facts?.raised_by ? t("duress_raised_by", { who: facts.raised_by }) : word("duress_cause", one.cause)}
        {facts?.in_hand_by && ` · ${t("duress_in_hand_by", { who: facts.in_hand_by })}`}
      </span>
      {one.acknowledged_at === null && one.next_rung_at !== null && (
        <span>
          {t("duress_next", { who: word("duress_rung", one.next_to ?? "watchdog") })} <Left until={one.next_rung_at} />
        </span>
      )}
    </div>
  );
}

/** Where they are, in words: their incident's address, where they were last, their base. */
function Place({ desk, one, facts }: { desk: Desk; one: DuressView; facts: DuressFacts | undefined }) {
  const live = one.team_id === null ? undefined : desk.live.fixes.at(one.team_id).value;
  const fix = live ? { point: { lat_deg: live.lat, lon_deg: live.lon }, fixed_at: live.fixed_at, accuracy_m: live.accuracy_m ?? null } : (facts?.fix ?? null);
  return (
    <>
      {facts?.number && (
        <span>
          <button type="button" class="link" onClick={() => facts.incident_id !== null && desk.open(facts.incident_id)}>
            #{facts.number}
          </button>{" "}
          <b>{facts.address ?? (facts.point ? at(facts.point) : t("duress_no_address"))}</b>
          {facts.access && ` · ${facts.access}`}
        </span>
      )}
      {fix !== null ? (
        <span class="figures">
          {t("duress_last_fix")} <Since from={fix.fixed_at} />
          {fix.accuracy_m !== null && ` · ± ${Math.round(fix.accuracy_m)} m`} · {at(fix.point)}
          {one.team_id !== null && (
            <button type="button" class="link" onClick={() => (desk.team.value = one.team_id)}>
              {t("duress_on_map")}
            </button>
          )}
        </span>
      ) : (
        <span>
          {t("no_fix")}
          {facts?.base && ` · ${t("duress_base", { place: at(facts.base) })}`}
        </span>
      )}
    </>
  );
}

function People({ facts }: { facts: DuressFacts }) {
  if (facts.people.length === 0) return null;
  return (
    <ul class="plain people" aria-label={t("duress_people")}>
      {facts.people.map((person) => (
        <li key={person.responder_id} data-raised={person.raised}>
          <b>{person.name ?? t("duress_unnamed")}</b>{" "}
          {person.phone ? <a href={`tel:${person.phone.replace(/[^+\d]/g, "")}`}>{person.phone}</a> : <span>{t("duress_no_phone")}</span>}
          {person.raised && ` · ${t("duress_raised_it")}`}
        </li>
      ))}
    </ul>
  );
}
