// The alarm: always there, pressed and held for a second, silent, before everything else.

import { useSignal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import { Icon } from "../components/Icon.tsx";
import { t } from "../messages/phone.ts";
import { raiseDuress } from "../wire.ts";
import type { Phone } from "./phone.ts";

const HOLD_MS = 1000;

export function Duress({ phone }: { phone: Phone }) {
  const isHeld = useSignal(false);
  const timer = useRef<ReturnType<typeof setTimeout> | null>(null);
  const begin = (): void => {
    if (timer.current !== null) return;
    isHeld.value = true;
    timer.current = setTimeout(() => {
      end();
      void phone.outbox.add(raiseDuress, {
        path: undefined,
        body: { cause: "button", team_id: phone.picture.peek()?.team.id ?? null },
        lane: "duress",
        urgent: true,
        what: "duress",
      });
    }, HOLD_MS);
  };
  const end = (): void => {
    if (timer.current !== null) clearTimeout(timer.current);
    timer.current = null;
    isHeld.value = false;
  };
  useEffect(() => end, []);
  const said = stateOf(phone);
  return (
    <button
      type="button"
      class={`duress ${isHeld.value ? "held" : ""} ${said === null ? "" : "raised"}`}
      data-duress={said ?? "none"}
      aria-description={t("duress_hint")}
      onPointerDown={(event) => {
        if (event.button !== 0) return;
        event.currentTarget.setPointerCapture(event.pointerId);
        begin();
      }}
      onPointerUp={end}
      onPointerCancel={end}
      onKeyDown={(event) => {
        if ((event.key === " " || event.key === "Enter") && !event.repeat) begin();
      }}
      onKeyUp={end}
      onBlur={end}
      onContextMenu={(event) => event.preventDefault()}
    >
      <span class="fill" aria-hidden="true" />
      <Icon name="alarm" />
      <span role="status">{said === null ? t("duress") : t(`duress_${said}`)}</span>
    </button>
  );
}

/** Alarms about this crew that this person didn't raise: of a missed check-in, or a colleague's. */
export function CrewAlarms({ phone }: { phone: Phone }) {
  const open = (phone.picture.value?.duress ?? []).filter((one) => one.state !== "resolved" && one.raised_by !== phone.session.who.account_id);
  return (
    <>
      {open.map((one) => (
        <div key={one.id} class="note alarm" role="status" data-alarm={one.cause}>
          <Icon name="alarm" />
          <p>
            {t(one.cause === "missed_check_in" ? "alarm_missed" : "alarm_crew")}
            {one.state !== "raised" && <strong> {t(`duress_${one.state as "acknowledged"}`)}</strong>}
          </p>
        </div>
      ))}
    </>
  );
}

type Said = "saved" | "sending" | "received" | "refused" | "acknowledged" | "help_sent";

/** How far the newest alarm of this person got; `null` = none is open. */
function stateOf(phone: Phone): Said | null {
  const entry = phone.alarm.value;
  if (entry !== null && entry.state !== "received") return entry.state;
  const mine = phone.picture.value?.duress.find((one) => one.raised_by === phone.session.who.account_id && one.state !== "resolved");
  if (mine !== undefined) return mine.state === "raised" ? "received" : (mine.state as Said);
  return entry === null ? null : "received";
}
