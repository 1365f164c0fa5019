// The tables: each number opens the responses behind it.

import { number } from "../format.ts";
import { t } from "../messages/reports.ts";
import type { Line, ResponseTimes, Share } from "../wire.ts";
import { go, type Cohort } from "./address.ts";
import { ALL, BROKEN, classText, countOf, figureText, isEmpty, linesOf, minutesText, monthsOf, monthText, NOT_JUDGED, percentText, standardText } from "./figures.ts";

interface FigureProps {
  readonly line: Line;
  readonly cohort: Cohort;
  readonly figure: string;
  readonly text: string;
  /** What the number is, where that isn't the list's own name. */
  readonly name?: string;
}

/** A number as a button; one with nothing behind it is only a number. */
export function Figure({ line, cohort, figure, text, name }: FigureProps) {
  if (countOf(line, cohort, figure) === 0) return <span class="figure none">{text}</span>;
  const words = { figure: name ?? figureText(figure), month: monthText(line.month), area: classText(line.area_class), value: text };
  return (
    <button
      type="button"
      class="figure"
      aria-label={t("open_list", words)}
      data-figure={`${line.month} ${line.area_class} ${cohort} ${figure}`}
      onClick={() => go({ chosen: { month: line.month, areaClass: line.area_class, cohort, figure }, incident: null })}
    >
      {text}
    </button>
  );
}

/** How much of a whole, as a strip; the number beside it says the same. */
export function Strip({ share }: { share: Share }) {
  return (
    <span class="strip" aria-hidden="true">
      <span style={{ width: `${share.percent ?? 0}%` }} />
    </span>
  );
}

function Heads({ line, rows, first }: { line: Line; rows: number; first: boolean }) {
  return (
    <>
      {first && (
        <th scope="rowgroup" rowSpan={rows} class="month">
          {monthText(line.month)}
        </th>
      )}
      <th scope="row" class="class">
        <span class="month-again">{monthText(line.month)}</span> {classText(line.area_class)}
      </th>
    </>
  );
}

function Bodies({ report, row }: { report: ResponseTimes; row: (line: Line) => preact.ComponentChildren }) {
  return (
    <>
      {[...monthsOf(report), ALL].map((month) => {
        const lines = linesOf(report, month);
        return (
          <tbody key={month} class={month === ALL ? "total" : ""}>
            {lines.map((line, at) => (
              <tr key={line.area_class} class={isEmpty(line) ? "empty" : ""}>
                <Heads line={line} rows={lines.length} first={at === 0} />
                {row(line)}
              </tr>
            ))}
          </tbody>
        );
      })}
    </>
  );
}

const SPREAD = ["mean", "median", "p90", "longest"] as const;

/** Both denominators side by side, and how long it took. */
export function OnTime({ report }: { report: ResponseTimes }) {
  return (
    <table class="report figures on-time">
      <thead>
        <tr>
          <th rowSpan={2} scope="col" class="month">{t("month")}</th>
          <th rowSpan={2} scope="col" class="class">{t("area_class")}</th>
          <th rowSpan={2} scope="col">{t("standard")}</th>
          <th colSpan={3} scope="colgroup" class="group">{t("arrived")}</th>
          <th colSpan={3} scope="colgroup" class="group">{t("determined")}</th>
          <th colSpan={4} scope="colgroup" class="group">{t("minutes_taken")}</th>
          <th rowSpan={2} scope="col" class="group">{t("fate_not_measurable")}</th>
        </tr>
        <tr>
          {["a", "b"].map((key) => (
            <>
              <th key={`${key}1`} scope="col" class="group">{t("share")}</th>
              <th key={`${key}2`} scope="col">{t("on_time_n")}</th>
              <th key={`${key}3`} scope="col">{t("of_n")}</th>
            </>
          ))}
          {SPREAD.map((name, at) => (
            <th key={name} scope="col" class={at === 0 ? "group" : ""}>{t(name)}</th>
          ))}
        </tr>
      </thead>
      <Bodies
        report={report}
        row={(line) => (
          <>
            <td data-name={t("standard")}>{standardText(line)}</td>
            <td class="group share" data-name={`${t("arrived")}: ${t("share")}`}>
              <Figure line={line} cohort="arrival" figure="measured" name={t("arrived")} text={percentText(line.arrived)} />
              <Strip share={line.arrived} />
            </td>
            <td data-name={`${t("arrived")}: ${t("on_time_n")}`}>
              <Figure line={line} cohort="arrival" figure="on_time" text={number(line.arrived.numerator)} />
            </td>
            <td data-name={`${t("arrived")}: ${t("of_n")}`}>
              <Figure line={line} cohort="arrival" figure="measured" text={number(line.arrived.denominator)} />
            </td>
            <td class="group share" data-name={`${t("determined")}: ${t("share")}`}>
              <Figure line={line} cohort="determination" figure="judged" name={t("determined")} text={percentText(line.determined)} />
              <Strip share={line.determined} />
            </td>
            <td data-name={`${t("determined")}: ${t("on_time_n")}`}>
              <Figure line={line} cohort="determination" figure="on_time" text={number(line.determined.numerator)} />
            </td>
            <td data-name={`${t("determined")}: ${t("of_n")}`}>
              <Figure line={line} cohort="determination" figure="judged" text={number(line.determined.denominator)} />
            </td>
            {SPREAD.map((name, at) => (
              <td key={name} class={at === 0 ? "group" : ""} data-name={t("in_minutes", { name: t(name) })}>
                <Figure line={line} cohort="arrival" figure="measured" name={t(name)} text={minutesText(line.spread[name])} />
              </td>
            ))}
            <td class="group" data-name={t("fate_not_measurable")}>
              <Figure line={line} cohort="arrival" figure="not_measurable" text={number(line.not_measurable)} />
            </td>
          </>
        )}
      />
    </table>
  );
}

/** What became of every promise: kept, broken in which way, not judged yet. */
export function Fates({ report }: { report: ResponseTimes }) {
  const columns = ["on_time", ...BROKEN, ...NOT_JUDGED] as const;
  const starts = (name: string) => (name === "on_time" || name === NOT_JUDGED[0] ? "group" : "");
  return (
    <table class="report figures fates">
      <thead>
        <tr>
          <th rowSpan={2} scope="col" class="month">{t("month")}</th>
          <th rowSpan={2} scope="col" class="class">{t("area_class")}</th>
          <th colSpan={1 + BROKEN.length} scope="colgroup" class="group">{t("kept_or_broken")}</th>
          <th colSpan={NOT_JUDGED.length} scope="colgroup" class="group">{t("not_judged")}</th>
        </tr>
        <tr>
          {columns.map((name) => (
            <th key={name} scope="col" class={starts(name)}>{t(`fate_${name}`)}</th>
          ))}
        </tr>
      </thead>
      <Bodies
        report={report}
        row={(line) =>
          columns.map((name) => (
            <td key={name} class={starts(name)} data-name={t(`fate_${name}`)}>
              <Figure line={line} cohort="determination" figure={name} text={number(countOf(line, "determination", name))} />
            </td>
          ))
        }
      />
    </table>
  );
}
