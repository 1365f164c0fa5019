// The county's clock as the server tells it, and what is counted from it.
//
// County time is not this machine's: it may be off by hours, and in a simulation it runs faster.
// Every instant on the wire is county time; nothing of a board may be compared with Date.now().

import { signal, type ReadonlySignal } from "@preact/signals";

/** Milliseconds since 1970, of county time. */
export type Instant = number;

/** Read an instant of the wire. */
export const instant = (text: string): Instant => Date.parse(text);

/** A rate closer to real time than this is real time, and to another the same: beats come with jitter. */
const SAME_WITHIN = 0.2;
/** Two words within a second that lie further apart tell of a device that slept in between. */
const LEAP_MS = 2000;

/** What a clock was told last: kept on a device, it goes on where nobody can be asked. */
export interface ClockWord {
  readonly county: Instant;
  /** The device's own clock at that moment, in milliseconds since 1970. */
  readonly device: number;
  readonly rate: number;
}

export class CountyClock {
  private readonly mono: () => number;
  private readonly device: () => number;
  private base: { county: Instant; mono: number } | null = null;
  /** Whether the base is an earlier page's: good to go on from, not to measure a speed from. */
  private isResumed = false;
  private rate = 1;
  /** What the last two words made the rate; `null` = there were no two yet. */
  private seen: number | null = null;
  private readonly nowSignal = signal<Instant>(0);

  /** `mono`: milliseconds that never go back; `device`: this machine's clock. */
  constructor(mono: () => number = () => performance.now(), device: () => number = Date.now) {
    this.mono = mono;
    this.device = device;
  }

  /** Take in what the server says the time is now. */
  sync(at: string): void {
    const county = instant(at);
    const mono = this.mono();
    const before = this.isResumed ? null : this.base;
    this.isResumed = false;
    if (before !== null && mono - before.mono >= 1000) {
      const seen = Math.max(0, (county - before.county) / (mono - before.mono));
      // A device that slept, its own counting with it, sees one leap: that is no speed, and deadlines
      // must not race until the next word. A speed is what two spans in a row agree on.
      const isSteady = this.seen === null || Math.abs(seen - this.seen) < SAME_WITHIN * Math.max(1, this.seen);
      if (isSteady) this.rate = Math.abs(seen - 1) < SAME_WITHIN ? 1 : seen;
      this.seen = seen;
    } else if (before !== null && Math.abs(county - this.now()) < LEAP_MS) {
      // Two words within a second say nothing of the rate; keep the older one to measure from.
      this.nowSignal.value = this.now();
      return;
    }
    this.base = { county, mono };
    this.nowSignal.value = county;
  }

  /** Go on from what an earlier page was told, until the server is heard again. */
  resume(word: ClockWord): void {
    if (this.base !== null) return;
    this.rate = word.rate;
    this.base = { county: word.county + (this.device() - word.device) * word.rate, mono: this.mono() };
    this.isResumed = true;
    this.nowSignal.value = this.base.county;
  }

  /** What to keep for `resume`; `null` = nothing was ever told. */
  word(): ClockWord | null {
    return this.base === null ? null : { county: this.now(), device: this.device(), rate: this.rate };
  }

  /** County time when this machine's own clock showed `at`; the same while nothing was told. */
  ofDevice(at: number): Instant {
    return this.base === null ? at : this.now() - (this.device() - at) * this.rate;
  }

  /** Whether the server has told the time yet. */
  get isSet(): boolean {
    return this.base !== null;
  }

  /** How many county seconds pass in one of ours; 1 outside simulations. */
  get speed(): number {
    return this.rate;
  }

  /** County time at this moment; before the first word of the server, this machine's. */
  now(): Instant {
    if (this.base === null) return Date.now();
    return this.base.county + (this.mono() - this.base.mono) * this.rate;
  }

  /** County time as a signal that moves each second while `tick` is called. */
  get second(): ReadonlySignal<Instant> {
    return this.nowSignal;
  }

  /** Move `second` on; called each second by the page (see `keepTicking`). */
  tick(): void {
    this.nowSignal.value = this.now();
  }
}

/** Let a clock's `second` move on each second; returns what ends it. */
export function keepTicking(clock: CountyClock): () => void {
  const timer = setInterval(() => clock.tick(), 1000);
  clock.tick();
  return () => clearInterval(timer);
}

/** Split milliseconds into signed minutes and seconds, as timers on boards show them. */
export function minutesSeconds(ms: number): string {
  const late = ms < 0;
  const whole = Math.floor(Math.abs(ms) / 1000);
  const seconds = String(whole % 60).padStart(2, "0");
  const minutes = Math.floor(whole / 60);
  const text =
    minutes < 60
      ? `${minutes}:${seconds}`
      : `${Math.floor(minutes / 60)}:${String(minutes % 60).padStart(2, "0")}:${seconds}`;
  return late ? `−${text}` : text;
}
