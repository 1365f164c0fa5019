// What is owed to people after a run: who to reach, why, by when, and what came of it.

import "../base.css";
import "./follow-up.css";
import { signal, useSignal } from "@preact/signals";
import { useEffect, useMemo } from "preact/hooks";
import { loadCodes, word } from "../board/codes.ts";
import { named, readable, shownValue } from "../board/records.ts";
import { owed, Settle } from "../board/Owed.tsx";
import { Act } from "../components/Act.tsx";
import { Bar } from "../components/Bar.tsx";
import { Icon } from "../components/Icon.tsx";
import { Note, Trouble } from "../components/Note.tsx";
import { Left } from "../components/Timer.tsx";
import { dateTime } from "../format.ts";
import type { Live } from "../live.ts";
import { t as board } from "../messages/board.ts";
import { t as common } from "../messages/common.ts";
import { t } from "../messages/follow-up.ts";
import { api, clock, type Session } from "../session.ts";
import { followLive, startPage } from "../start.tsx";
import { instant } from "../time.ts";
import { addNote, getIncident, getIncidentRecords, reassignObligation, type ObligationView, type OpenedIncident, type OpenedRecords } from "../wire.ts";

const opened = signal<string | null>(null);

function FollowUp({ session, live }: { session: Session; live: Live<"follow_up"> }) {
  const me = session.who.account_id;
  const all = owed(live.of("obligation").all.value.values());
  const groups = [
    { key: "mine", ones: all.filter((one) => one.owner === me) },
    { key: "free", ones: all.filter((one) => one.owner === null) },
    { key: "others", ones: all.filter((one) => one.owner !== null && one.owner !== me) },
  ] as const;
  return (
    <>
      <Bar session={session} fresh={live.freshness.value} />
      <main class="follow-up">
        <h1>{t("title")}</h1>
        {all.length === 0 && live.freshness.value.state === "live" && <p class="quiet">{t("none")}</p>}
        {groups.map(
          ({ key, ones }) =>
            ones.length > 0 && (
              <section key={key} aria-labelledby={`group-${key}`}>
                <h2 id={`group-${key}`}>{t(key, { n: ones.length })}</h2>
                <ul>
                  {ones.map((one) => (
                    <Item key={one.id} one={one} me={me} />
                  ))}
                </ul>
              </section>
            ),
        )}
      </main>
    </>
  );
}

function Item({ one, me }: { one: ObligationView; me: string }) {
  const isOpen = opened.value === one.id;
  const isLate = one.state === "missed" || instant(one.due_at) < clock.second.value;
  return (
    <li class="card" data-obligation={one.kind}>
      <button type="button" class="head" aria-expanded={isOpen} onClick={() => (opened.value = isOpen ? null : one.id)}>
        <span class={`mark ${isLate ? "tone-alarm shape-thick" : "tone-free shape-round"}`}>
          <Icon name={isLate ? "alarm" : "clock"} />
          <Left until={one.due_at} />
        </span>
        <b>{board(`obligation_${one.kind}`)}</b>
        <span class="quiet">
          {dateTime(one.due_at)}
          {one.attempts > 0 && ` · ${t("tries", { n: one.attempts })}`}
          {one.last_attempt_at !== null && ` · ${t("last_try", { time: dateTime(one.last_attempt_at) })}`}
        </span>
      </button>
      {isOpen && (
        <div class="open">
          {one.owner !== me && (
            <Act run={(key) => api.call(reassignObligation, { path: { obligation_id: one.id }, body: { owner: me }, key })}>{t("take")}</Act>
          )}
          {one.incident_id === null ? <p class="quiet">{t("no_incident")}</p> : <About incident={one.incident_id} />}
          <h3>{t("settle")}</h3>
          <Settle one={one} />
        </div>
      )}
    </li>
  );
}

/** Whom to reach and what happened: opened by request, and each reading is noted. */
function About({ incident }: { incident: string }) {
  const found = useSignal<{ incident: OpenedIncident; records: OpenedRecords } | null>(null);
  const trouble = useSignal<unknown>(null);
  const note = useSignal("");
  const look = async (): Promise<void> => {
    const given = { path: { incident_id: incident }, query: { purpose: "follow_up" as const } };
    try {
      const [whole, records] = await Promise.all([api.call(getIncident, given), api.call(getIncidentRecords, given)]);
      found.value = { incident: whole, records };
    } catch (error) {
      trouble.value = error;
    }
  };
  useEffect(() => void look(), [incident]);
  if (found.value === null) return trouble.value === null ? <p class="quiet">{common("loading")}</p> : <Trouble trouble={trouble.value} />;
  const whole = found.value.incident.incident;
  return (
    <section>
      <h3>{t("about", { number: whole.number })}</h3>
      <dl>
        {readable(found.value.records).flatMap((record) =>
          Object.entries(record.fields ?? {})
            .filter(([, value]) => typeof value === "boolean" || (typeof value === "string" && value !== ""))
            .map(([name, value]) => (
              <div key={`${record.head.id} ${name}`}>
                <dt>{named(name, record.head.kind)}</dt>
                <dd>
                  {name === "callback" ? <a href={`tel:${String(value)}`}>{String(value)}</a> : shownValue(name, value)}
                </dd>
              </div>
            )),
        )}
        {whole.encounters.map((one) => (
          <div key={one.id}>
            <dt>{t("ended")}</dt>
            <dd>
              {one.disposition === null ? t("not_recorded") : word("disposition", one.disposition)} · {dateTime(one.recorded_at)}
            </dd>
          </div>
        ))}
      </dl>
      {found.value.records.records.length === 0 && <Note>{t("no_records")}</Note>}
      <label class="field">
        {t("note")}
        <textarea rows={3} value={note.value} onInput={(event) => (note.value = event.currentTarget.value)} />
      </label>
      <Act
        disabled={note.value.trim() === ""}
        run={async (key) => {
          await api.call(addNote, { path: { incident_id: incident }, body: { text: note.peek() }, key });
          note.value = "";
          await look();
        }}
      >
        {t("add_note")}
      </Act>
    </section>
  );
}

function Page({ session }: { session: Session }) {
  const live = useMemo(() => {
    void loadCodes();
    return followLive(session, "follow_up");
  }, []);
  return <FollowUp session={session} live={live} />;
}

void startPage((session) => <Page session={session} />);
