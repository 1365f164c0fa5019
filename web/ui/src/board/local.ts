// Times as people at the desk type them: the county's own, whatever zone this machine is set to.

import { COUNTY_ZONE } from "../format.ts";
import type { Instant } from "../time.ts";

const parts = new Intl.DateTimeFormat("en-CA", {
  timeZone: COUNTY_ZONE,
  year: "numeric",
  month: "2-digit",
  day: "2-digit",
  hour: "2-digit",
  minute: "2-digit",
  second: "2-digit",
  hourCycle: "h23",
});

function wall(at: Instant): Readonly<Record<string, string>> {
  return Object.fromEntries(parts.formatToParts(at).map(({ type, value }) => [type, value]));
}

/** "2026-11-22T03:05": as a field of type datetime-local holds it. */
export function localTime(at: Instant): string {
  const { year, month, day, hour, minute } = wall(at);
  return `${year}-${month}-${day}T${hour}:${minute}`;
}

/** "2026-11-22T03:05:09": the same, for what is judged to the second. */
export const localSecond = (at: Instant): string => `${localTime(at)}:${wall(at).second}`;

/** "2026-11-22" */
export const localDay = (at: Instant): string => localTime(at).slice(0, 10);

const asUtc = (text: string): number => Date.parse(`${text.length === 16 ? `${text}:00` : text}Z`);

/**
 * Read a county time; `null` = that is none.
 *
 * Of the hour that comes twice in autumn the first is meant; one that is left out in spring is read
 * as the hour after it.
 */
export function fromLocal(text: string): Instant | null {
  if (!/^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(:\d{2})?$/.test(text)) return null;
  const wanted = asUtc(text);
  if (Number.isNaN(wanted)) return null;
  const reads = (at: Instant) => {
    const { year, month, day, hour, minute, second } = wall(at);
    return Date.parse(`${year}-${month}-${day}T${hour}:${minute}:${second}Z`);
  };
  // The zone's offset half a day before and after: one of them holds.
  const offsets = [wanted - 43_200_000, wanted + 43_200_000].map((at) => reads(at) - at);
  const tries = offsets.map((offset) => wanted - offset).sort((a, b) => a - b);
  return tries.find((at) => reads(at) === wanted) ?? (tries.at(-1) as Instant);
}

/**
 * Read "14:02" as the latest such time that isn't after `now`: what is told of is past. A minute ahead
 * is a clock that differs. `null` = that is no time.
 */
export function lastTime(text: string, now: Instant): Instant | null {
  if (!/^\d{2}:\d{2}$/.test(text)) return null;
  const today = fromLocal(`${localDay(now)}T${text}`);
  if (today === null || today <= now + 60_000) return today;
  return fromLocal(`${dayBeside(now, -1)}T${text}`);
}

/** Read "00:20" as the first such time that isn't before `after`: what comes next, past midnight too. */
export function nextTime(text: string, after: Instant): Instant | null {
  if (!/^\d{2}:\d{2}$/.test(text)) return null;
  const same = fromLocal(`${localDay(after)}T${text}`);
  const minute = Math.floor(after / 60_000) * 60_000;
  if (same === null || same >= minute) return same === null ? null : Math.max(same, after);
  return fromLocal(`${dayBeside(after, 1)}T${text}`);
}

/** The local day so many after that of an instant: noon of it is that day, whatever the clocks did in the night. */
function dayBeside(at: Instant, days: number): string {
  const noon = fromLocal(`${localDay(at)}T12:00`) as Instant;
  return localDay(noon + days * 86_400_000);
}

/** As the wire has it. */
export const wire = (at: Instant): string => new Date(at).toISOString();
