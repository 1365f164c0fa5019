// How each person's encounter ended: completed after the clear, or set right. The last word counts;
// what was written before stays in the log.

import { useSignal } from "@preact/signals";
import { Act } from "../components/Act.tsx";
import { t } from "../messages/board.ts";
import { t as say } from "../messages/desk.ts";
import { hasArrived } from "../runs.ts";
import { api } from "../session.ts";
import { newEncounter, recordEncounter, type Encounter, type OpenedIncident } from "../wire.ts";
import { NOTHING_TOLD, type Told } from "../endings.ts";
import { EndingFields, encounterOf } from "./Clear.tsx";
import { word } from "./codes.ts";
import type { Desk } from "./desk.ts";
import { focusOnce } from "./focus.ts";
import { forget, kept } from "./kept.ts";

/** The form's state of an encounter as it is recorded. */
export const endingOf = (one: Encounter): Told => ({
  disposition: one.disposition ?? "",
  contacted: one.contacted,
  plan: one.plan ?? "",
  noPlan: one.plan_exception ?? "",
  hold: one.hold ?? "",
  transport: one.transport ?? "",
  destination: one.destination ?? "",
  naloxone: one.naloxone_given,
  law_enforcement: one.law_enforcement ?? "",
  reports: one.mandated_reports,
});

interface Written {
  /** Of the record that was looked at; `null` = a new one. */
  readonly version: number | null;
  readonly ending: Told;
  readonly note: string;
}

const NEW = "new ";

export function Encounters({ desk, opened, onDone }: { desk: Desk; opened: OpenedIncident; onDone: () => void }) {
  const whole = opened.incident;
  const runs = whole.assignments.filter((run) => hasArrived(run) || whole.encounters.some((one) => one.assignment_id === run.id));
  // One that there is alone is meant; of several somebody says which.
  const [only, second] = whole.encounters.length > 0 ? whole.encounters.map((one) => one.id) : runs.map((run) => NEW + run.id);
  const chosen = useSignal(second === undefined ? (only ?? "") : "");
  if (runs.length === 0) return <p class="tool">{say("ending_none")}</p>;
  const named = (one: Encounter): string => {
    const person = whole.subjects.find((subject) => subject.id === one.subject_id)?.label;
    const team = desk.callSign(whole.assignments.find((run) => run.id === one.assignment_id)?.team_id ?? "");
    return [person === undefined ? "" : say("ending_person", { person }), team, one.disposition === null ? "" : word("disposition", one.disposition)].filter(Boolean).join(" · ");
  };
  const runOf = (value: string) => (value.startsWith(NEW) ? value.slice(NEW.length) : whole.encounters.find((one) => one.id === value)?.assignment_id);
  const teamOf = (value: string) => whole.assignments.find((run) => run.id === runOf(value))?.team_id ?? "";
  return (
    <div class="tool" role="group" aria-label={say("ending")}>
      <select aria-label={say("ending_which")} ref={focusOnce} value={chosen.value} onChange={(event) => (chosen.value = event.currentTarget.value)}>
        {chosen.value === "" && <option value="">{say("ending_which")}</option>}
        {whole.encounters.map((one) => (
          <option key={one.id} value={one.id}>
            {named(one)}
          </option>
        ))}
        {runs.map((run) => (
          <option key={run.id} value={NEW + run.id}>
            {say("ending_new", { team: desk.callSign(run.team_id) })}
          </option>
        ))}
      </select>
      {chosen.value !== "" && <Form key={chosen.value} desk={desk} incident={whole.id} before={whole.encounters.find((one) => one.id === chosen.value)} run={chosen.value.startsWith(NEW) ? chosen.value.slice(NEW.length) : ""} mayHold={desk.mayHold(teamOf(chosen.value))} onDone={onDone} />}
    </div>
  );
}

/** `before`: the one that is amended; without it a new one of `run`. */
function Form({ desk, incident, before, run, mayHold, onDone }: { desk: Desk; incident: string; before: Encounter | undefined; run: string; mayHold: boolean | null; onDone: () => void }) {
  const form = `encounter ${before?.id ?? run}`;
  const written = kept<Written>(form, { version: before?.version ?? null, ending: before === undefined ? NOTHING_TOLD : endingOf(before), note: "" });
  const now = written.value;
  const edit = (part: Partial<Written>) => (written.value = { ...written.peek(), ...part });
  const send = async (key: string) => {
    const { version, ending, note } = written.peek();
    const ended = encounterOf(ending);
    if (ended === null) return;
    const encounter = { ...ended, version, subject_id: before?.subject_id ?? null, note: note.trim() || null };
    const answer =
      before === undefined
        ? await api.call(newEncounter, { path: undefined, body: { assignment_id: run, encounter }, key })
        : await api.call(recordEncounter, { path: { encounter_id: before.id }, body: { assignment_id: before.assignment_id, encounter }, key });
    desk.heard(incident)(answer);
    forget(form);
    desk.tool.value = "none";
    onDone();
  };
  return (
    <>
      <div class="acts">
        <EndingFields value={now.ending} mayHold={mayHold} {...(now.ending.disposition === "" ? { empty: say("clear_disposition") } : {})} edit={(part) => edit({ ending: { ...now.ending, ...part } })} />
      </div>
      <label class="field">
        {t("note")}
        <textarea rows={2} value={now.note} onInput={(event) => edit({ note: event.currentTarget.value })} />
      </label>
      <div class="acts">
        <Act class="main" disabled={now.ending.disposition === ""} run={send}>
          {before === undefined ? t("write_down") : t("amend")}
        </Act>
        {before !== undefined && <small class="quiet">{say("ending_kept")}</small>}
      </div>
    </>
  );
}
