// Looking for an incident, past ones too: by number, by day, by state. Opens like any other.

import { signal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { AcuityMark } from "../components/Mark.tsx";
import { Trouble } from "../components/Note.tsx";
import { dateTime, time } from "../format.ts";
import { t as common } from "../messages/common.ts";
import { t } from "../messages/board.ts";
import { t as say } from "../messages/desk.ts";
import { api, clock } from "../session.ts";
import { instant } from "../time.ts";
import { getIncidents, INCIDENT_STATE_WORDS, type IncidentState, type ListedIncident } from "../wire.ts";
import { endReason, word } from "./codes.ts";
import type { Desk } from "./desk.ts";
import { focusOnce } from "./focus.ts";
import { localDay } from "./local.ts";

interface Query {
  readonly number: string;
  readonly since: string;
  readonly until: string;
  readonly state: IncidentState | "";
}

interface Found {
  readonly query: Query;
  readonly lines: readonly ListedIncident[];
  readonly nextBelow: number | null;
}

// Kept while something else is open: whoever comes back from an incident finds what was asked.
const query = signal<Query>({ number: "", since: "", until: "", state: "" });
const found = signal<Found | null>(null);
const trouble = signal<unknown>(null);
const isAsking = signal(false);

const edit = (part: Partial<Query>): void => {
  query.value = { ...query.peek(), ...part };
};

/** Counts the questions: only the last one's answer is shown. */
let asked = 0;

async function ask(more: boolean): Promise<void> {
  const turn = ++asked;
  const before = more ? found.peek() : null;
  const wanted = before?.query ?? query.peek();
  isAsking.value = true;
  trouble.value = null;
  try {
    const page = await api.call(getIncidents, {
      query: {
        ...(wanted.number.trim() === "" ? {} : { number: wanted.number.trim() }),
        ...(wanted.since === "" ? {} : { since: wanted.since }),
        ...(wanted.until === "" ? {} : { until: wanted.until }),
        ...(wanted.state === "" ? {} : { state: wanted.state }),
        ...(before === null || before.nextBelow === null ? {} : { below: before.nextBelow }),
      },
    });
    if (turn !== asked) return;
    found.value = { query: wanted, lines: [...(before?.lines ?? []), ...page.incidents], nextBelow: page.next_below };
  } catch (error) {
    if (turn === asked) trouble.value = error;
  } finally {
    if (turn === asked) isAsking.value = false;
  }
}

export function Find({ desk }: { desk: Desk }) {
  const wanted = query.value;
  const shown = found.value;
  useEffect(() => {
    if (found.peek() === null) void ask(false);
  }, []);
  return (
    <section class="panel find" aria-label={say("find")}>
      <header class="line">
        <h2>{say("find")}</h2>
        <button type="button" class="button plain" onClick={() => desk.back()}>
          <kbd>Esc</kbd> <span class="said">{t("close_panel")}</span>
        </button>
      </header>
      <form
        class="tool"
        role="search"
        onSubmit={(event) => {
          event.preventDefault();
          void ask(false);
        }}
      >
        <div class="four">
          <label class="field">
            {say("find_number")}
            <input name="find-number" ref={focusOnce} autocomplete="off" maxLength={20} value={wanted.number} onInput={(event) => edit({ number: event.currentTarget.value })} />
          </label>
          <label class="field">
            {say("find_since")}
            <input type="date" name="find-since" max={localDay(clock.now())} value={wanted.since} onInput={(event) => edit({ since: event.currentTarget.value })} />
          </label>
          <label class="field">
            {say("find_until")}
            <input type="date" name="find-until" value={wanted.until} onInput={(event) => edit({ until: event.currentTarget.value })} />
          </label>
          <label class="field">
            {say("find_state")}
            <select name="find-state" value={wanted.state} onChange={(event) => edit({ state: event.currentTarget.value as IncidentState | "" })}>
              <option value="">{say("find_any")}</option>
              {INCIDENT_STATE_WORDS.map((state) => (
                <option key={state} value={state}>
                  {say(`state_${state}`)}
                </option>
              ))}
            </select>
          </label>
        </div>
        <div class="acts">
          <button type="submit" class="button main" aria-busy={isAsking.value}>
            {isAsking.value ? common("loading") : say("find_do")}
          </button>
        </div>
        <Trouble trouble={trouble.value} />
      </form>
      <div class="scroll" role="group" tabIndex={0} aria-label={say("find")}>
        {shown !== null && shown.lines.length === 0 && <p class="empty">{say("find_none")}</p>}
        <ul class="found">
          {shown?.lines.map((one) => (
            <Line key={one.incident_id} desk={desk} one={one} />
          ))}
        </ul>
        {shown !== null && shown.nextBelow !== null && (
          <button type="button" class="button plain" disabled={isAsking.value} onClick={() => void ask(true)}>
            {say("find_more")}
          </button>
        )}
      </div>
    </section>
  );
}

function Line({ desk, one }: { desk: Desk; one: ListedIncident }) {
  const isInTime = one.first_on_scene_at !== null && one.due_at !== null && instant(one.first_on_scene_at) <= instant(one.due_at);
  return (
    <li>
      <button type="button" data-found={one.number} onClick={() => desk.open(one.incident_id, one.number)}>
        <b class="figures">#{one.number}</b>
        <span class="figures">{dateTime(one.received_at)}</span>
        <span>
          {say(`state_${one.state}`)}
          {one.is_open && <span class="quiet"> · {say("find_open")}</span>}
        </span>
        <span>{one.acuity === null ? <span class="quiet">—</span> : <AcuityMark acuity={one.acuity} />}</span>
        <span class="more quiet">
          {[
            one.outcome !== null && word("incident_outcome", one.outcome),
            one.reason !== null && endReason(one.reason),
            one.ended_at !== null && `${say("find_result")} ${time(one.ended_at)}`,
            one.paper_number !== null && say("find_paper", { number: one.paper_number }),
          ]
            .filter(Boolean)
            .join(" · ")}
          {one.first_on_scene_at !== null && one.due_at !== null && (
            <span class={isInTime ? "good-words" : "alarm-words"}>
              {" "}
              {isInTime ? t("deadline_met") : t("deadline_missed")} {time(one.first_on_scene_at)}
            </span>
          )}
        </span>
      </button>
    </li>
  );
}
