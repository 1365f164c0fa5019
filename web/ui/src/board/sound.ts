// What is heard: one pattern per class, made here, so that no file has to load in an emergency.

import { effect, signal } from "@preact/signals";
import type { AlertFrame } from "../wire.ts";
import type { Desk } from "./desk.ts";
import { openAlarms } from "./Duress.tsx";

const KEPT_UNDER = "crisis.board.sound";

/** Whether alerts are heard on this device; an alarm of a team always is. */
export const isHeard = signal(localStorage.getItem(KEPT_UNDER) !== "off");

export function toggleSound(): void {
  isHeard.value = !isHeard.value;
  localStorage.setItem(KEPT_UNDER, isHeard.value ? "on" : "off");
}

type Pattern = readonly (readonly [hertz: number, ms: number])[];
const PATTERNS: Readonly<Record<AlertFrame["urgency"] | "duress" | "call", Pattern>> = {
  duress: [[988, 140], [0, 60], [988, 140], [0, 60], [988, 140], [0, 60], [659, 320]],
  now: [[784, 160], [0, 80], [784, 160]],
  soon: [[587, 180]],
  info: [[440, 90]],
  call: [[523, 200], [659, 200]],
};

let context: AudioContext | null = null;

/** Whether the browser lets this page be heard: not before the person has touched it. */
export const mayBeHeard = signal(navigator.userActivation.hasBeenActive);

function play(pattern: Pattern): void {
  if (!mayBeHeard.peek()) return;
  context ??= new AudioContext();
  if (context.state === "suspended") void context.resume().catch(() => undefined);
  let at = context.currentTime + 0.02;
  for (const [hertz, ms] of pattern) {
    if (hertz > 0) {
      const tone = context.createOscillator();
      const gain = context.createGain();
      tone.frequency.value = hertz;
      gain.gain.setValueAtTime(0.0001, at);
      gain.gain.exponentialRampToValueAtTime(0.25, at + 0.015);
      gain.gain.exponentialRampToValueAtTime(0.0001, at + ms / 1000);
      tone.connect(gain).connect(context.destination);
      tone.start(at);
      tone.stop(at + ms / 1000);
    }
    at += ms / 1000;
  }
}

const REPEAT_MS = 4000;

/** Sound for alerts, ringing calls and alarms, for as long as the page is open. */
export function startSound(desk: Desk): void {
  for (const kind of ["pointerdown", "keydown"] as const) {
    addEventListener(kind, () => (mayBeHeard.value = navigator.userActivation.hasBeenActive), { passive: true });
  }
  desk.live.onAlert((alert) => {
    if (isHeard.peek() && !alert.template.startsWith("duress")) play(PATTERNS[alert.urgency]);
  });
  let ringing = 0;
  effect(() => {
    const now = [...desk.live.of("call").all.value.values()].filter((call) => call.state === "offered").length;
    if (now > ringing && isHeard.peek()) play(PATTERNS.call);
    ringing = now;
  });
  // An alarm that nobody has in hand is repeated, and no toggle silences it.
  let timer: ReturnType<typeof setInterval> | null = null;
  effect(() => {
    const isRaw = openAlarms(desk).some((one) => one.acknowledged_at === null);
    if (isRaw && timer === null) {
      play(PATTERNS.duress);
      timer = setInterval(() => play(PATTERNS.duress), REPEAT_MS);
    } else if (!isRaw && timer !== null) {
      clearInterval(timer);
      timer = null;
    }
  });
}
