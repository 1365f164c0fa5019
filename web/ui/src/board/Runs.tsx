// The teams on an incident: who is asked, who runs; and what they said by voice. What usually comes
// next is one press; the rest stands behind "Other reports and acts".

import { useSignal } from "@preact/signals";
import { Act } from "../components/Act.tsx";
import { hazardCodes } from "../components/Danger.tsx";
import { TeamMark } from "../components/Mark.tsx";
import { Left, Since } from "../components/Timer.tsx";
import { minutes, time } from "../format.ts";
import { t as common } from "../messages/common.ts";
import { t } from "../messages/board.ts";
import { t as say } from "../messages/desk.ts";
import { api, clock } from "../session.ts";
import { instant } from "../time.ts";
import {
  acceptOffer,
  acknowledgeHazards,
  cancelAssignment,
  declineOffer,
  reportStatus,
  STATUS_WORDS,
  withdrawOffer,
  type IncidentView,
  type OfferView,
  type RunView,
  type Status,
} from "../wire.ts";
import { Choose, Chosen } from "./Choose.tsx";
import { Clear } from "./Clear.tsx";
import { word } from "./codes.ts";
import type { Desk } from "./desk.ts";
import { Start } from "./Start.tsx";
import { lastTime, wire } from "./local.ts";
import { FixAge } from "./Teams.tsx";

const OVER: readonly Status[] = ["ready", "diverted", "cancelled"];
/** What a team may say over the phone or the radio, in the order of a run. */
const SAID: readonly Status[] = ["en_route", "staged", "on_scene", "contact", "assessed", "transporting", "at_destination", "handed_off"];
/** From there a team may wait aside until the scene is safe. */
const MAY_STAGE: readonly Status[] = ["accepted", "en_route", "on_scene", "contact"];
/** From there the next word of a run may be that it is over. */
const MAY_CLEAR: readonly Status[] = ["on_scene", "contact", "assessed", "at_destination", "handed_off"];

export function Offer({ desk, one, offer }: { desk: Desk; one: IncidentView; offer: OfferView }) {
  const path = { offer_id: offer.id };
  const saidBy = useSignal("");
  const isUnsaid = saidBy.value === "";
  const voice = { by_voice: true, said_by: saidBy.value };
  return (
    <div class="run" data-offer={desk.callSign(offer.team_id)}>
      <header>
        <b>{desk.callSign(offer.team_id)}</b> <TeamMark status="offered" />
        <span>
          {t("answer_within")} <Left until={offer.expires_at} />
        </span>
        {offer.eta_s !== null && (
          <span class="quiet">
            {t("eta_of", { eta: minutes(offer.eta_s) })} <Start by={offer.located_by} />
          </span>
        )}
        {one.slots.length > 1 && <span class="quiet">{t("slot_no", { n: offer.slot })}</span>}
        {one.claims.length > 0 && <span class="alarm-words">{t("claim_offer")}</span>}
      </header>
      <div class="acts">
        <label class="pair">
          {t("by_voice")}
          <Choose label={say("said_by")} set="spoken_by" value={saidBy.value} onChange={(code) => (saidBy.value = code)} />
        </label>
        <Act disabled={isUnsaid} run={(key) => api.call(acceptOffer, { path, body: voice, key }).then(desk.heard(one.id))}>
          {t("accepted_by_voice")}
        </Act>
        <Chosen label={t("decline_reason")} set="decline_reason" disabled={isUnsaid} run={(reason, key) => api.call(declineOffer, { path, body: { reason, ...voice }, key }).then(desk.heard(one.id))}>
          {t("declined_by_voice")}
        </Chosen>
        <Act run={(key) => api.call(withdrawOffer, { path, body: {}, key })}>{t("withdraw")}</Act>
      </div>
    </div>
  );
}

export function Run({ desk, one, run }: { desk: Desk; one: IncidentView; run: RunView }) {
  const team = desk.live.of("team").at(run.team_id).value;
  const isOver = OVER.includes(run.status);
  return (
    <div class="run" data-run={run.call_sign} data-status={run.status}>
      <header>
        <b>{run.call_sign}</b> <TeamMark status={run.status} /> <Since from={run.since} />
        {run.eta_at !== null && (
          <span>
            {t("eta_at", { time: time(run.eta_at) })} <Start by={run.eta_from} />
          </span>
        )}
        {team && !isOver && (
          <span class="quiet">
            {t("fix_age")} <FixAge desk={desk} team={team} />
          </span>
        )}
        {run.unacknowledged && <span class="warn-words">{t("not_read")}</span>}
        {run.briefed && <span class="quiet">{t("briefed")}</span>}
        {run.staging_reason !== null && run.status === "staged" && <span class="warn-words">{word("staging_reason", run.staging_reason)}</span>}
        {run.disputed > 0 && <span class="warn-words">{t("disputed", { n: run.disputed })}</span>}
        {run.arrival_shortfalls !== null && !run.qualifies && <span class="alarm-words">{t("arrival_not_qualifying")}</span>}
      </header>
      <ol class="milestones">
        {STATUS_WORDS.filter((status) => run.milestones[status] !== undefined)
          .sort((a, b) => instant(run.milestones[a] as string) - instant(run.milestones[b] as string))
          .map((status) => (
            <li key={status}>
              <span>{common(`team_${status}`)}</span> <time class="figures">{time(run.milestones[status] as string)}</time>
            </li>
          ))}
      </ol>
      {run.status === "accepted" && one.flags.some((mark) => mark.flag === "not_departed" && mark.about === run.id) && (
        <div class="acts">
          <span class="alarm-words">{say("not_departed")}</span>
          <Act class="main small" run={(key) => api.call(cancelAssignment, { path: { assignment_id: run.id }, body: { reason: "reassigned", still_needed: true }, key }).then(desk.heard(one.id))}>
            {say("take_back")}
          </Act>
        </div>
      )}
      {!isOver && <ByVoice desk={desk} one={one} run={run} />}
    </div>
  );
}

function ByVoice({ desk, one, run }: { desk: Desk; one: IncidentView; run: RunView }) {
  const saidBy = useSignal("");
  const briefedBy = useSignal("");
  const saidAt = useSignal("");
  const staging = useSignal("");
  const sceneClearedBy = useSignal("");
  const isClearing = useSignal(false);
  const path = { assignment_id: run.id };
  const at = lastTime(saidAt.value, clock.second.value);
  const when: { readonly occurred_at?: string } = at === null ? {} : { occurred_at: wire(at) };
  const report = (status: Status) => async (key: string) => {
    const body = {
      status,
      by_voice: true,
      said_by: saidBy.value,
      ...when,
      ...(status === "en_route" && mustBrief ? { briefed_by: briefedBy.value } : {}),
      ...(status === "staged" ? { staging_reason: staging.value } : {}),
      ...(status === "on_scene" && run.status === "staged" ? { cleared_scene_by: sceneClearedBy.value } : {}),
    };
    await asked(async () => desk.heard(one.id)(await api.call(reportStatus, { path, body, key })));
  };
  // Who says the next thing is asked anew; what was refused keeps what was chosen for it.
  const asked = async (run: () => Promise<unknown>): Promise<void> => {
    const all = [saidBy, saidAt, briefedBy] as const;
    const said = all.map((one) => one.peek());
    for (const one of all) one.value = "";
    try {
      await run();
    } catch (error) {
      all.forEach((one, at) => (one.value ||= said[at] ?? ""));
      throw error;
    }
  };
  const isUnsaid = saidBy.value === "";
  // The crew must know the hazards before it leaves: read, or told by somebody.
  const mustBrief = run.unacknowledged && !run.briefed && hazardCodes(one).length > 0;
  const later = SAID.slice(SAID.indexOf(run.status) + 1).filter((status) => status !== "staged");
  const [next, ...others] = later;
  const mayClear = MAY_CLEAR.includes(run.status);
  return (
    <>
      <div class="acts" role="group" aria-label={t("by_voice")}>
        <label class="pair">
          {t("by_voice")}
          <Choose label={say("said_by")} set="spoken_by" value={saidBy.value} onChange={(code) => (saidBy.value = code)} />
        </label>
        <label class="pair" title={say("said_at_hint")}>
          {say("said_at")}
          <input type="time" aria-label={say("said_at_hint")} value={saidAt.value} onInput={(event) => (saidAt.value = event.currentTarget.value)} />
        </label>
        {run.unacknowledged && (
          <Act
            class="main small"
            disabled={isUnsaid}
            run={async (key) => {
              const body = { version: one.version, by_voice: true, said_by: saidBy.peek() };
              await asked(async () => desk.heard(one.id)(await api.call(acknowledgeHazards, { path, body, key })));
            }}
          >
            {t("told_them")}
          </Act>
        )}
        {next === "on_scene" && run.status === "staged" && (
          <Choose label={say("scene_cleared_by")} set="scene_cleared_by" empty={say("scene_cleared_by")} value={sceneClearedBy.value} onChange={(code) => (sceneClearedBy.value = code)} />
        )}
        {next === "en_route" && mustBrief && <Choose label={say("briefed_by")} set="spoken_by" value={briefedBy.value} onChange={(code) => (briefedBy.value = code)} />}
        {next !== undefined && (
          <Act
            key={next}
            class="main small"
            disabled={isUnsaid || (next === "en_route" && mustBrief && briefedBy.value === "") || (next === "on_scene" && run.status === "staged" && sceneClearedBy.value === "")}
            run={report(next)}
          >
            {common(`team_${next}`)}
          </Act>
        )}
        {mayClear && !isClearing.value && <ClearButton onClick={() => (isClearing.value = true)} />}
      </div>
      {isClearing.value && <Clear desk={desk} one={one} run={run} saidBy={saidBy.value} when={when} onDone={() => (isClearing.value = false)} />}
      <details class="others">
        <summary>{say("other_reports")}</summary>
        <div class="acts">
          {others.map((status) => (
            <Act key={status} class="small" disabled={isUnsaid} run={report(status)}>
              {common(`team_${status}`)}
            </Act>
          ))}
          {!mayClear && !isClearing.value && <ClearButton onClick={() => (isClearing.value = true)} />}
          {MAY_STAGE.includes(run.status) && (
            <span class="pair">
              <Choose label={t("staging_reason")} set="staging_reason" empty={t("staging_reason")} value={staging.value} onChange={(code) => (staging.value = code)} />
              <Act class="small" disabled={isUnsaid || staging.value === ""} run={report("staged")}>
                {common("team_staged")}
              </Act>
            </span>
          )}
          <Chosen class="small" label={t("call_off_reason")} set="cancel_reason" run={(reason, key) => api.call(cancelAssignment, { path, body: { reason, still_needed: true }, key }).then(desk.heard(one.id))}>
            {t("call_off")}
          </Chosen>
        </div>
      </details>
    </>
  );
}

const ClearButton = ({ onClick }: { onClick: () => void }) => (
  <button type="button" class="button small" onClick={onClick}>
    {say("clear")}…
  </button>
);
