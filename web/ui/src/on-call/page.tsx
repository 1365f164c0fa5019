// Who is rung for when nobody at the desk answers: what waits, where, who has it, and taking it in hand.

import "../base.css";
import "../board/board.css";
import "../board/beside.css";
import "./on-call.css";
import { signal, useSignal } from "@preact/signals";
import { useEffect, useMemo } from "preact/hooks";
import { loadCodes, word } from "../board/codes.ts";
import { followAnswers } from "../board/told.ts";
import { Desk } from "../board/desk.ts";
import { openCalls } from "../board/Calls.tsx";
import { Claims, openClaims } from "../board/Claims.tsx";
import { Alarms, openAlarms } from "../board/Duress.tsx";
import { Facts } from "../board/Facts.tsx";
import { CallerInHand, InHand, needsHands } from "../board/InHand.tsx";
import { Deadline } from "../board/List.tsx";
import { Notices } from "../board/Notices.tsx";
import { byUrgency } from "../board/order.ts";
import { SlotWords } from "../board/Ownership.tsx";
import { Silent } from "../board/Silent.tsx";
import { isHeard, startSound, toggleSound } from "../board/sound.ts";
import { hazardWords, placeWords } from "../board/words.ts";
import { Act } from "../components/Act.tsx";
import { Bar } from "../components/Bar.tsx";
import { Icon } from "../components/Icon.tsx";
import { AcuityMark, PhaseMark } from "../components/Mark.tsx";
import { Note, Trouble } from "../components/Note.tsx";
import { Standstill } from "../components/Standstill.tsx";
import { Since } from "../components/Timer.tsx";
import { t as board } from "../messages/board.ts";
import { t as common } from "../messages/common.ts";
import { t } from "../messages/on-call.ts";
import { api, type Session } from "../session.ts";
import { followLive, startPage } from "../start.tsx";
import { addNote, getIncident, getIncidentRecords, getSessionChannels, type CallView, type IncidentView, type OpenedIncident, type OpenedRecords } from "../wire.ts";

const opened = signal<string | null>(null);
type Told = { readonly incident: OpenedIncident; readonly records: OpenedRecords };

function OnCall({ desk }: { desk: Desk }) {
  const fresh = desk.live.freshness.value;
  const all = [...desk.live.of("incident").all.value.values()].sort(byUrgency);
  const waiting = all.filter(needsHands);
  const callers = openCalls(desk).filter((call) => call.waiting_since !== null);
  const others = all.filter((one) => !needsHands(one) && one.ended_at === null);
  // What an alarm or a notice names is opened here.
  const wanted = desk.opened.value;
  useEffect(() => {
    if (wanted !== null) opened.value = wanted;
  }, [wanted]);
  return (
    <>
      <Bar session={desk.session} fresh={fresh} showsUnread={false}>
        <button type="button" class="button small" aria-pressed={isHeard.value} onClick={toggleSound}>
          <Icon name="bell" /> {t("sound")}
        </button>
      </Bar>
      <Standstill fresh={fresh} trouble={desk.live.trouble.value} />
      <Alarms desk={desk} />
      <Claims desk={desk} />
      <main class="on-call">
        <h1>{t("title")}</h1>
        <p class="quiet">{t("hint")}</p>
        <Reached />
        <Notices desk={desk} />
        {callers.length > 0 && <Callers desk={desk} calls={callers} />}
        {fresh.state === "live" && waiting.length === 0 && callers.length === 0 && <p>{t("calm")}</p>}
        {waiting.length > 0 && <Group desk={desk} title={t("waiting", { n: waiting.length })} ones={waiting} />}
        {others.length > 0 && <Group desk={desk} title={t("others", { n: others.length })} ones={others} />}
      </main>
      <Silent isUrgent={openAlarms(desk).length > 0 || openClaims(desk).length > 0} />
    </>
  );
}

/** Says so where alarms would not reach this person away from the page. */
function Reached() {
  const lacks = useSignal<"mail_none" | "mail_untried" | null>(null);
  useEffect(() => {
    const look = async () => {
      const { channels } = await api.call(getSessionChannels, {});
      lacks.value = channels.length === 0 ? "mail_none" : channels.some((one) => one.verified_at !== null && one.failed_at === null) ? null : "mail_untried";
    };
    void look().catch(() => undefined);
  }, []);
  if (lacks.value === null) return null;
  return (
    <Note tone="warn">
      {t(lacks.value)} <a href="/account#alarms">{t("mail_set")}</a>
    </Note>
  );
}

/** Who waits on a line: only the desk can speak with them, so this is whom to call there. */
function Callers({ desk, calls }: { desk: Desk; calls: readonly CallView[] }) {
  return (
    <section aria-label={t("callers")}>
      <h2>{t("callers")}</h2>
      <ul>
        {calls.map((call) => (
          <li key={call.id} class="card" data-call={call.state}>
            <div class="line">
              <Icon name="phone" />
              <h3>{board(`call_${call.state as "offered" | "held" | "transferring"}`)}</h3>
              <Since from={call.waiting_since as string} />
              {call.told > 0 && <strong class="alarm-words">{board("call_waits_long")}</strong>}
            </div>
            <CallerInHand desk={desk} call={call} />
          </li>
        ))}
      </ul>
    </section>
  );
}

function Group({ desk, title, ones }: { desk: Desk; title: string; ones: readonly IncidentView[] }) {
  return (
    <section aria-label={title}>
      <h2>{title}</h2>
      <ul>
        {ones.map((one) => (
          <Item key={one.id} desk={desk} one={one} />
        ))}
      </ul>
    </section>
  );
}

function Item({ desk, one }: { desk: Desk; one: IncidentView }) {
  const isOpen = opened.value === one.id;
  const told = useSignal<Told | null>(null);
  const trouble = useSignal<unknown>(null);
  const look = async () => {
    try {
      const given = { path: { incident_id: one.id } };
      const [incident, records] = await Promise.all([api.call(getIncident, given), api.call(getIncidentRecords, given)]);
      told.value = { incident, records };
      trouble.value = null;
    } catch (error) {
      trouble.value = error;
    }
  };
  useEffect(() => {
    if (isOpen) void look();
  }, [isOpen, one.version, one.owner, one.in_hand_by]);
  const labels = told.value?.incident.incident ? told.value.incident.labels : {};
  return (
    <li class="card" data-incident={one.number}>
      <div class="line">
        <h3 class="figures">#{one.number}</h3>
        <PhaseMark phase={one.phase} />
        {one.acuity !== null && <AcuityMark acuity={one.acuity} />}
        <Deadline one={one} />
        {one.waiting_since !== null && (
          <span>
            {common("phase_waiting")} <Since from={one.waiting_since} />
          </span>
        )}
      </div>
      <p>
        {placeWords(one)}
        {hazardWords(one) !== "" && <span class="warn-words"> · {hazardWords(one)}</span>}
      </p>
      {one.flags.map((mark) => (
        <p key={mark.flag + mark.about} class="alarm-words">
          {word("incident_flag", mark.flag)} · <Since from={mark.at} />
        </p>
      ))}
      {one.slots.map((slot) => (
        <p key={slot.no}>
          <SlotWords slot={slot} />
        </p>
      ))}
      {one.owner === null && <p class="alarm-words">{board("no_owner")}</p>}
      {one.owner !== null && labels[one.owner] && <p class="quiet">{t("owner", { who: labels[one.owner] as string })}</p>}
      <InHand desk={desk} one={one} labels={labels} />
      <button type="button" class="button" aria-expanded={isOpen} onClick={() => (opened.value = isOpen ? null : one.id)}>
        {t("story")} {isOpen ? "▴" : "▾"}
      </button>
      {isOpen && (
        <div class="open">
          <Trouble trouble={trouble.value} />
          {told.value === null && trouble.value === null && <p class="quiet">{common("loading")}</p>}
          {told.value !== null && <Facts desk={desk} opened={told.value} one={one} />}
          <Write id={one.id} onDone={() => void look()} />
        </div>
      )}
    </li>
  );
}

function Write({ id, onDone }: { id: string; onDone: () => void }) {
  const text = useSignal("");
  return (
    <div class="field">
      <label>
        {t("write")}
        <textarea rows={2} value={text.value} onInput={(event) => (text.value = event.currentTarget.value)} />
      </label>
      <Act
        run={async (key) => {
          if (text.peek().trim() === "") return;
          await api.call(addNote, { path: { incident_id: id }, body: { text: text.peek() }, key });
          text.value = "";
          onDone();
        }}
      >
        {t("wrote")}
      </Act>
    </div>
  );
}

function Page({ session }: { session: Session }) {
  const desk = useMemo(() => {
    followAnswers(api);
    const made = new Desk(followLive(session, "desk"), session);
    startSound(made);
    void loadCodes();
    return made;
  }, []);
  useEffect(() => {
    document.title = `${t("title")} · ${session.countyName}`;
  }, []);
  return <OnCall desk={desk} />;
}

void startPage((session) => <Page session={session} />);
