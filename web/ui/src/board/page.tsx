// The dispatcher's board: incidents, teams, map, calls and alarms on one page, by keyboard first.

import "../base.css";
import "./board.css";
import "./beside.css";
import { useEffect, useMemo } from "preact/hooks";
import { Bar } from "../components/Bar.tsx";
import { Icon } from "../components/Icon.tsx";
import { t } from "../messages/board.ts";
import { api, type Session } from "../session.ts";
import { followLive, startPage } from "../start.tsx";
import { acknowledgeDuress } from "../wire.ts";
import { answer, Calls, openCalls } from "./Calls.tsx";
import { loadCodes } from "./codes.ts";
import { Desk } from "./desk.ts";
import { Detail } from "./Detail.tsx";
import { startDraft } from "./draft.ts";
import { Alarms, openAlarms } from "./Duress.tsx";
import { Help } from "./Help.tsx";
import { Intake } from "./Intake.tsx";
import { startKeys } from "./keys.ts";
import { List } from "./List.tsx";
import { MapPanel, type MapHandle } from "./MapPanel.tsx";
import { Notices } from "./Notices.tsx";
import { isHeard, mayBeHeard, startSound, toggleSound } from "./sound.ts";
import { Teams } from "./Teams.tsx";

function Board({ desk, map, onNew }: { desk: Desk; map: MapHandle; onNew: () => void }) {
  const opened = desk.opened.value;
  const isTaking = desk.isTaking.value;
  const { live } = desk;
  useEffect(() => {
    document.title = `${t("title")} · ${desk.session.countyName}`;
    document.getElementById("incidents")?.focus();
  }, []);
  const fresh = live.freshness.value;
  return (
    <div class={`board ${isTaking || opened !== null ? "with-detail" : ""} ${fresh.state}`}>
      <Bar session={desk.session} fresh={fresh}>
        <Filters desk={desk} onNew={onNew} />
      </Bar>
      <Alarms desk={desk} />
      <div class="strip">
        <Calls desk={desk} />
        <Notices desk={desk} />
      </div>
      <main>
        <h1 class="said">{t("title")}</h1>
        <List desk={desk} />
        {(isTaking || opened !== null) && (
          <div class="beside">{isTaking ? <Intake desk={desk} /> : opened !== null && <Detail key={opened} desk={desk} id={opened} />}</div>
        )}
        <MapPanel desk={desk} handle={map} />
        <Teams desk={desk} />
        {desk.showsKeys.value && <Help desk={desk} />}
      </main>
    </div>
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
      <button type="button" class="button small" aria-pressed={isHeard.value} onClick={toggleSound}>
        <Icon name="bell" /> {!isHeard.value ? t("sound_off") : mayBeHeard.value ? t("sound_on") : t("sound_waits")}
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
    startSound(made);
    startKeys(made, {
      newCall: begin,
      answer: () => {
        const ringing = openCalls(made).find((call) => call.state === "offered");
        // Somebody else may have been quicker; the board then shows who.
        if (ringing) void answer(made, ringing).catch(() => undefined);
      },
      acknowledge: () => {
        const raw = openAlarms(made).find((one) => one.acknowledged_at === null);
        if (raw) void api.call(acknowledgeDuress, { path: { duress_id: raw.id }, body: {} }).catch(() => undefined);
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
