// The alarm: always there, pressed and held for a second, silent, before everything else.

import { useSignal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import { Icon } from "../components/Icon.tsx";
import { t } from "../messages/phone.ts";
import { completeObligation, raiseDuress } from "../wire.ts";
import { HOLD_MS, newest } from "./acts.ts";
import { ProgressMark } from "./parts.tsx";
import type { Phone } from "./phone.ts";

const PRESS_MS = 1000;

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
    }, PRESS_MS);
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
          <div class="grow">
            <p>
              {t(one.cause === "missed_check_in" ? "alarm_missed" : "alarm_crew")}
              {one.state !== "raised" && <strong> {t(`duress_${one.state as "acknowledged"}`)}</strong>}
            </p>
            {one.cause === "missed_check_in" && one.assignment_id !== null && <Answer phone={phone} run={one.assignment_id} />}
          </div>
        </div>
      ))}
    </>
  );
}

/** One tap answers a missed check-in, late. It ends no alarm: whoever taps may not be free to. */
function Answer({ phone, run }: { phone: Phone; run: string }) {
  const asked = phone.checkIn.value;
  if (asked === null || asked.assignment_id !== run) return null;
  const entry = newest(phone.outbox.entries.value, [completeObligation], asked.id);
  if (entry !== null && entry.state !== "refused") {
    return (
      <p>
        <strong>{t("we_are_safe")}</strong> <ProgressMark entry={entry} />
        <br />
        {t("alarm_answered")}
      </p>
    );
  }
  const answer = (): void =>
    void phone.outbox.add(completeObligation, { path: { obligation_id: asked.id }, body: { outcome: "done", mode: "telehealth_audio" }, lane: run, what: "done", holdMs: HOLD_MS });
  return (
    <button type="button" class="button main touch" data-act="we-are-safe" onClick={answer}>
      <Icon name="check" />
      {t("we_are_safe")}
    </button>
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
