// What happened to one response, oldest first. Opening it is noted; whose it isn't, says why.

import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { Refusal } from "../api.ts";
import { loadCodes, roleWord, word } from "../board/codes.ts";
import { kindsOf, more, title } from "../board/happened.ts";
import { changeWords } from "../components/changes.ts";
import { Trouble } from "../components/Note.tsx";
import { dateTime, timeSeconds } from "../format.ts";
import { t as board } from "../messages/board.ts";
import { t as common } from "../messages/common.ts";
import { t } from "../messages/reports.ts";
import { api, holds, session } from "../session.ts";
import { getIncidentTimeline, MAY, type Event, type Timeline } from "../wire.ts";

const PURPOSES = ["quality_review", "supervision", "audit", "complaint", "record_request", "legal", "care_coordination", "follow_up", "emergency"] as const;
type Purpose = (typeof PURPOSES)[number];

/** What was said last, offered again; never sent by itself. */
let lastPurpose: Purpose | "" = "";

export function TimelineOf({ incident }: { incident: string }) {
  const timeline = useSignal<Timeline | null>(null);
  // Whose own it can't be is asked before the server must refuse.
  const mayOwn = session.value !== null && holds(session.value, MAY.openAsOwn);
  const isAsked = useSignal(!mayOwn);
  const trouble = useSignal<unknown>(null);
  const isLoading = useSignal(mayOwn);
  async function load(purpose?: Purpose) {
    isLoading.value = true;
    trouble.value = null;
    try {
      timeline.value = await api.call(getIncidentTimeline, { path: { incident_id: incident }, query: { purpose } });
      isAsked.value = false;
    } catch (error) {
      if (error instanceof Refusal && error.code === "purpose_needed") isAsked.value = true;
      else trouble.value = error;
    } finally {
      isLoading.value = false;
    }
  }
  useEffect(() => {
    void loadCodes();
    if (mayOwn) void load();
  }, []);
  if (timeline.value !== null) return <Entries timeline={timeline.value} />;
  return (
    <>
      {isLoading.value && <p class="quiet">{common("loading")}</p>}
      <Trouble trouble={trouble.value} />
      {isAsked.value && <Why open={(purpose) => void load(purpose)} />}
    </>
  );
}

function Why({ open }: { open: (purpose: Purpose) => void }) {
  const chosen = useSignal<Purpose | "">(lastPurpose);
  return (
    <form
      class="why"
      onSubmit={(event) => {
        event.preventDefault();
        if (chosen.value === "") return;
        lastPurpose = chosen.value;
        open(chosen.value);
      }}
    >
      <p>{t("purpose_why")}</p>
      <label class="field">
        {t("purpose")}
        <select name="purpose" required value={chosen.value} onChange={(event) => (chosen.value = event.currentTarget.value as Purpose | "")}>
          <option value="">{t("purpose_choose")}</option>
          {PURPOSES.map((one) => (
            <option key={one} value={one}>
              {t(`purpose_${one}`)}
            </option>
          ))}
        </select>
      </label>
      <button class="button main" type="submit">
        {t("open")}
      </button>
    </form>
  );
}

function Entries({ timeline }: { timeline: Timeline }) {
  const kinds = kindsOf(timeline);
  return (
    <ol class="timeline" aria-label={t("timeline")}>
      {timeline.events.map((event) => (
        <li key={event.seq} data-event={event.body.type}>
          <time class="figures" dateTime={event.occurred_at}>
            {dateTime(event.occurred_at)}
          </time>
          <div>
            <p>
              {title(event.body.type)} {more(event.body, () => "", kinds)}
            </p>
            {(timeline.changes[event.seq] ?? []).map((change) => (
              <p key={`${change.field} ${change.code}`}>{changeWords(change, word)}</p>
            ))}
            <p class="quiet">
              {event.actor === null ? t("by_timer") : (timeline.labels[event.actor] ?? roleWord(event.role))} · {board(`source_${event.source}`)}
              {isLate(event) && ` · ${t("entered_later", { when: timeSeconds(event.recorded_at) })}`}
            </p>
          </div>
        </li>
      ))}
    </ol>
  );
}

/** Entered more than a minute after it happened. */
const isLate = (event: Event): boolean => Date.parse(event.recorded_at) - Date.parse(event.occurred_at) > 60_000;
