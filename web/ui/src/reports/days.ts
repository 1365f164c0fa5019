// Local days and months of the county, and which of them are shown where nobody chose.

import { COUNTY_ZONE } from "../format.ts";
import type { ResponseTimes } from "../wire.ts";
import { isEmpty, totalOf } from "./figures.ts";

/** Local days, both included. */
export interface Days {
  readonly since: string;
  readonly until: string;
}

/** The county's day at an instant, as 2026-03-02. */
export function dayOf(instant: number): string {
  return new Intl.DateTimeFormat("en-CA", { timeZone: COUNTY_ZONE, year: "numeric", month: "2-digit", day: "2-digit" }).format(instant);
}

/** This month and those before it, newest first, as 2026-03. */
export function recentMonths(today: string, count: number): readonly string[] {
  const [year = 0, month = 1] = today.split("-").map(Number);
  return Array.from({ length: count }, (_, back) => new Date(Date.UTC(year, month - 1 - back, 1)).toISOString().slice(0, 7));
}

export function lastDay(month: string): string {
  const [year = 0, number = 1] = month.split("-").map(Number);
  return new Date(Date.UTC(year, number, 0)).toISOString().slice(0, 10);
}

/** The last three full months, as the service means them where no day is given. */
export function lastFullMonths(today: string): Days {
  const [, newest = "", , oldest = ""] = recentMonths(today, 4);
  return { since: `${oldest}-01`, until: lastDay(newest) };
}

export const monthToDate = (today: string): Days => ({ since: `${today.slice(0, 7)}-01`, until: today });

export interface Found {
  readonly report: ResponseTimes;
  /** The days shown in place of the last three full months, which hold nothing; `null` = those that were asked for. */
  readonly instead: Days | null;
}

/**
 * The report of the days asked for. Where nobody chose any and the last three full months hold no
 * response, as in a county that began this month, that of this month to date if it holds one.
 */
export async function findReport(ask: (days: { since: string | undefined; until: string | undefined }) => Promise<ResponseTimes>, since: string | null, until: string | null): Promise<Found> {
  const report = await ask({ since: since ?? undefined, until: until ?? undefined });
  if (since !== null || until !== null || !holdsNothing(report)) return { report, instead: null };
  const instead = monthToDate(dayOf(Date.parse(report.as_of)));
  const current = await ask(instead);
  return holdsNothing(current) ? { report, instead: null } : { report: current, instead };
}

export function holdsNothing(report: ResponseTimes): boolean {
  const total = totalOf(report);
  return total === undefined || isEmpty(total);
}
