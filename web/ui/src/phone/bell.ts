// Makes a phone in a pocket heard: vibration and tones for an offer, until it is answered.

import { signal } from "@preact/signals";

const KEPT_UNDER = "crisis.phone.sound";
const AGAIN_MS = 6000;
const PATTERN = [400, 150, 400, 150, 800];

export class Bell {
  /** Whether tones sound; vibration stays in any case. */
  readonly isLoud = signal(localStorage.getItem(KEPT_UNDER) !== "off");
  /** Neither tones nor vibration, whatever comes. */
  isHushed = false;
  private context: AudioContext | null = null;
  private timer: ReturnType<typeof setInterval> | null = null;

  constructor() {
    // Browsers let a page sound only after it was touched.
    addEventListener("click", () => this.unlock(), { passive: true });
  }

  setLoud(isLoud: boolean): void {
    this.isLoud.value = isLoud;
    localStorage.setItem(KEPT_UNDER, isLoud ? "on" : "off");
  }

  /** Ring until `stop`. */
  ring(): void {
    if (this.timer !== null) return;
    this.once();
    this.timer = setInterval(() => this.once(), AGAIN_MS);
  }

  stop(): void {
    if (this.timer === null) return;
    clearInterval(this.timer);
    this.timer = null;
    if (navigator.userActivation?.hasBeenActive) navigator.vibrate?.(0);
  }

  /** One ring. */
  once(): void {
    if (this.isHushed) return;
    if (navigator.userActivation?.hasBeenActive) navigator.vibrate?.(PATTERN);
    if (!this.isLoud.peek() || this.context?.state !== "running") return;
    [0, 0.25, 0.5].forEach((after, turn) => this.tone(after, turn === 2 ? 1175 : 880));
  }

  private tone(after: number, hertz: number): void {
    const context = this.context;
    if (context === null) return;
    const [source, volume] = [context.createOscillator(), context.createGain()];
    const from = context.currentTime + after;
    source.frequency.value = hertz;
    volume.gain.setValueAtTime(0.0001, from);
    volume.gain.exponentialRampToValueAtTime(0.5, from + 0.02);
    volume.gain.exponentialRampToValueAtTime(0.0001, from + 0.22);
    source.connect(volume).connect(context.destination);
    source.start(from);
    source.stop(from + 0.24);
  }

  private unlock(): void {
    this.context ??= new AudioContext();
    if (this.context.state === "suspended") void this.context.resume().catch(() => undefined);
  }
}
