// A clear that is told by voice: how the person's encounter ended, and in words what it still lacks.
// Nothing of it blocks: the team must be free for the next, and the rest stays owed.

import { useSignal } from "@preact/signals";
import { Act } from "../components/Act.tsx";
import { answerWord, Asked } from "../components/Asked.tsx";
import { fit, isTeamsHold, lacking, NOTHING_TOLD, sentOf, suits, wasMet, type Lacking, type Told } from "../endings.ts";
import { t as say } from "../messages/desk.ts";
import { arrivedAt } from "../runs.ts";
import { api } from "../session.ts";
import { clearAssignment, type Code, type EncounterInputSent, type EndingField, type IncidentView, type RunView } from "../wire.ts";
import { Choose } from "./Choose.tsx";
import { choices } from "./codes.ts";
import type { Desk } from "./desk.ts";
import { forget, kept } from "./kept.ts";
import { Pick } from "./Pick.tsx";

export type Lack = "ending" | "arrival" | Lacking;

/** What a clear would still lack; the service warns of the same. `kind`: of the disposition, if one is said. */
export function lacks(ending: Told, kind: Code | undefined, known: { readonly hasArrived: boolean; readonly isRecorded: boolean }): readonly Lack[] {
  const found: Lack[] = known.hasArrived ? [] : ["arrival"];
  if (kind === undefined) return known.isRecorded ? found : [...found, "ending"];
  return [...found, ...lacking(ending, kind)];
}

const kindOf = (disposition: string): Code | undefined => choices("disposition").find((code) => code.code === disposition);

/** As the wire has it; `null` = nothing is recorded now. */
export const encounterOf = (ending: Told): EncounterInputSent | null => (ending.disposition === "" ? null : sentOf(ending, kindOf(ending.disposition)));

/** How an encounter ended, field by field: what the ending excludes isn't asked. `mayHold`: of the crew; `null` = not known. */
export function EndingFields({ value, empty, mayHold, edit }: { value: Told; empty?: string; mayHold: boolean | null; edit: (part: Partial<Told>) => void }) {
  const kind = kindOf(value.disposition);
  const met = wasMet(kind, value.contacted);
  const may = (field: EndingField) => kind !== undefined && fit(kind, field) !== "never";
  return (
    <>
      <Choose label={say("clear_disposition")} set="disposition" {...(empty === undefined ? {} : { empty })} value={value.disposition} focus onChange={(disposition) => edit({ disposition })} />
      {kind && fit(kind, "contacted") === "may" && (
        <select aria-label={say("clear_contacted")} value={value.contacted === null ? "" : String(value.contacted)} onChange={(event) => edit({ contacted: event.currentTarget.value === "" ? null : event.currentTarget.value === "true" })}>
          <option value="">{say("clear_contacted")}: {answerWord("not_asked")}</option>
          <option value="true">{say("clear_contacted")}: {answerWord("yes")}</option>
          <option value="false">{say("clear_contacted")}: {answerWord("no")}</option>
        </select>
      )}
      {may("plan") && met === true && <Choose label={say("clear_plan")} set="safety_plan" empty={say("clear_plan")} value={value.plan} onChange={(plan) => edit({ plan })} />}
      {may("plan") && met === true && value.plan === "" && (
        <Choose
          label={say("clear_no_plan")}
          set="obligation_exception"
          empty={say("clear_no_plan")}
          value={value.noPlan}
          among={(code) => code.flags.includes("safety_plan")}
          onChange={(noPlan) => edit({ noPlan })}
        />
      )}
      {may("hold") && <Choose label={say("clear_hold")} set="hold_type" empty={say("clear_hold")} among={(code) => suits(kind, "hold", code)} value={value.hold} onChange={(hold) => edit({ hold })} />}
      {may("transport") && (
        <Choose
          label={say("clear_transport")}
          set="transport_mode"
          empty={say("clear_transport")}
          among={(code) => suits(kind, "transport", code)}
          value={value.transport}
          onChange={(transport) => edit({ transport })}
        />
      )}
      {may("destination") && <input aria-label={say("clear_destination")} placeholder={say("clear_destination")} value={value.destination} onInput={(event) => edit({ destination: event.currentTarget.value })} />}
      {kind && (
        <Choose
          label={say("clear_law_enforcement")}
          set="law_enforcement_role"
          empty={say("clear_law_enforcement")}
          among={(code) => suits(kind, "law_enforcement", code)}
          value={value.law_enforcement}
          onChange={(law_enforcement) => edit({ law_enforcement })}
        />
      )}
      {kind && met !== false && <Asked name={say("ending_naloxone")} value={value.naloxone} change={(naloxone) => edit({ naloxone })} />}
      {kind && <Pick label={say("clear_reports")} set="mandated_report_kind" many chosen={value.reports} onChange={(reports) => edit({ reports })} />}
      {isTeamsHold(kind) && mayHold === false && (
        <p class="warn-words" role="alert">
          {say("hold_nobody")}
        </p>
      )}
    </>
  );
}

export interface ClearProps {
  readonly desk: Desk;
  readonly one: IncidentView;
  readonly run: RunView;
  readonly saidBy: string;
  /** When it was; `{}` = now. */
  readonly when: { readonly occurred_at?: string };
  readonly onDone: () => void;
}

export function Clear({ desk, one, run, saidBy, when, onDone }: ClearProps) {
  const ending = kept<Told>(`clear ${run.id}`, NOTHING_TOLD);
  const ready = useSignal<boolean | null>(null);
  const now = ending.value;
  const edit = (part: Partial<Told>) => (ending.value = { ...ending.peek(), ...part });
  const kind = kindOf(now.disposition);
  const missing = lacks(now, kind, { hasArrived: arrivedAt(run) !== undefined, isRecorded: one.encounters > 0 });
  const clear = async (key: string) => {
    const encounter = encounterOf(ending.peek());
    const body = { ready: ready.peek() ?? false, by_voice: true, said_by: saidBy, encounters: encounter === null ? [] : [encounter], ...when };
    desk.heard(one.id)(await api.call(clearAssignment, { path: { assignment_id: run.id }, body, key }));
    forget(`clear ${run.id}`);
    onDone();
  };
  return (
    <div class="tool" role="group" aria-label={say("clear_title")}>
      <div class="acts">
        <EndingFields value={now} mayHold={desk.mayHold(run.team_id)} empty={`${say("clear_disposition")}: ${say("clear_later")}`} edit={edit} />
      </div>
      {missing.length > 0 && (
        <p class="warn-words" role="status">
          {say("clear_lacks", { what: missing.map((lack) => say(`clear_lacks_${lack}`)).join("; ") })}
        </p>
      )}
      {saidBy === "" && <p class="quiet">{say("said_by_first")}</p>}
      <div class="acts">
        <Act
          class="main"
          disabled={saidBy === ""}
          run={(key) => {
            ready.value = true;
            return clear(key);
          }}
        >
          {say("clear_and_ready")}
        </Act>
        <Act
          disabled={saidBy === ""}
          run={(key) => {
            ready.value = false;
            return clear(key);
          }}
        >
          {say("clear_not_ready")}
        </Act>
        <button type="button" class="button plain" onClick={onDone}>
          {say("clear_leave")}
        </button>
      </div>
    </div>
  );
}
