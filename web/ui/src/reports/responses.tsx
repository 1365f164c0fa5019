// The responses behind a figure, over the report: a list, and one's timeline.

import { useEffect, useRef } from "preact/hooks";
import { Icon } from "../components/Icon.tsx";
import { dateTime } from "../format.ts";
import { t } from "../messages/reports.ts";
import type { ResponseTimes } from "../wire.ts";
import { address, go, type Chosen } from "./address.ts";
import { classText, fateText, figureText, listOf, minutesText, monthText, type Listed } from "./figures.ts";
import { TimelineOf } from "./timeline.tsx";

export function Responses({ report, chosen }: { report: ResponseTimes; chosen: Chosen }) {
  const box = useRef<HTMLDialogElement>(null);
  const { incident } = address.value;
  useEffect(() => {
    box.current?.showModal();
  }, []);
  const listed = listOf(report, chosen);
  const open = listed.find((one) => one.incident_id === incident);
  const close = () => go({ chosen: null, incident: null });
  return (
    <dialog
      ref={box}
      class="responses"
      aria-labelledby="responses-title"
      onCancel={(event) => {
        event.preventDefault();
        close();
      }}
      onClick={(event) => {
        if (event.target === box.current) close();
      }}
    >
      <header>
        <div>
          <h2 id="responses-title">{open ? t("incident_numbered", { number: String(open.number) }) : figureText(chosen.figure)}</h2>
          <p class="quiet">
            {t(chosen.cohort === "arrival" ? "arrived" : "determined")} · {monthText(chosen.month)} · {classText(chosen.areaClass)}
            {!open && ` · ${listed.length}`}
          </p>
        </div>
        <button type="button" class="button" onClick={close}>
          <Icon name="close" /> {t("close")}
        </button>
      </header>
      {open ? (
        <>
          <button type="button" class="button back" onClick={() => go({ incident: null })}>
            {t("back")}
          </button>
          <Facts one={open} />
          <TimelineOf key={open.incident_id} incident={open.incident_id} />
        </>
      ) : (
        <List listed={listed} />
      )}
    </dialog>
  );
}

function List({ listed }: { listed: readonly Listed[] }) {
  if (listed.length === 0) return <p class="quiet">{t("none_listed")}</p>;
  return (
    <table class="list figures">
      <thead>
        <tr>
          <th scope="col">{t("number")}</th>
          <th scope="col">{t("determined_at")}</th>
          <th scope="col">{t("arrived_at")}</th>
          <th scope="col" class="amount">{t("minutes")}</th>
          <th scope="col">{t("fate")}</th>
        </tr>
      </thead>
      <tbody>
        {listed.map((one) => (
          <tr key={one.incident_id}>
            <th scope="row">
              <button
                type="button"
                class="figure"
                aria-label={t("open_timeline", { number: String(one.number) })}
                onClick={() => go({ incident: one.incident_id })}
              >
                {one.number}
              </button>
            </th>
            <td>{one.determined_at ? dateTime(one.determined_at) : t("not_available")}</td>
            <td>{one.arrived_at ? dateTime(one.arrived_at) : t("not_available")}</td>
            <td class="amount">{minutesText(one.minutes)}</td>
            <td>
              <FateMark fate={one.fate} />
              {one.entered_afterwards && <small class="quiet"> {t("entered_afterwards")}</small>}
              {one.arrival_disputed && <small class="warn-words"> {t("arrival_disputed")}</small>}
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

function FateMark({ fate }: { fate: string }) {
  const tone = fate === "on_time" ? "free" : fate === "late" || fate === "unserved" ? "alarm" : NEUTRAL.has(fate) ? "away" : "warn";
  const icon = tone === "free" ? "check" : tone === "away" ? "minus" : "clock";
  return (
    <span class={`mark tone-${tone} shape-${tone === "free" ? "round" : "square"}`}>
      <Icon name={icon} />
      {fateText(fate)}
    </span>
  );
}

const NEUTRAL = new Set(["cancelled_in_time", "not_due_yet", "excluded_setting", "not_measurable"]);

function Facts({ one }: { one: Listed }) {
  return (
    <dl class="facts figures">
      <div>
        <dt>{t("determined_at")}</dt>
        <dd>{one.determined_at ? dateTime(one.determined_at) : t("not_available")}</dd>
      </div>
      <div>
        <dt>{t("arrived_at")}</dt>
        <dd>{one.arrived_at ? dateTime(one.arrived_at) : t("not_available")}</dd>
      </div>
      <div>
        <dt>{t("minutes")}</dt>
        <dd>{minutesText(one.minutes)}</dd>
      </div>
      <div>
        <dt>{t("fate")}</dt>
        <dd>
          <FateMark fate={one.fate} />
          {one.entered_afterwards && <small class="quiet"> {t("entered_afterwards")}</small>}
          {one.arrival_disputed && <small class="warn-words"> {t("arrival_disputed")}</small>}
        </dd>
      </div>
    </dl>
  );
}
