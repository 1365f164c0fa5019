// Which period is meant: the last three full months, one month, or any days.

import { useSignal } from "@preact/signals";
import { COUNTY_ZONE } from "../format.ts";
import { t } from "../messages/reports.ts";
import { clock } from "../session.ts";
import { address, go } from "./address.ts";
import { monthText } from "./figures.ts";

const MONTHS = 13;

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

/** `asOf`: county time as the last report told it; `null` = none yet. */
export function PeriodChoice({ asOf }: { asOf: string | null }) {
  const { since, until } = address.value;
  const isCustom = useSignal(false);
  const today = dayOf(asOf === null ? clock.now() : Date.parse(asOf));
  const months = recentMonths(today, MONTHS);
  const month = months.find((one) => since === `${one}-01` && until === lastDay(one));
  const shown = isCustom.value ? "custom" : since === null ? "last" : (month ?? "custom");
  function choose(wanted: string) {
    isCustom.value = wanted === "custom";
    if (wanted === "last") go({ since: null, until: null, chosen: null, incident: null });
    else if (wanted !== "custom") go({ since: `${wanted}-01`, until: lastDay(wanted), chosen: null, incident: null });
  }
  function submit(event: SubmitEvent) {
    event.preventDefault();
    const given = new FormData(event.currentTarget as HTMLFormElement);
    isCustom.value = false;
    go({ since: String(given.get("since")), until: String(given.get("until")), chosen: null, incident: null });
  }
  return (
    <div class="period">
      <label class="field">
        {t("period")}
        <select value={shown} onChange={(event) => choose(event.currentTarget.value)}>
          <option value="last">{t("period_last")}</option>
          {months.map((one) => (
            <option key={one} value={one}>
              {monthText(one)}
            </option>
          ))}
          <option value="custom">{t("period_custom")}</option>
        </select>
      </label>
      {shown === "custom" && (
        <form onSubmit={submit}>
          <label class="field">
            {t("first_day")}
            <input type="date" name="since" required value={since ?? ""} />
          </label>
          <label class="field">
            {t("last_day")}
            <input type="date" name="until" required value={until ?? today} />
          </label>
          <button class="button main" type="submit">
            {t("show")}
          </button>
        </form>
      )}
    </div>
  );
}
