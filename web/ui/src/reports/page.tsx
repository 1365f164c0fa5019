import "../base.css";
import "./reports.css";
import { useSignal, useSignalEffect } from "@preact/signals";
import { useRef } from "preact/hooks";
import type { ComponentChildren } from "preact";
import { Bar } from "../components/Bar.tsx";
import { Note, Trouble } from "../components/Note.tsx";
import { standardWords } from "../components/Rules.tsx";
import { date, dateTime, zoneName } from "../format.ts";
import { t as common } from "../messages/common.ts";
import { t } from "../messages/reports.ts";
import { api, clock, holds, type Session } from "../session.ts";
import { startPage } from "../start.tsx";
import { getReportsResponseTimes, PAGE_ROLES, type Line, type ResponseTimes, type Share } from "../wire.ts";
import { address, type Cohort } from "./address.ts";
import { findReport, holdsNothing, type Days } from "./days.ts";
import { percentText, totalOf } from "./figures.ts";
import { PeriodChoice } from "./period.tsx";
import { Responses } from "./responses.tsx";
import { Fates, Figure, OnTime, Strip } from "./tables.tsx";

function Reports({ session }: { session: Session }) {
  const report = useSignal<ResponseTimes | null>(null);
  const instead = useSignal<Days | null>(null);
  const trouble = useSignal<unknown>(null);
  const isLoading = useSignal(true);
  const asked = useRef("");
  useSignalEffect(() => {
    const { since, until } = address.value;
    const wanted = `${since}/${until}`;
    if (asked.current === wanted) return;
    asked.current = wanted;
    isLoading.value = true;
    trouble.value = null;
    instead.value = null;
    findReport((days) => api.call(getReportsResponseTimes, { query: days }), since, until)
      .then((found) => {
        // An older answer that comes last must not stand under the newer period.
        if (asked.current !== wanted) return;
        report.value = found.report;
        instead.value = found.instead;
        if (!clock.isSet) clock.sync(found.report.as_of);
      })
      .catch((error: unknown) => {
        if (asked.current !== wanted) return;
        trouble.value = error;
        report.value = null;
      })
      .finally(() => {
        if (asked.current === wanted) isLoading.value = false;
      });
  });
  const { chosen } = address.value;
  const mayAdminister = holds(session, PAGE_ROLES["/admin"]);
  return (
    <>
      <Bar session={session}>{mayAdminister && <a href={`/admin?county=${session.county}`}>{t("admin")}</a>}</Bar>
      <main class="reports" aria-busy={isLoading.value}>
        <header class="head">
          <div>
            <p class="quiet only-print">{common("county_named", { county: session.countyName })}</p>
            <h1>{t("title")}</h1>
            <p class="quiet">{t("subtitle")}</p>
          </div>
          {report.value && <Period report={report.value} />}
        </header>
        <div class="tools no-print">
          <PeriodChoice asOf={report.value?.as_of ?? null} instead={instead.value} />
          <Files county={session.county} days={instead.value ?? address.value} disabled={report.value === null} />
        </div>
        <Trouble trouble={trouble.value} />
        {report.value === null && isLoading.value && <p class="quiet">{common("loading")}</p>}
        {instead.value && (
          <Note>
            <p data-period="instead">{t("instead")}</p>
          </Note>
        )}
        {report.value && <Body report={report.value} />}
        {report.value && chosen && <Responses report={report.value} chosen={chosen} />}
      </main>
    </>
  );
}

function Period({ report }: { report: ResponseTimes }) {
  // The first instant after it belongs to the next day.
  const last = Date.parse(report.until) - 1;
  return (
    <div class="stands-for figures">
      <p>
        <strong>{t("from_to", { from: date(report.since), to: date(last) })}</strong>
      </p>
      <p class="quiet">{t("as_of", { when: `${dateTime(report.as_of)} ${zoneName(report.as_of)}` })}</p>
    </div>
  );
}

interface FilesProps {
  readonly county: number;
  /** Those of the page: a file never holds another period than is shown. */
  readonly days: { readonly since: string | null; readonly until: string | null };
  readonly disabled: boolean;
}

function Files({ county, days, disabled }: FilesProps) {
  const { since, until } = days;
  const href = (suffix: string, rows?: string) => {
    const pairs = Object.entries({ county: String(county), since, until, rows }).filter((pair): pair is [string, string] => Boolean(pair[1]));
    return `/api/v1/reports/response-times${suffix}?${new URLSearchParams(pairs).toString()}`;
  };
  return (
    <div class="files">
      <a class="button" href={href(".csv")} download="response-times.csv">
        {t("csv_figures")}
      </a>
      <a class="button" href={href(".csv", "responses")} download="responses.csv">
        {t("csv_responses")}
      </a>
      <a class="button" href={href(".json")} download="response-times.json">
        {t("json")}
      </a>
      <button class="button" type="button" disabled={disabled} onClick={() => print()}>
        {t("print")}
      </button>
    </div>
  );
}

function Body({ report }: { report: ResponseTimes }) {
  const total = totalOf(report);
  if (total === undefined || holdsNothing(report)) {
    return (
      <Note>
        <p>
          {t("nothing")} {t("nothing_next")}
        </p>
      </Note>
    );
  }
  return (
    <>
      <div class="shares">
        <ShareCard line={total} cohort="arrival" share={total.arrived} name={t("arrived")} long={t("arrived_long")}>
          {t("arrived_means")}
        </ShareCard>
        <ShareCard line={total} cohort="determination" share={total.determined} name={t("determined")} long={t("determined_long")}>
          {t("determined_means")}
        </ShareCard>
      </div>
      <section class="card">
        <h2>{t("by_month")}</h2>
        <OnTime report={report} />
      </section>
      <section class="card">
        <h2>{t("by_fate")}</h2>
        <p class="quiet">{t("by_fate_means")}</p>
        <Fates report={report} />
      </section>
      <section class="card definitions">
        <h2>{t("definitions")}</h2>
        <p>{t("clock_means")}</p>
        <p>{t("spread_means")}</p>
        {report.unverified.length > 0 && <p class="warn-words">{t("unverified", { list: report.unverified.map(standardWords).join(", ") })}</p>}
      </section>
    </>
  );
}

interface ShareCardProps {
  readonly line: Line;
  readonly cohort: Cohort;
  readonly share: Share;
  readonly name: string;
  readonly long: string;
  readonly children: ComponentChildren;
}

function ShareCard({ line, cohort, share, name, long, children }: ShareCardProps) {
  return (
    <section class="card share-card">
      <h2>{name}</h2>
      <p>{long}</p>
      <p class="big figures">
        <Figure line={line} cohort={cohort} figure={cohort === "arrival" ? "measured" : "judged"} name={name} text={percentText(share)} />
        <span class="quiet">{t("on_time_of", { n: share.numerator, of: share.denominator })}</span>
      </p>
      <Strip share={share} />
      <p class="quiet">{children}</p>
    </section>
  );
}

void startPage((session) => <Reports session={session} />);
