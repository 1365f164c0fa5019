// The report's figures as a person reads them, and the responses behind each.

import { locale } from "../i18n.ts";
import { t } from "../messages/reports.ts";
import type { Line, Ref, ResponseTimes, Share } from "../wire.ts";
import type { Chosen, Cohort } from "./address.ts";

export const ALL = "all";
/** Promises that were not kept, in the order of the table. */
export const BROKEN = ["late", "not_qualifying", "cancelled_late", "unserved", "still_waiting"] as const;
export const NOT_JUDGED = ["cancelled_in_time", "not_due_yet", "not_measurable", "excluded_setting"] as const;
const MEASURED: readonly string[] = ["on_time", "late"];
const JUDGED: readonly string[] = ["on_time", ...BROKEN];

const FATES = ["on_time", ...BROKEN, ...NOT_JUDGED] as const;
export type Fate = (typeof FATES)[number];
const CLASSES = ["urban", "rural", "unclassified", "all"] as const;
const isFate = (text: string): text is Fate => (FATES as readonly string[]).includes(text);

/** A rate, which comes with its one decimal: every output shows the same. */
export const percentText = (share: Share): string => (share.percent === null ? t("not_available") : `${oneDecimal(share.percent)} %`);

/** Rounded up, as in print and at the command line: what is late must not read as the standard. */
export const minutesUp = (minutes: number): number => Math.ceil(minutes * 10 - 1e-9) / 10;

export const minutesText = (minutes: number | null): string => (minutes === null ? t("not_available") : oneDecimal(minutesUp(minutes)));

const oneDecimal = (value: number): string =>
  new Intl.NumberFormat(locale.value, { minimumFractionDigits: 1, maximumFractionDigits: 1 }).format(value);

export function monthText(month: string): string {
  if (month === ALL) return t("whole_period");
  return new Intl.DateTimeFormat(locale.value, { year: "numeric", month: "long", timeZone: "UTC" }).format(Date.parse(`${month}-15`));
}

export function classText(areaClass: string): string {
  const known = CLASSES.find((one) => one === areaClass);
  return known ? t(`class_${known}`) : areaClass;
}

export const standardText = (line: Line): string => line.standard_minutes.length > 0 ? t("minutes_short", { list: line.standard_minutes.join(" / ") }) : t("not_available");

export function figureText(figure: string): string {
  if (figure === "measured" || figure === "judged") return t(`figure_${figure}`);
  return isFate(figure) ? t(`fate_${figure}`) : figure;
}

export const fateText = figureText;

export interface Listed extends Ref {
  readonly fate: string;
}

export const groupOf = (line: Line, cohort: Cohort) => (cohort === "arrival" ? line.by_arrival : line.by_determination);

/** How many responses stand behind a figure. */
export function countOf(line: Line, cohort: Cohort, figure: string): number {
  const group = groupOf(line, cohort);
  return fatesOf(figure).reduce((sum, fate) => sum + (group[fate]?.length ?? 0), 0);
}

/** The responses behind a figure, the longest first. */
export function listOf(report: ResponseTimes, chosen: Chosen): readonly Listed[] {
  const line = report.lines.find((one) => one.month === chosen.month && one.area_class === chosen.areaClass);
  if (line === undefined) return [];
  const group = groupOf(line, chosen.cohort);
  return fatesOf(chosen.figure)
    .flatMap((fate) => (group[fate] ?? []).map((ref) => ({ ...ref, fate })))
    .sort((a, b) => (b.minutes ?? -1) - (a.minutes ?? -1) || a.number - b.number);
}

function fatesOf(figure: string): readonly string[] {
  if (figure === "measured") return MEASURED;
  if (figure === "judged") return JUDGED;
  return [figure];
}

/** Lines of one month, or of the whole period; of a single class one line tells it all. */
export function linesOf(report: ResponseTimes, month: string): readonly Line[] {
  const lines = report.lines.filter((line) => line.month === month);
  return lines.length === 2 ? lines.filter((line) => (line.area_class === ALL) === (month === ALL)) : lines;
}

export const monthsOf = (report: ResponseTimes): readonly string[] => [...new Set(report.lines.map((line) => line.month))].filter((month) => month !== ALL);

export function totalOf(report: ResponseTimes): Line | undefined {
  return report.lines.find((line) => line.month === ALL && line.area_class === ALL);
}

export const isEmpty = (line: Line): boolean => Object.keys(line.by_arrival).length + Object.keys(line.by_determination).length === 0;
