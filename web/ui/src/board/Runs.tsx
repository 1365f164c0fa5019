// The teams on an incident: who is asked, who runs; and what they said by voice.

import { useSignal } from "@preact/signals";
import { Act } from "../components/Act.tsx";
import { TeamMark } from "../components/Mark.tsx";
import { Left, Since } from "../components/Timer.tsx";
import { minutes, time } from "../format.ts";
import { t as common } from "../messages/common.ts";
import { t } from "../messages/board.ts";
import { api } from "../session.ts";
import { instant } from "../time.ts";
import {
  acceptOffer,
  acknowledgeHazards,
  cancelAssignment,
  clearAssignment,
  declineOffer,
  reportStatus,
  STATUS_WORDS,
  withdrawOffer,
  type IncidentView,
  type OfferView,
  type RunView,
  type Status,
} from "../wire.ts";
import { choices, word } from "./codes.ts";
import type { Desk } from "./desk.ts";
import { FixAge } from "./Teams.tsx";

const OVER: readonly Status[] = ["ready", "diverted", "cancelled"];
/** What a team may say over the phone or the radio, in the order of a run. */
const SAID: readonly Status[] = ["en_route", "staged", "on_scene", "contact", "assessed", "transporting", "at_destination", "handed_off"];

export function Offer({ desk, one, offer }: { desk: Desk; one: IncidentView; offer: OfferView }) {
  const reason = useSignal("not_ready");
  const path = { offer_id: offer.id };
  return (
    <div class="run" data-offer={desk.callSign(offer.team_id)}>
      <header>
        <b>{desk.callSign(offer.team_id)}</b> <TeamMark status="offered" />
        <span>
          {t("answer_within")} <Left until={offer.expires_at} />
        </span>
        {offer.eta_s !== null && <span class="quiet">{t("eta_of", { eta: minutes(offer.eta_s) })}</span>}
        {one.slots.length > 1 && <span class="quiet">{t("slot_no", { n: offer.slot })}</span>}
      </header>
      <div class="acts">
        <Act run={(key) => api.call(acceptOffer, { path, body: { by_voice: true, said_by: "team" }, key })}>{t("accepted_by_voice")}</Act>
        <span class="pair">
          <select aria-label={t("decline_reason")} value={reason.value} onChange={(event) => (reason.value = event.currentTarget.value)}>
            {choices("decline_reason").map((code) => (
              <option key={code.code} value={code.code}>
                {code.label}
              </option>
            ))}
          </select>
          <Act run={(key) => api.call(declineOffer, { path, body: { reason: reason.value, by_voice: true, said_by: "team" }, key })}>{t("declined_by_voice")}</Act>
        </span>
        <Act run={(key) => api.call(withdrawOffer, { path, body: {}, key })}>{t("withdraw")}</Act>
      </div>
    </div>
  );
}

export function Run({ desk, one, run }: { desk: Desk; one: IncidentView; run: RunView }) {
  const saidBy = useSignal("team");
  const staging = useSignal("waiting_law_enforcement");
  const reason = useSignal("reassigned");
  const team = desk.live.of("team").at(run.team_id).value;
  const path = { assignment_id: run.id };
  const isOver = OVER.includes(run.status);
  const say = (status: Status) => (key: string) =>
    api.call(reportStatus, {
      path,
      body: {
        status,
        by_voice: true,
        said_by: saidBy.value,
        ...(status === "en_route" && run.unacknowledged ? { briefed_by: "dispatcher" } : {}),
        ...(status === "staged" ? { staging_reason: staging.value } : {}),
        ...(status === "on_scene" && run.status === "staged" ? { cleared_scene_by: "team" } : {}),
      },
      key,
    });
  const next = SAID.slice(SAID.indexOf(run.status) + 1);
  return (
    <div class="run" data-run={run.call_sign} data-status={run.status}>
      <header>
        <b>{run.call_sign}</b> <TeamMark status={run.status} /> <Since from={run.since} />
        {run.eta_at !== null && <span>{t("eta_at", { time: time(run.eta_at) })}</span>}
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
      {!isOver && (
        <div class="acts" role="group" aria-label={t("by_voice")}>
          <label class="pair">
            {t("by_voice")}
            <select value={saidBy.value} onChange={(event) => (saidBy.value = event.currentTarget.value)}>
              {choices("spoken_by").map((code) => (
                <option key={code.code} value={code.code}>
                  {code.label}
                </option>
              ))}
            </select>
          </label>
          {run.unacknowledged && (
            <Act run={(key) => api.call(acknowledgeHazards, { path, body: { version: one.version, by_voice: true, said_by: saidBy.value }, key })}>{t("told_them")}</Act>
          )}
          {next
            .filter((status) => status !== "staged")
            .map((status) => (
              <Act key={status} class="small" run={say(status)}>
                {common(`team_${status}`)}
              </Act>
            ))}
          {(["en_route", "on_scene", "contact", "accepted"] as const).some((status) => status === run.status) && (
            <span class="pair">
              <select aria-label={t("staging_reason")} value={staging.value} onChange={(event) => (staging.value = event.currentTarget.value)}>
                {choices("staging_reason").map((code) => (
                  <option key={code.code} value={code.code}>
                    {code.label}
                  </option>
                ))}
              </select>
              <Act class="small" run={say("staged")}>
                {common("team_staged")}
              </Act>
            </span>
          )}
          <Act class="small" run={(key) => api.call(clearAssignment, { path, body: { ready: true, by_voice: true, said_by: saidBy.value }, key })}>
            {t("clear_and_ready")}
          </Act>
          <span class="pair">
            <select aria-label={t("call_off_reason")} value={reason.value} onChange={(event) => (reason.value = event.currentTarget.value)}>
              {choices("cancel_reason").map((code) => (
                <option key={code.code} value={code.code}>
                  {code.label}
                </option>
              ))}
            </select>
            <Act class="small" run={(key) => api.call(cancelAssignment, { path, body: { reason: reason.value, still_needed: true }, key })}>
              {t("call_off")}
            </Act>
          </span>
        </div>
      )}
    </div>
  );
}
