// Numbers, times and distances in the person's language. County time zone: all of California is one.

import { computed } from "@preact/signals";
import { locale } from "./i18n.ts";
import { t } from "./messages/common.ts";
import { instant, minutesSeconds, type Instant } from "./time.ts";

export const COUNTY_ZONE = "America/Los_Angeles";

const formats = computed(() => {
  const language = locale.value;
  const zone = { timeZone: COUNTY_ZONE } as const;
  return {
    time: new Intl.DateTimeFormat(language, { ...zone, hour: "2-digit", minute: "2-digit", hour12: false }),
    timeSeconds: new Intl.DateTimeFormat(language, { ...zone, hour: "2-digit", minute: "2-digit", second: "2-digit", hour12: false }),
    date: new Intl.DateTimeFormat(language, { ...zone, year: "numeric", month: "short", day: "numeric" }),
    dayShort: new Intl.DateTimeFormat(language, { ...zone, month: "short", day: "numeric" }),
    dateTime: new Intl.DateTimeFormat(language, { ...zone, month: "short", day: "numeric", hour: "2-digit", minute: "2-digit", hour12: false }),
    zone: new Intl.DateTimeFormat("en-US", { ...zone, timeZoneName: "short" }),
    number: new Intl.NumberFormat(language),
    relative: new Intl.RelativeTimeFormat(language, { numeric: "always", style: "short" }),
    miles: new Intl.NumberFormat(language, { style: "unit", unit: "mile", maximumFractionDigits: 1 }),
    minutes: new Intl.NumberFormat(language, { style: "unit", unit: "minute", maximumFractionDigits: 0 }),
  };
});

const at = (when: string | Instant): Instant => (typeof when === "string" ? instant(when) : when);

/** 14:05 */
export const time = (when: string | Instant): string => formats.value.time.format(at(when));
/** 14:05:09 */
export const timeSeconds = (when: string | Instant): string => formats.value.timeSeconds.format(at(when));
/** Mar 2, 2026 */
export const date = (when: string | Instant): string => formats.value.date.format(at(when));
/** Mar 2 */
export const dayShort = (when: string | Instant): string => formats.value.dayShort.format(at(when));
/** Mar 2, 14:05 */
export const dateTime = (when: string | Instant): string => formats.value.dateTime.format(at(when));
/** PST or PDT, as the county's clock shows then; other languages have no short names for them. */
export const zoneName = (when: string | Instant): string =>
  formats.value.zone.formatToParts(at(when)).find((part) => part.type === "timeZoneName")?.value ?? "";
export const number = (value: number): string => formats.value.number.format(value);
/** Metres → miles. */
export const distance = (metres: number): string => formats.value.miles.format(metres / 1609.344);
/** Seconds → whole minutes, at least one. */
export const minutes = (seconds: number): string => formats.value.minutes.format(Math.max(1, Math.round(seconds / 60)));

/** "3 min. ago", "in 2 hr."; `now`: county time, as `clock.second.value`. */
export function relative(when: string | Instant, now: Instant): string {
  const seconds = (at(when) - now) / 1000;
  const size = Math.abs(seconds);
  const [value, unit]: [number, Intl.RelativeTimeFormatUnit] =
    size < 60 ? [seconds, "second"] : size < 3600 ? [seconds / 60, "minute"] : size < 86400 ? [seconds / 3600, "hour"] : [seconds / 86400, "day"];
  return formats.value.relative.format(Math.trunc(value), unit);
}

const HOUR_MS = 3_600_000;

/** How long something is, without its sign: 4:32; from an hour on 3 h 4 min, from a day on 2 d 0 h. */
function span(ms: number): string {
  const size = Math.abs(ms);
  if (size < HOUR_MS) return minutesSeconds(size);
  const minutes = Math.floor(size / 60_000);
  const hours = Math.floor(minutes / 60);
  return hours < 24 ? t("span_hours", { h: hours, m: minutes % 60 }) : t("span_days", { d: Math.floor(hours / 24), h: hours % 24 });
}

/** Time left until a deadline, as 12:07; past it as −3:10, and from an hour on as "2 d 0 h over". */
export function left(until: string | Instant, now: Instant): string {
  const ms = at(until) - now;
  if (ms >= 0) return span(ms);
  return ms > -HOUR_MS ? minutesSeconds(ms) : t("span_over", { span: span(ms) });
}
/** Time since, as 4:32. */
export const since = (from: string | Instant, now: Instant): string => span(Math.max(0, now - at(from)));
