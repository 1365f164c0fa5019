// Who could go, best first: why, how surely in time, how old the position is; and who can't, with
// all reasons. Enter or O takes the top; any other asks why.

import { useSignal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import { newKey, Refusal, Unreachable } from "../api.ts";
import { Icon } from "../components/Icon.tsx";
import { Trouble } from "../components/Note.tsx";
import { useTrouble } from "../components/unread.ts";
import { distance, minutes } from "../format.ts";
import { t as common } from "../messages/common.ts";
import { t } from "../messages/board.ts";
import { reasonSentence } from "../sentences/reasons.ts";
import { api } from "../session.ts";
import { getIncidentRecommendations, offerTeam, type Candidate, type IncidentView, type Possible, type Reason, type Recommendation, type TravelTime } from "../wire.ts";
import { choices, word, wordIn } from "./codes.ts";
import type { Desk } from "./desk.ts";
import { openAlarms } from "./Duress.tsx";
import { focusOnce } from "./focus.ts";

/** Positions move; a ranking is asked for anew at least so often while it is looked at. */
const RENEW_MS = 20_000;
const FIRST = 6;

export function Recommend({ desk, one }: { desk: Desk; one: IncidentView }) {
  const ranking = useSignal<Recommendation | null>(null);
  const trouble = useSignal<unknown>(null);
  const refused = useTrouble();
  const isSending = useSignal(false);
  const asks = useSignal<string | null>(null);
  const showsAll = useSignal(false);
  const key = useRef(newKey());
  const wants = useRef(desk.offerTop.peek());
  const waiting = one.slots.some((slot) => slot.state === "waiting" || slot.state === "offered");

  const load = async () => {
    try {
      ranking.value = await api.call(getIncidentRecommendations, { path: { incident_id: one.id } });
      trouble.value = null;
    } catch (error) {
      trouble.value = error;
    }
  };
  const freeTeams = [...desk.live.of("team").all.value.values()].filter((team) => team.is_free).length;
  useEffect(() => {
    if (!waiting) return;
    void load();
    const timer = setInterval(() => void load(), RENEW_MS);
    return () => clearInterval(timer);
  }, [one.id, one.version, waiting, one.offers.length, one.runs.length, freeTeams]);

  async function offer(team: string, why: string | null) {
    if (isSending.peek()) return;
    isSending.value = true;
    refused.value = null;
    try {
      desk.heard(one.id)(await api.call(offerTeam, { path: { incident_id: one.id }, body: { team_id: team, override_reason: why }, key: key.current }));
      key.current = newKey();
      asks.value = null;
    } catch (error) {
      if (!(error instanceof Unreachable)) key.current = newKey();
      if (error instanceof Refusal && error.code === "override_reason_missing") asks.value = team;
      else refused.value = error;
      void load();
    } finally {
      isSending.value = false;
    }
  }

  const top = ranking.value?.candidates[0]?.team_id ?? null;
  const pressed = desk.offerTop.value;
  useEffect(() => {
    // Pressed before the ranking was here: it waits for it.
    if (pressed === wants.current || top === null) return;
    wants.current = pressed;
    // While a team is being asked, asking another beside it takes a reason.
    if (one.slots.some((slot) => slot.state === "waiting")) void offer(top, null);
    else asks.value = top;
  }, [pressed, top]);

  if (!waiting) return null;
  const found = ranking.value;
  const inDanger = new Set(openAlarms(desk).map((alarm) => alarm.team_id));
  const isAsked = one.offers.length > 0;
  return (
    <section class="recommend" aria-label={t("recommended")}>
      <h3>
        {t("recommended")}
        {found && <small class="quiet"> {t("eligible_of", { eligible: found.eligible, total: found.teams })}</small>}
      </h3>
      {isAsked && <p class="quiet">{t("is_being_asked")}</p>}
      {found && !found.place_known && <p class="warn-words">{t("place_unknown")}</p>}
      <Trouble trouble={trouble.value} />
      <Trouble trouble={refused.value} />
      {found === null && trouble.value === null && <p class="quiet">{common("loading")}</p>}
      <ol>
        {found?.candidates.slice(0, showsAll.value ? undefined : FIRST).map((candidate, index) => (
          <li key={candidate.team_id} data-candidate={desk.callSign(candidate.team_id)} class={index === 0 ? "top" : ""}>
            <b>
              {desk.callSign(candidate.team_id)}
              {inDanger.has(candidate.team_id) && <span class="alarm-words"> {t("duress")}</span>}
            </b>
            <Travel travel={candidate.travel} onTime={candidate.on_time} surely={candidate.surely_on_time} by={candidate.located_by} />
            <span class="why">{reasons(candidate, found).join(" · ")}</span>
            {asks.value === candidate.team_id ? (
              <Override
                onChoose={(why) => void offer(candidate.team_id, why)}
                onCancel={() => (asks.value = null)}
              />
            ) : (
              <button
                type="button"
                class={`button ${index === 0 && !isAsked ? "main" : ""}`}
                disabled={isSending.value}
                onClick={() => {
                  if (index === 0 && !isAsked) void offer(candidate.team_id, null);
                  else asks.value = candidate.team_id;
                }}
              >
                {t("offer")} {index === 0 && <kbd>O</kbd>}
              </button>
            )}
          </li>
        ))}
      </ol>
      {found && found.candidates.length > FIRST && (
        <button type="button" class="button plain" aria-expanded={showsAll.value} onClick={() => (showsAll.value = !showsAll.value)}>
          {showsAll.value ? t("show_fewer") : t("show_all", { n: found.candidates.length })}
        </button>
      )}
      {found && found.candidates.length === 0 && <p class="alarm-words">{t("nobody_eligible")}</p>}
      {found && found.possible.length > 0 && <PossibleTeams desk={desk} possible={found.possible} />}
      {found && found.excluded.length > 0 && (
        <details>
          <summary>{t("excluded", { n: found.excluded.length })}</summary>
          <ul class="excluded">
            {found.excluded.map((team) => (
              <li key={team.team_id}>
                <b>{desk.callSign(team.team_id)}</b> {team.reasons.map(against).join(" ")}
                {team.eta_s !== null && <span class="quiet"> ~{minutes(team.eta_s)}</span>}
              </li>
            ))}
          </ul>
        </details>
      )}
    </section>
  );
}

function PossibleTeams({ desk, possible }: { desk: Desk; possible: readonly Possible[] }) {
  return (
    <>
      <h4>{t("possible_telehealth")}</h4>
      <ul class="excluded">
        {possible.map((team) => (
          <li key={team.team_id}>
            <b>{desk.callSign(team.team_id)}</b> {team.travel && minutes(team.travel.eta_s)}{" "}
            {team.located_by === "base" && <span class="warn-words">{t("counts_at_base")} </span>}
            {team.reasons.map(against).join(" ")}
          </li>
        ))}
      </ul>
    </>
  );
}

interface TravelProps {
  readonly travel: TravelTime | null;
  readonly onTime: boolean | null;
  readonly surely: boolean | null;
  readonly by: Candidate["located_by"];
}

/** A team that only counts as being where its drive starts is never shown as surely in time. */
function Travel({ travel, onTime, surely, by }: TravelProps) {
  if (travel === null) return <span class="warn-words">{t("eta_unknown")}</span>;
  const whole = (seconds: number) => Math.max(1, Math.round(seconds / 60));
  return (
    <span class="figures eta">
      <b>{minutes(travel.eta_s)}</b>{" "}
      <span class="quiet">
        ({whole(travel.low_s)}–{whole(travel.high_s)}) {distance(travel.distance_m)}
        {travel.method === "estimated" && ` ${t("estimated")}`}
      </span>{" "}
      {onTime === false ? (
        <span class="alarm-words">
          <Icon name="close" />
          {t("too_late")}
        </span>
      ) : by !== "fix" ? (
        <span class="warn-words">{t(by === "base" ? "counts_at_base" : "counts_where_parked")}</span>
      ) : surely === false ? (
        <span class="warn-words">{t("maybe_late")}</span>
      ) : onTime === true ? (
        <span class="good-words">
          <Icon name="check" />
          {t("on_time")}
        </span>
      ) : null}
    </span>
  );
}

/** What speaks against a team, in words. */
const against = (reason: Reason): string => reasonSentence(reason, (code) => (/^\d+$/.test(code) ? `#${code}` : wordIn(["need", "hazard", "unavailable_reason"], code)));

function reasons(candidate: Candidate, found: Recommendation): string[] {
  const told: string[] = [];
  if (candidate.is_fastest) told.push(t("fastest"));
  const tie = found.tie_break;
  if (tie && tie.team_id === candidate.team_id) told.push(t("keeps_coverage"));
  if (candidate.asked_before) told.push(t("asked_before"));
  for (const one of candidate.adjustments) told.push(`${word("need", one.code)}: ${common(one.is_met ? "fact_yes" : "fact_no")}.`);
  for (const reason of candidate.reasons) told.push(against(reason));
  told.push(
    candidate.located_by === "base"
      ? t("from_base")
      : candidate.located_by === "last_fix"
        ? t("parked_since", { age: candidate.fix_age_s === null ? "?" : minutes(candidate.fix_age_s) })
        : t("fix_is_old", { age: candidate.fix_age_s === null ? "?" : minutes(candidate.fix_age_s) }),
  );
  return told;
}

/** Why another team than the first: asked before it is offered, kept with the offer. */
function Override({ onChoose, onCancel }: { onChoose: (why: string) => void; onCancel: () => void }) {
  const why = useSignal("");
  return (
    <form
      class="pair override"
      onSubmit={(event) => {
        event.preventDefault();
        if (why.value !== "") onChoose(why.value);
      }}
      onKeyDown={(event) => {
        if (event.key !== "Escape") return;
        event.stopPropagation();
        onCancel();
      }}
    >
      <select aria-label={t("why_this_team")} required ref={focusOnce} value={why.value} onChange={(event) => (why.value = event.currentTarget.value)}>
        <option value="">{t("why_this_team")}</option>
        {choices("override_reason").map((code) => (
          <option key={code.code} value={code.code}>
            {code.label}
          </option>
        ))}
      </select>
      <button type="submit" class="button main">
        {t("offer")}
      </button>
      <button type="button" class="button plain" onClick={onCancel}>
        {t("leave")}
      </button>
    </form>
  );
}
