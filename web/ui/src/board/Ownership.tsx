// Who answers for the incident, handing it to a colleague, and how many teams it needs.

import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { Act } from "../components/Act.tsx";
import { Trouble } from "../components/Note.tsx";
import { Left, Since } from "../components/Timer.tsx";
import { t as common } from "../messages/common.ts";
import { t } from "../messages/board.ts";
import { t as say } from "../messages/desk.ts";
import { api } from "../session.ts";
import { addSlot, dropSlot, getDeskColleagues, handOver, MAY, type Colleague, type IncidentView, type SlotView } from "../wire.ts";
import { Chosen } from "./Choose.tsx";
import { policy, roleWord } from "./codes.ts";
import type { Desk } from "./desk.ts";
import { focusOnce } from "./focus.ts";

export function HandOver({ desk, one }: { desk: Desk; one: IncidentView }) {
  const colleagues = useSignal<readonly Colleague[] | null>(null);
  const trouble = useSignal<unknown>(null);
  const to = useSignal("");
  useEffect(() => {
    let isOver = false;
    const load = async () => {
      try {
        const found = (await api.call(getDeskColleagues, {})).colleagues.filter((person) => person.account_id !== desk.account && person.account_id !== one.owner);
        if (isOver) return;
        colleagues.value = found;
        if (!found.some((person) => person.account_id === to.peek())) to.value = found.length === 1 ? (found[0]?.account_id ?? "") : "";
      } catch (error) {
        if (!isOver) trouble.value = error;
      }
    };
    void load();
    return () => {
      isOver = true;
    };
  }, [one.id, one.owner]);
  const mayHand = one.owner === null || one.owner === desk.account || desk.has(...MAY.ownAnything);
  return (
    <div class="tool" role="group" aria-label={say("hand_over")}>
      {!mayHand && <p class="warn-words">{say("hand_not_yours")}</p>}
      <Trouble trouble={trouble.value} />
      {colleagues.value === null && trouble.value === null && <p class="quiet">{common("loading")}</p>}
      {colleagues.value?.length === 0 && <p>{say("hand_nobody")}</p>}
      {colleagues.value !== null && colleagues.value.length > 0 && (
        <span class="pair">
          <select aria-label={say("hand_to")} ref={focusOnce} value={to.value} onChange={(event) => (to.value = event.currentTarget.value)}>
            <option value="">{say("hand_to")}</option>
            {colleagues.value.map((person) => (
              <option key={person.account_id} value={person.account_id}>
                {person.label} ({person.roles.map(roleWord).join(", ")})
              </option>
            ))}
          </select>
          <Act
            class="main"
            disabled={to.value === ""}
            run={async (key) => {
              await api.call(handOver, { path: { incident_id: one.id }, body: { to: to.value }, key });
              desk.tool.value = "none";
            }}
          >
            {say("hand_over")}
          </Act>
        </span>
      )}
    </div>
  );
}

export function Slots({ desk, one }: { desk: Desk; one: IncidentView }) {
  return (
    <div class="tool" role="group" aria-label={say("slots")}>
      {one.slots.map((slot) => (
        <Slot key={slot.no} desk={desk} one={one} slot={slot} />
      ))}
      <Act run={(key) => api.call(addSlot, { path: { incident_id: one.id }, body: {}, key }).then(desk.heard(one.id))}>{t("one_more_team")}</Act>
    </div>
  );
}

function Slot({ desk, one, slot }: { desk: Desk; one: IncidentView; slot: SlotView }) {
  const isOpen = slot.state === "waiting" || slot.state === "offered";
  return (
    <div class="acts">
      <SlotWords slot={slot} />
      {isOpen && (
        <Chosen
          label={say("slot_drop_why")}
          set="slot_drop_reason"
          run={(reason, key) => api.call(dropSlot, { path: { incident_id: one.id, slot: String(slot.no) }, body: { reason }, key }).then(desk.heard(one.id))}
        >
          {say("slot_drop")}
        </Chosen>
      )}
      {slot.state === "assigned" && <span class="quiet">{say("slot_met")}</span>}
    </div>
  );
}

/** What became of the need for one team. */
export function SlotWords({ slot }: { slot: SlotView }) {
  return (
    <span class="quiet">
      {t("slot_no", { n: slot.no })}: {t(`slot_${slot.state as "waiting" | "offered" | "assigned" | "dropped"}`)} <Since from={slot.since} /> · {t("tries", { n: slot.tries })}
      {slot.state === "waiting" && slot.next_try_at !== null && (
        <>
          {" · "}
          {slot.asked || (policy.value?.offers.auto_offer ?? false) ? t("next_try") : say("ask_within")} <Left until={slot.next_try_at} />
        </>
      )}
    </span>
  );
}
