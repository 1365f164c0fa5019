// What is heard: one pattern per class, made here, so that no file has to load in an emergency.

import { computed, effect, signal } from "@preact/signals";
import type { AlertFrame } from "../wire.ts";
import type { Desk } from "./desk.ts";
import { openClaims } from "./Claims.tsx";
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

/** The one context, made only once it may sound: made earlier, browsers complain of it. */
function audio(): AudioContext {
  if (context === null) {
    const made = new AudioContext();
    // The device may be taken away later: then the page says so again.
    made.addEventListener("statechange", () => (mayBeHeard.value = made.state === "running"));
    context = made;
  }
  return context;
}

/** The person has touched the page: from now on it may sound. */
export function unlock(): void {
  if (!navigator.userActivation.hasBeenActive) return;
  const made = audio();
  if (made.state === "running") mayBeHeard.value = true;
  else void made.resume().then(() => (mayBeHeard.value = made.state === "running"), () => undefined);
}

function play(pattern: Pattern): void {
  if (!mayBeHeard.peek()) return;
  const made = audio();
  if (made.state !== "running") void made.resume().catch(() => undefined);
  let at = made.currentTime + 0.02;
  for (const [hertz, ms] of pattern) {
    if (hertz > 0) {
      const tone = made.createOscillator();
      const gain = made.createGain();
      tone.frequency.value = hertz;
      gain.gain.setValueAtTime(0.0001, at);
      gain.gain.exponentialRampToValueAtTime(0.25, at + 0.015);
      gain.gain.exponentialRampToValueAtTime(0.0001, at + ms / 1000);
      tone.connect(gain).connect(made.destination);
      tone.start(at);
      tone.stop(at + ms / 1000);
    }
    at += ms / 1000;
  }
}

const REPEAT_MS = 4000;

/** Let the page be heard from the first touch on: browsers let none sound before. */
function listen(): void {
  for (const kind of ["pointerdown", "pointerup", "keydown"] as const) addEventListener(kind, unlock, { passive: true });
}

/** Ring for a team in danger while `isSo`, for as long as the page is open. */
export function ringWhile(isSo: () => boolean): void {
  listen();
  repeatWhile(isSo, PATTERNS.duress);
}

/** Repeat a pattern while `isSo`, at once when it begins and when the page first may be heard. */
function repeatWhile(isSo: () => boolean, pattern: Pattern): void {
  let timer: ReturnType<typeof setInterval> | undefined;
  effect(() => {
    clearInterval(timer);
    if (!isSo() || !mayBeHeard.value) return;
    play(pattern);
    timer = setInterval(() => play(pattern), REPEAT_MS);
  });
}

/** Sound for alerts, ringing calls and alarms, for as long as the page is open. */
export function startSound(desk: Desk): void {
  listen();
  desk.live.onAlert((alert) => {
    if (isHeard.peek() && !alert.template.startsWith("duress")) play(PATTERNS[alert.urgency]);
  });
  const ringingNow = computed(() => [...desk.live.of("call").all.value.values()].filter((call) => call.state === "offered").length);
  let ringing = 0;
  effect(() => {
    const now = ringingNow.value;
    if (now > ringing && isHeard.peek()) play(PATTERNS.call);
    ringing = now;
  });
  // What came while the page could not be heard is heard now, once.
  effect(() => {
    if (!mayBeHeard.value || !isHeard.peek()) return;
    const waits = desk.live.alerts.peek().some((alert) => alert.urgency === "now" && !alert.template.startsWith("duress"));
    if (ringingNow.peek() > 0) play(PATTERNS.call);
    else if (waits) play(PATTERNS.now);
  });
  // An alarm that nobody has in hand is repeated, and so is a crew that reports being there; no toggle silences them.
  const isRaw = computed(() => openAlarms(desk).some((one) => one.acknowledged_at === null));
  const isClaimed = computed(() => openClaims(desk).length > 0);
  repeatWhile(() => isRaw.value, PATTERNS.duress);
  repeatWhile(() => !isRaw.value && isClaimed.value, PATTERNS.now);
}
