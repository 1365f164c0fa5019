// Which period is meant: the last three full months, one month, or any days.

import { useSignal } from "@preact/signals";
import { t } from "../messages/reports.ts";
import { clock } from "../session.ts";
import { address, go } from "./address.ts";
import { dayOf, lastDay, lastFullMonths, recentMonths, type Days } from "./days.ts";
import { monthText } from "./figures.ts";

const MONTHS = 13;

interface PeriodChoiceProps {
  /** County time as the last report told it; `null` = none yet. */
  readonly asOf: string | null;
  /** This month's days, shown in place of the last three full months; `null` = nothing is. */
  readonly instead: Days | null;
}

export function PeriodChoice({ asOf, instead }: PeriodChoiceProps) {
  const { since, until } = address.value;
  const isCustom = useSignal(false);
  const today = dayOf(asOf === null ? clock.now() : Date.parse(asOf));
  const months = recentMonths(today, MONTHS);
  const month = months.find((one) => since === `${one}-01` && until === lastDay(one));
  const last = lastFullMonths(today);
  const isLast = since === null ? until === null : since === last.since && until === last.until;
  const shown = isCustom.value ? "custom" : instead ? instead.since.slice(0, 7) : isLast ? "last" : (month ?? "custom");
  function choose(wanted: string) {
    isCustom.value = wanted === "custom";
    // Named by their days: whoever chooses them sees them, empty or not.
    if (wanted === "last") go({ ...last, chosen: null, incident: null });
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
            <input type="date" name="since" required value={since ?? instead?.since ?? ""} />
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
