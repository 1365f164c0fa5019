// The head of an opened incident: how it stands, who answers for it, and everything that can be done.

import { useSignal } from "@preact/signals";
import { Act } from "../components/Act.tsx";
import { AcuityMark, PhaseMark } from "../components/Mark.tsx";
import { Note } from "../components/Note.tsx";
import { t } from "../messages/board.ts";
import { t as say } from "../messages/desk.ts";
import { api } from "../session.ts";
import { acceptOwnership, handOver, MAY, type IncidentView, type OpenedIncident } from "../wire.ts";
import type { Desk, Tool } from "./desk.ts";
import { InHand } from "./InHand.tsx";
import { Deadline } from "./List.tsx";

export function Close({ desk }: { desk: Desk }) {
  return (
    <button
      type="button"
      class="button plain small"
      onClick={() => {
        desk.tool.value = "none";
        desk.opened.value = null;
      }}
    >
      <kbd>Esc</kbd> <span class="said">{t("close_panel")}</span>
    </button>
  );
}

type Row = readonly [tool: Tool, key: string, label: string, isThere: boolean];

function Tools({ desk, rows }: { desk: Desk; rows: readonly Row[] }) {
  return (
    <>
      {rows
        .filter(([, , , isThere]) => isThere)
        .map(([tool, key, label]) => (
          <button
            key={tool}
            type="button"
            class={`button small ${tool === "determine" ? "main" : ""}`}
            aria-pressed={desk.tool.value === tool}
            onClick={() => (desk.tool.value = desk.tool.value === tool ? "none" : tool)}
          >
            <kbd>{key}</kbd> {label}
          </button>
        ))}
    </>
  );
}

export function Head({ desk, one, labels }: { desk: Desk; one: IncidentView; labels: Readonly<Record<string, string>> }) {
  const showsMore = useSignal(false);
  const isDecided = one.determined_at !== null;
  const isOver = one.ended_at !== null;
  const usual: readonly Row[] = [
    ["determine", "D", t("determine"), !isDecided && !isOver],
    ["amend", "E", t("amend"), isDecided && !isOver],
    ["place", "4", say("place_amend"), !isOver],
    ["note", "B", t("note"), true],
    ["partner", "P", t("ask_partner"), !isOver],
    ["close", "Z", t("close_incident"), isDecided && !isOver],
  ];
  const rare: readonly Row[] = [
    ["hand", "H", say("hand_over"), !isOver],
    ["slots", "L", say("slots"), isDecided && !isOver],
    ["merge", "G", say("merge"), !isOver],
    ["split", "Y", say("split"), one.absorbed.length > 0 && !isOver],
    ["divert", "V", say("divert"), one.runs.length > 0 && !isOver],
    ["times", "I", say("times"), one.runs.length > 0],
    ["ending", "1", say("ending"), one.runs.length > 0],
    ["owe", "2", say("owe"), true],
    ["reopen", "3", say("reopen"), one.ended_at !== null && one.state !== "merged"],
    ["cancel", "X", t("cancel_incident"), !isOver],
  ];
  const isRareInUse = rare.some(([tool]) => tool === desk.tool.value);
  return (
    <header>
      <div class="line">
        <h2 class="figures">#{one.number}</h2>
        <PhaseMark phase={one.phase} />
        {one.acuity !== null && <AcuityMark acuity={one.acuity} />}
        <Deadline one={one} />
        <Close desk={desk} />
      </div>
      <Owner desk={desk} one={one} labels={labels} />
      <InHand desk={desk} one={one} labels={labels} />
      <div class="line">
        <Tools desk={desk} rows={usual} />
        <button type="button" class="button small" aria-expanded={showsMore.value || isRareInUse} onClick={() => (showsMore.value = !showsMore.value)}>
          {say("more")} {showsMore.value || isRareInUse ? "▴" : "▾"}
        </button>
      </div>
      {(showsMore.value || isRareInUse) && (
        <div class="line">
          <Tools desk={desk} rows={rare} />
        </div>
      )}
    </header>
  );
}

function Owner({ desk, one, labels }: { desk: Desk; one: IncidentView; labels: Readonly<Record<string, string>> }) {
  if (one.ended_at !== null) return null;
  const named = (id: string) => (id === desk.account ? say("owned_by_you") : (labels[id] ?? "…"));
  const path = { incident_id: one.id };
  // Somebody else's is taken over by a supervisor alone.
  const mayTake = one.owner === null || desk.has(...MAY.ownAnything);
  return (
    <div class="line">
      {one.owner === null ? <span class="alarm-words">{t("no_owner")}</span> : <span class="quiet">{say("owned_by", { who: named(one.owner) })}</span>}
      {one.pending_owner !== null && one.pending_owner !== desk.account && <span class="warn-words">{say("hand_offered", { who: named(one.pending_owner) })}</span>}
      {one.pending_owner === desk.account ? (
        <Act class="small main" run={(key) => api.call(acceptOwnership, { path, body: {}, key })}>
          {t("accept_ownership")}
        </Act>
      ) : (
        one.owner !== desk.account &&
        mayTake && (
          <Act class="small" run={(key) => api.call(handOver, { path, body: { to: desk.account }, key })}>
            {t("take_over")}
          </Act>
        )
      )}
    </div>
  );
}

/** Of an incident that has left the board: how it ended, and what can still be written. */
export function PastHead({ desk, id, opened }: { desk: Desk; id: string; opened: OpenedIncident | undefined }) {
  const whole = opened?.incident;
  return (
    <header>
      <div class="line">
        <h2 class="figures">#{whole?.number ?? desk.numberOf(id) ?? "…"}</h2>
        {opened && <PhaseMark phase={opened.phase} />}
        {whole && whole.acuity !== null && <AcuityMark acuity={whole.acuity} />}
        <Close desk={desk} />
      </div>
      <Note>{say("past")}</Note>
      {whole && (
        <div class="line">
          <Tools
            desk={desk}
            rows={[
              ["note", "B", t("note"), true],
              ["times", "I", say("times"), whole.assignments.length > 0],
              ["ending", "1", say("ending"), whole.assignments.length > 0],
              ["owe", "2", say("owe"), true],
              ["reopen", "3", say("reopen"), whole.state !== "merged"],
            ]}
          />
        </div>
      )}
    </header>
  );
}

/** What an act was answered with, until somebody has read it. */
export function ToldOf({ desk, id }: { desk: Desk; id: string }) {
  const told = desk.told.value.filter((one) => one.incident === id);
  if (told.length === 0) return null;
  return (
    <Note tone="warn">
      <strong>{say("told")}</strong>
      <ul class="told">
        {[...new Set(told.flatMap((one) => one.sentences))].map((sentence) => (
          <li key={sentence}>{sentence}</li>
        ))}
      </ul>
      <button type="button" class="button small" onClick={() => (desk.told.value = desk.told.peek().filter((one) => one.incident !== id))}>
        {say("read")}
      </button>
    </Note>
  );
}
