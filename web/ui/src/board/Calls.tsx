// The calls on the line: who waits to be answered, who is spoken with. Never a modal. One's own shows
// everything that can be done with it; the others' are a line each until one is chosen.

import { useSignal } from "@preact/signals";
import { Act } from "../components/Act.tsx";
import { Icon } from "../components/Icon.tsx";
import { Since } from "../components/Timer.tsx";
import { t } from "../messages/board.ts";
import { t as say } from "../messages/desk.ts";
import { api } from "../session.ts";
import { abandonCall, answerCall, attachCall, confirmTransfer, endCall, failTransfer, holdCall, loseCall, resumeCall, transferCall, type CallView } from "../wire.ts";
import { Choose, Chosen } from "./Choose.tsx";
import { word } from "./codes.ts";
import type { Desk } from "./desk.ts";
import { CallerInHand } from "./InHand.tsx";
import { startDraft } from "./draft.ts";

const ORDER = ["offered", "held", "transferring", "on_line"] as const;

export const openCalls = (desk: Desk): readonly CallView[] =>
  [...desk.live.of("call").all.value.values()]
    .filter((call) => (ORDER as readonly string[]).includes(call.state))
    .sort((a, b) => ORDER.indexOf(a.state as never) - ORDER.indexOf(b.state as never) || a.offered_at.localeCompare(b.offered_at));

export async function answer(desk: Desk, call: CallView, key?: string): Promise<void> {
  await api.call(answerCall, { path: { call_id: call.id }, body: {}, ...(key === undefined ? {} : { key }) });
  // A caller whom a colleague has left, or who calls again, may have an incident.
  if (call.incident_id !== null) return desk.open(call.incident_id);
  startDraft(call);
  desk.take();
}

export function Calls({ desk }: { desk: Desk }) {
  const calls = openCalls(desk);
  return (
    <section class="calls" aria-label={t("calls")} tabIndex={0}>
      {calls.length === 0 && <span class="quiet">{t("no_calls")}</span>}
      {calls.map((call) => (
        <Call key={call.id} desk={desk} call={call} />
      ))}
    </section>
  );
}

function Call({ desk, call }: { desk: Desk; call: CallView }) {
  const isMine = call.answered_by === desk.account;
  const isChosen = useSignal<boolean | null>(null);
  const showsActs = isChosen.value ?? isMine;
  const incident = call.incident_id === null ? undefined : desk.live.of("incident").at(call.incident_id).value;
  const isRinging = call.state === "offered";
  return (
    <div class={`call ${call.state}`} data-call={call.state} data-late={call.told > 0}>
      <Icon name="phone" />
      <strong>{t(`call_${call.state}`)}</strong>
      <Since from={call.waiting_since ?? (isRinging ? null : call.answered_at) ?? call.offered_at} />
      {call.told > 0 && <strong class="alarm-words">{t("call_waits_long")}</strong>}
      <span class="quiet">
        {call.channel !== "voice" && `${word("channel", call.channel)} · `}
        {word("referral_source", call.referral_source)}
        {isMine && ` · ${t("with_you")}`}
      </span>
      {incident && (
        <button type="button" class="link figures" onClick={() => desk.open(incident.id)}>
          #{incident.number}
        </button>
      )}
      {isRinging && (
        <Act class="main" run={(key) => answer(desk, call, key)}>
          <kbd>C</kbd> {t("call_answer")}
        </Act>
      )}
      {isRinging && call.told > 0 && <Act run={(key) => api.call(abandonCall, { path: { call_id: call.id }, body: {}, key })}>{t("call_abandoned")}</Act>}
      <CallerInHand desk={desk} call={call} />
      {!isRinging && showsActs && <Acts desk={desk} call={call} />}
      {!isRinging && (
        <button type="button" class="button plain" aria-expanded={showsActs} title={say("call_acts")} onClick={() => (isChosen.value = !showsActs)}>
          <span aria-hidden="true">{showsActs ? "‹" : "⋯"}</span>
          <span class="said">{say("call_acts")}</span>
        </button>
      )}
    </div>
  );
}

function Acts({ desk, call }: { desk: Desk; call: CallView }) {
  const opened = desk.opened.value;
  const path = { call_id: call.id };
  return (
    <>
      {call.incident_id === null && (
        <>
          <button
            type="button"
            class="button main"
            onClick={() => {
              startDraft(call);
              desk.take();
            }}
          >
            {t("call_take")}
          </button>
          {opened !== null && (
            <Act run={(key) => api.call(attachCall, { path: { incident_id: opened }, body: { call_id: call.id }, key }).then(desk.heard(opened))}>
              {t("call_attach", { number: desk.incident(opened)?.number ?? 0 })}
            </Act>
          )}
        </>
      )}
      {call.state === "held" && <Act run={(key) => api.call(resumeCall, { path, body: {}, key })}>{t("call_resume")}</Act>}
      {call.state === "on_line" && <Act run={(key) => api.call(holdCall, { path, body: {}, key })}>{t("call_hold")}</Act>}
      {call.state === "on_line" && <Transfer call={call} />}
      {call.state === "transferring" && (
        <>
          {(["us", "them"] as const)
            .filter((side) => !call.confirmed.includes(side))
            .map((side) => (
              <Act key={side} run={(key) => api.call(confirmTransfer, { path, body: { side }, key })}>
                {t(`transfer_confirmed_${side}`)}
              </Act>
            ))}
          <Chosen label={t("transfer_failed_why")} set="transfer_failure" run={(reason, key) => api.call(failTransfer, { path, body: { reason }, key })}>
            {t("transfer_failed")}
          </Chosen>
        </>
      )}
      <Act run={(key) => api.call(loseCall, { path, body: {}, key })}>{t("call_lose")}</Act>
      {call.incident_id === null ? (
        <Chosen label={t("call_end_how")} set="call_outcome" run={(outcome, key) => api.call(endCall, { path, body: { outcome }, key })}>
          {t("call_end")}
        </Chosen>
      ) : (
        <Act run={(key) => api.call(endCall, { path, body: {}, key })}>{t("call_end")}</Act>
      )}
    </>
  );
}

/** Hand the caller on; both sides confirm before we leave the line. */
function Transfer({ call }: { call: CallView }) {
  const to = useSignal("");
  const reason = useSignal("");
  return (
    <span class="pair">
      <Choose label={t("transfer_to")} set="transfer_target" empty={t("transfer_to")} value={to.value} onChange={(code) => (to.value = code)} />
      <Choose label={t("transfer_reason")} set="transfer_reason" empty={t("transfer_reason")} value={reason.value} onChange={(code) => (reason.value = code)} />
      <Act disabled={to.value === "" || reason.value === ""} run={(key) => api.call(transferCall, { path: { call_id: call.id }, body: { to: to.value, reason: reason.value }, key })}>
        {t("call_transfer")}
      </Act>
    </span>
  );
}
