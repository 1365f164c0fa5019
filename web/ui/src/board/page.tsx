// The dispatcher's board: incidents, teams, map, calls and alarms on one page, by keyboard first.

import "../base.css";
import "./board.css";
import "./beside.css";
import "./acts.css";
import { useEffect, useMemo } from "preact/hooks";
import { Bar } from "../components/Bar.tsx";
import { leaveTrouble } from "../components/unread.ts";
import { Icon } from "../components/Icon.tsx";
import { t } from "../messages/board.ts";
import { t as say } from "../messages/desk.ts";
import { api, type Session } from "../session.ts";
import { followLive, startPage } from "../start.tsx";
import { acknowledgeDuress } from "../wire.ts";
import { answer, Calls, openCalls } from "./Calls.tsx";
import { Claims, openClaims } from "./Claims.tsx";
import { loadCodes } from "./codes.ts";
import { Desk } from "./desk.ts";
import { Detail } from "./Detail.tsx";
import { Find } from "./Find.tsx";
import { startDraft } from "./draft.ts";
import { Alarms, openAlarms } from "./Duress.tsx";
import { Help } from "./Help.tsx";
import { Intake } from "./Intake.tsx";
import { startKeys } from "./keys.ts";
import { List } from "./List.tsx";
import { MapPanel, type MapHandle } from "./MapPanel.tsx";
import { Notices } from "./Notices.tsx";
import { Owed } from "./Owed.tsx";
import { Paper } from "./Paper.tsx";
import { Standstill } from "../components/Standstill.tsx";
import { Silent } from "./Silent.tsx";
import { isHeard, mayBeHeard, startSound, toggleSound } from "./sound.ts";
import { followAnswers } from "./told.ts";
import { Teams } from "./Teams.tsx";

function Board({ desk, map, onNew }: { desk: Desk; map: MapHandle; onNew: () => void }) {
  const opened = desk.opened.value;
  const isTaking = desk.isTaking.value;
  const side = desk.side.value;
  const hasBeside = isTaking || opened !== null || side !== "none";
  const { live } = desk;
  useEffect(() => {
    document.title = `${t("title")} · ${desk.session.countyName}`;
    document.getElementById("incidents")?.focus();
  }, []);
  const fresh = live.freshness.value;
  return (
    <div class={`board ${hasBeside ? "with-detail" : ""} ${fresh.state}`}>
      <Bar session={desk.session} fresh={fresh} showsUnread={false}>
        <Filters desk={desk} onNew={onNew} />
      </Bar>
      <Standstill fresh={fresh} trouble={live.trouble.value} />
      <Alarms desk={desk} />
      <Claims desk={desk} />
      <div class="strip">
        <Calls desk={desk} />
        <Notices desk={desk} />
      </div>
      <main>
        <h1 class="said">{t("title")}</h1>
        <div class="left">
          <List desk={desk} />
          <Owed desk={desk} />
        </div>
        {hasBeside && (
          <div class="beside">
            {isTaking ? <Intake desk={desk} /> : opened !== null ? <Detail key={opened} desk={desk} id={opened} /> : side === "find" ? <Find desk={desk} /> : <Paper desk={desk} />}
          </div>
        )}
        <MapPanel desk={desk} handle={map} />
        <Teams desk={desk} />
        {desk.showsKeys.value && <Help desk={desk} />}
      </main>
      <Silent isUrgent={openAlarms(desk).length > 0 || openClaims(desk).length > 0} />
    </div>
  );
}

/** A word with the room of the longest that may stand there: what lies behind it never moves under a finger. */
function Sized({ word, among }: { word: string; among: readonly string[] }) {
  return (
    <span class="sized">
      {among.map((one) => (
        <span key={one} aria-hidden="true">
          {one}
        </span>
      ))}
      <span>{word}</span>
    </span>
  );
}

function Filters({ desk, onNew }: { desk: Desk; onNew: () => void }) {
  const filter = desk.filter.value;
  return (
    <div class="filters" role="search">
      <button type="button" class="button main small" onClick={onNew}>
        <kbd>N</kbd> {t("new_call")}
      </button>
      <input
        id="filter"
        type="search"
        aria-label={t("filter")}
        placeholder={t("filter_hint")}
        value={filter.text}
        onInput={(event) => (desk.filter.value = { ...filter, text: event.currentTarget.value })}
        onKeyDown={(event) => {
          if (event.key !== "Enter") return;
          event.preventDefault();
          document.getElementById("incidents")?.focus();
        }}
      />
      <button type="button" class="button small" aria-pressed={filter.mine} onClick={() => (desk.filter.value = { ...filter, mine: !filter.mine })}>
        <kbd>M</kbd> {t("filter_mine")}
      </button>
      <button type="button" class="button small" aria-pressed={filter.waiting} onClick={() => (desk.filter.value = { ...filter, waiting: !filter.waiting })}>
        <kbd>W</kbd> {t("filter_waiting")}
      </button>
      <button type="button" class="button small" aria-pressed={desk.side.value === "find"} onClick={() => desk.show(desk.side.peek() === "find" ? "none" : "find")}>
        <kbd>F</kbd> {say("find_short")}
      </button>
      <button type="button" class="button small" aria-pressed={isHeard.value} onClick={toggleSound}>
        <Icon name="bell" /> <Sized word={!isHeard.value ? t("sound_off") : mayBeHeard.value ? t("sound_on") : t("sound_waits")} among={[t("sound_off"), t("sound_on"), t("sound_waits")]} />
      </button>
      <button type="button" class="button small" aria-pressed={desk.showsKeys.value} onClick={() => (desk.showsKeys.value = !desk.showsKeys.value)}>
        <kbd>?</kbd> {t("keys")}
      </button>
    </div>
  );
}

function Page({ session }: { session: Session }) {
  const [desk, map, newCall] = useMemo(() => {
    const made = new Desk(followLive(session, "desk"), session);
    const handle: MapHandle = { refit: () => undefined };
    const begin = () => {
      startDraft(null);
      made.take();
    };
    followAnswers(api);
    startSound(made);
    startKeys(made, {
      newCall: begin,
      answer: () => {
        const ringing = openCalls(made).find((call) => call.state === "offered");
        // Somebody else may have been quicker.
        if (ringing) void answer(made, ringing).catch(leaveTrouble);
      },
      acknowledge: () => {
        const raw = openAlarms(made).find((one) => one.acknowledged_at === null);
        if (raw) void api.call(acknowledgeDuress, { path: { duress_id: raw.id }, body: {} }).catch(leaveTrouble);
      },
      owed: () => (document.querySelector<HTMLElement>("#owed li button") ?? document.querySelector<HTMLElement>("#owed button"))?.focus(),
      teams: () => {
        const teams = [...made.live.of("team").all.peek().values()];
        const opened = made.opened.peek();
        const onIt = opened === null ? undefined : made.incident(opened)?.runs.at(-1)?.team_id;
        made.team.value = onIt ?? teams.find((team) => team.duty !== "off_shift")?.id ?? null;
      },
      sound: toggleSound,
      refit: () => handle.refit(),
    });
    void loadCodes();
    return [made, handle, begin] as const;
  }, []);
  return <Board desk={desk} map={map} onNew={newCall} />;
}

void startPage((session) => <Page session={session} />);
