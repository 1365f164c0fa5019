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
import { ASIDE, hasLeft, isAtWork, isOver } from "../runs.ts";
import { api, clock } from "../session.ts";
import { instant } from "../time.ts";
import {
  acceptOffer,
  acknowledgeHazards,
  cancelAssignment,
  declineOffer,
  NEED_SETS,
  reportStatus,
  STATUS_WORDS,
  WAYS,
  withdrawOffer,
  type IncidentView,
  type OfferView,
  type RunView,
  type Status,
  type StatusNeed,
} from "../wire.ts";
import { Choose, Chosen } from "./Choose.tsx";
import { Clear } from "./Clear.tsx";
import { word } from "./codes.ts";
import type { Desk } from "./desk.ts";
import { Start } from "./Start.tsx";
import { lastTime, wire } from "./local.ts";
import { FixAge } from "./Teams.tsx";

const NEED_LABELS: Readonly<Record<StatusNeed, () => string>> = {
  briefed_by: () => say("briefed_by"),
  staging_reason: () => t("staging_reason"),
  cleared_scene_by: () => say("scene_cleared_by"),
};

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
  const hasEnded = isOver(run.status);
  return (
    <div class="run" data-run={run.call_sign} data-status={run.status}>
      <header>
        <b>{run.call_sign}</b> <TeamMark status={run.status} /> <Since from={run.since} />
        {run.eta_at !== null && (
          <span>
            {t("eta_at", { time: time(run.eta_at) })} <Start by={run.eta_from} />
          </span>
        )}
        {team && !hasEnded && (
          <span class="quiet">
            {t("fix_age")} <FixAge desk={desk} team={team} />
          </span>
        )}
        {run.unacknowledged && <span class="warn-words">{t("not_read")}</span>}
        {run.briefed && <span class="quiet">{t("briefed")}</span>}
        {run.staging_reason !== null && WAYS[run.status].is_aside && <span class="warn-words">{word("staging_reason", run.staging_reason)}</span>}
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
      {!hasLeft(run) && one.flags.some((mark) => mark.flag === "not_departed" && mark.about === run.id) && (
        <div class="acts">
          <span class="alarm-words">{say("not_departed")}</span>
          <Act class="main small" run={(key) => api.call(cancelAssignment, { path: { assignment_id: run.id }, body: { reason: "reassigned", still_needed: true }, key }).then(desk.heard(one.id))}>
            {say("take_back")}
          </Act>
        </div>
      )}
      {!hasEnded && <ByVoice desk={desk} one={one} run={run} />}
    </div>
  );
}

function ByVoice({ desk, one, run }: { desk: Desk; one: IncidentView; run: RunView }) {
  const saidBy = useSignal("");
  const saidAt = useSignal("");
  const answers = useSignal<Readonly<Partial<Record<StatusNeed, string>>>>({});
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
      ...Object.fromEntries(needsOf(status).map((need) => [need, answers.value[need]])),
    };
    await asked(async () => desk.heard(one.id)(await api.call(reportStatus, { path, body, key })));
  };
  // Who says the next thing is asked anew; what was refused keeps what was chosen for it.
  const asked = async (run: () => Promise<unknown>): Promise<void> => {
    const all = [saidBy, saidAt] as const;
    const said = all.map((one) => one.peek());
    const answered = answers.peek();
    for (const one of all) one.value = "";
    answers.value = {};
    try {
      await run();
    } catch (error) {
      all.forEach((one, at) => (one.value ||= said[at] ?? ""));
      answers.value = { ...answered, ...answers.peek() };
      throw error;
    }
  };
  const isUnsaid = saidBy.value === "";
  // The crew must know the hazards before it leaves: read, or told by somebody.
  const mustBrief = run.unacknowledged && !run.briefed && hazardCodes(one).length > 0;
  const { ahead, needs, may_stage: mayStage, may_clear: mayClear } = WAYS[run.status];
  const [next, ...others] = ahead;
  const needsOf = (status: Status): readonly StatusNeed[] => (needs[status] ?? []).filter((need) => need !== "briefed_by" || mustBrief);
  const lacks = (status: Status): boolean => isUnsaid || needsOf(status).some((need) => !answers.value[need]);
  const asks = (status: Status) =>
    needsOf(status).map((need) => (
      <Choose key={need} label={NEED_LABELS[need]()} set={NEED_SETS[need]} empty={NEED_LABELS[need]()} value={answers.value[need] ?? ""} onChange={(code) => (answers.value = { ...answers.value, [need]: code })} />
    ));
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
        {next !== undefined && asks(next)}
        {next !== undefined && (
          <Act key={next} class="main small" disabled={lacks(next)} run={report(next)}>
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
            <Act key={status} class="small" disabled={lacks(status)} run={report(status)}>
              {common(`team_${status}`)}
            </Act>
          ))}
          {!mayClear && isAtWork(run.status) && !isClearing.value && <ClearButton onClick={() => (isClearing.value = true)} />}
          {mayStage && (
            <span class="pair">
              {asks(ASIDE)}
              <Act class="small" disabled={lacks(ASIDE)} run={report(ASIDE)}>
                {common(`team_${ASIDE}`)}
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
