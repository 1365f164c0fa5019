// Who sees to an incident that waits or went wrong, or to a caller who waits for long; while somebody
// does, no alarm of it rings again.

import { Act } from "../components/Act.tsx";
import { Left } from "../components/Timer.tsx";
import { t as say } from "../messages/desk.ts";
import { api, clock } from "../session.ts";
import { instant } from "../time.ts";
import { takeCallInHand, takeInHand, type CallView, type IncidentView } from "../wire.ts";
import type { Desk } from "./desk.ts";

/** Whether something of it rings, or will, until somebody sees to it. */
export const needsHands = (one: IncidentView): boolean =>
  !one.back_entered &&
  (one.lacks_handoff ||
    one.partners.some((partner) => partner.state === "requested") ||
    (one.ended_at === null && (one.flags.length > 0 || one.slots.some((slot) => slot.state === "waiting"))));

export function InHand({ desk, one, labels }: { desk: Desk; one: IncidentView; labels: Readonly<Record<string, string>> }) {
  const until = one.in_hand_until;
  const isHeld = one.in_hand_by !== null && until !== null && instant(until) > clock.second.value;
  if (!isHeld && !needsHands(one)) return null;
  const rang = one.flags.length > 0 || one.is_exhausted || one.lacks_handoff;
  const isMine = isHeld && one.in_hand_by === desk.account;
  return (
    <div class="line" data-in-hand={isHeld}>
      {isHeld && (
        <span class="quiet">
          {say("in_hand_by", { who: isMine ? say("owned_by_you") : (labels[one.in_hand_by as string] ?? "…") })} <Left until={until} />
        </span>
      )}
      <Act class={`small ${!isHeld && rang ? "main" : ""}`} run={(key) => api.call(takeInHand, { path: { incident_id: one.id }, body: {}, key })}>
        {isMine ? say("in_hand_again") : say("in_hand_take")}
      </Act>
    </div>
  );
}

/** Of a caller nothing is asked before people were told of their wait. */
export function CallerInHand({ desk, call }: { desk: Desk; call: CallView }) {
  const until = call.in_hand_until;
  const isHeld = call.in_hand_by !== null && until !== null && instant(until) > clock.second.value;
  if (call.waiting_since === null || (call.told === 0 && !isHeld)) return null;
  const isMine = isHeld && call.in_hand_by === desk.account;
  return (
    <span class="line" data-in-hand={isHeld}>
      {isHeld && (
        <span class="quiet">
          {isMine ? say("in_hand_by", { who: say("owned_by_you") }) : say("in_hand_other")} <Left until={until} />
        </span>
      )}
      <Act class="small" run={(key) => api.call(takeCallInHand, { path: { call_id: call.id }, body: {}, key })}>
        {isMine ? say("in_hand_again") : say("in_hand_take")}
      </Act>
    </span>
  );
}
