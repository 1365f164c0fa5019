// Where the team is, while its shift is open and not a second longer.
//
// Decides how often a fix is worth sending: often on the move, seldom at rest, in one batch. Fixes
// that couldn't be sent wait in memory; a fix of an hour ago is history, not help.

import { signal } from "@preact/signals";
import { newKey, Refusal, type Api } from "../api.ts";
import type { CountyClock } from "../time.ts";
import { postTeamFixes, type FixInSent } from "../wire.ts";
import { metres, type At } from "./place.ts";

export type Tracking = "off" | "asking" | "on" | "denied" | "unavailable";

const MOVING_S = 10;
const RESTING_S = 60;
/** Metres that count as having moved. */
const MOVED_M = 40;
const MOST_KEPT = 500;

/** Apple counts from 2001 what is told as counted from 1970. */
const APPLE_MS = 978_307_200_000;
/** No browser hands out a position older than this: its clock is another's, and the position is new. */
const OLDEST_MS = 10 * 60_000;

/** How old a position is that the browser has just handed out, ms; never negative. */
export function ageOf(timestamp: number, now: number): number {
  for (const age of [now - timestamp, now - timestamp - APPLE_MS]) {
    if (age > -60_000 && age <= OLDEST_MS) return Math.max(0, age);
  }
  return 0;
}

export class Tracker {
  /** How it stands. */
  readonly state = signal<Tracking>("off");
  /** Newest fix of this phone; never kept on the device. */
  readonly here = signal<At | null>(null);
  /** When the county last took a fix, by this device's clock; `null` = none yet. */
  readonly receivedAt = signal<number | null>(null);
  private readonly api: Pick<Api, "call">;
  private readonly clock: CountyClock;
  private readonly waiting: FixInSent[] = [];
  private team: string | null = null;
  private watch: number | null = null;
  private sentAt = -Infinity;
  private sentFrom: At | null = null;
  private isSending = false;

  constructor(api: Pick<Api, "call">, clock: CountyClock) {
    this.api = api;
    this.clock = clock;
  }

  /** Track for a team, or stop with `null`. */
  follow(team: string | null): void {
    if (team === this.team) return;
    this.team = team;
    this.waiting.length = 0;
    this.sentAt = -Infinity;
    if (this.watch !== null) navigator.geolocation.clearWatch(this.watch);
    this.watch = null;
    if (team === null) {
      this.here.value = null;
      this.receivedAt.value = null;
      this.state.value = "off";
      return;
    }
    if (!("geolocation" in navigator)) {
      this.state.value = "unavailable";
      return;
    }
    this.state.value = "asking";
    this.watch = navigator.geolocation.watchPosition(
      (found) => this.take(found),
      (error) => {
        this.state.value = error.code === error.PERMISSION_DENIED ? "denied" : "unavailable";
      },
      { enableHighAccuracy: true, maximumAge: 5000, timeout: 60_000 },
    );
  }

  /** Send what is due; called each second, and when the network is back. */
  tick(): void {
    if (this.team === null || this.waiting.length === 0 || this.isSending) return;
    const here = this.here.peek();
    const hasMoved = here !== null && (this.sentFrom === null || metres(here, this.sentFrom) > MOVED_M);
    const every = hasMoved ? MOVING_S : RESTING_S;
    if (performance.now() - this.sentAt >= every * 1000) void this.send();
  }

  private take(found: GeolocationPosition): void {
    const { latitude, longitude, accuracy, speed, heading } = found.coords;
    this.state.value = "on";
    this.here.value = { lat: latitude, lon: longitude };
    // The county's clock, not the device's: a phone an hour off must not send fixes of the future.
    const age = ageOf(found.timestamp, Date.now());
    this.waiting.push({
      point: { lat_deg: latitude, lon_deg: longitude },
      fixed_at: new Date(this.clock.now() - age).toISOString(),
      accuracy_m: accuracy,
      speed_mps: speed !== null && speed >= 0 ? speed : null,
      heading_deg: heading !== null && heading >= 0 && heading < 360 ? heading : null,
      fix_id: newKey(),
    });
    if (this.waiting.length > MOST_KEPT) this.waiting.splice(0, this.waiting.length - MOST_KEPT);
    this.tick();
  }

  private async send(): Promise<void> {
    const team = this.team;
    if (team === null || !this.clock.isSet) return;
    const batch = this.waiting.splice(0, this.waiting.length);
    const from = this.here.peek();
    this.isSending = true;
    this.sentAt = performance.now();
    try {
      await this.api.call(postTeamFixes, { path: { team_id: team }, body: batch });
      if (this.team !== team) return;
      this.sentFrom = from;
      this.receivedAt.value = Date.now();
    } catch (error) {
      // What the county refuses it would refuse again; what it didn't hear waits for the next turn.
      if (!(error instanceof Refusal) && this.team === team) this.waiting.unshift(...batch);
    } finally {
      this.isSending = false;
    }
  }
}
