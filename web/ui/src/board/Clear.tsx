// A clear that is told by voice: how the person's encounter ended, and in words what it still lacks.
// Nothing of it blocks: the team must be free for the next, and the rest stays owed.

import { useSignal } from "@preact/signals";
import { Act } from "../components/Act.tsx";
import { t as say } from "../messages/desk.ts";
import { api } from "../session.ts";
import { clearAssignment, type Code, type EncounterInputSent, type IncidentView, type RunView } from "../wire.ts";
import { Choose } from "./Choose.tsx";
import { choices } from "./codes.ts";
import type { Desk } from "./desk.ts";
import { forget, kept } from "./kept.ts";
import { Pick } from "./Pick.tsx";

export interface Ending {
  readonly disposition: string;
  readonly contacted: boolean;
  readonly plan: string;
  readonly noPlan: string;
  readonly hold: string;
  readonly transport: string;
  readonly destination: string;
  readonly lawEnforcement: string;
  readonly reports: readonly string[];
}

export const NO_ENDING: Ending = {
  disposition: "",
  contacted: true,
  plan: "",
  noPlan: "",
  hold: "",
  transport: "",
  destination: "",
  lawEnforcement: "",
  reports: [],
};

export type Lack = "ending" | "plan" | "hold" | "transport" | "destination" | "arrival";

/** What a clear would still lack; the service warns of the same. `kind`: of the disposition, if one is said. */
export function lacks(ending: Ending, kind: Code | undefined, known: { readonly hasArrived: boolean; readonly isRecorded: boolean }): readonly Lack[] {
  const found: Lack[] = [];
  if (!known.hasArrived) found.push("arrival");
  if (kind === undefined) return known.isRecorded ? found : [...found, "ending"];
  if (ending.contacted && ending.plan === "" && ending.noPlan === "") found.push("plan");
  if (kind.flags.includes("involuntary_hold") && ending.hold === "") found.push("hold");
  if (kind.flags.includes("transport") && ending.transport === "") found.push("transport");
  if (kind.flags.includes("needs_receiver") && ending.destination.trim() === "") found.push("destination");
  return found;
}

/** As the wire has it; `null` = nothing is recorded now. */
export function encounterOf(ending: Ending): EncounterInputSent | null {
  if (ending.disposition === "") return null;
  return {
    disposition: ending.disposition,
    contacted: ending.contacted,
    plan: ending.plan || null,
    plan_exception: ending.plan === "" ? ending.noPlan || null : null,
    hold: ending.hold || null,
    transport: ending.transport || null,
    destination: ending.destination.trim() || null,
    law_enforcement: ending.lawEnforcement || null,
    mandated_reports: ending.reports,
  };
}

/** How an encounter ended, field by field; only what the ending asks for is asked. */
export function EndingFields({ value, empty, edit }: { value: Ending; empty?: string; edit: (part: Partial<Ending>) => void }) {
  const kind = choices("disposition").find((code) => code.code === value.disposition);
  const has = (flag: string) => kind?.flags.includes(flag) ?? false;
  return (
    <>
      <Choose
        label={say("clear_disposition")}
        set="disposition"
        {...(empty === undefined ? {} : { empty })}
        value={value.disposition}
        focus
        onChange={(disposition) => edit({ disposition, contacted: choices("disposition").find((code) => code.code === disposition)?.flags.includes("contacted") ?? false })}
      />
      {kind && (
        <label class="check">
          <input type="checkbox" checked={value.contacted} onChange={(event) => edit({ contacted: event.currentTarget.checked })} /> {say("clear_contacted")}
        </label>
      )}
      {kind && value.contacted && <Choose label={say("clear_plan")} set="safety_plan" empty={say("clear_plan")} value={value.plan} onChange={(plan) => edit({ plan })} />}
      {kind && value.contacted && value.plan === "" && (
        <Choose
          label={say("clear_no_plan")}
          set="obligation_exception"
          empty={say("clear_no_plan")}
          value={value.noPlan}
          among={(code) => code.flags.includes("safety_plan")}
          onChange={(noPlan) => edit({ noPlan })}
        />
      )}
      {has("involuntary_hold") && <Choose label={say("clear_hold")} set="hold_type" empty={say("clear_hold")} among={(code) => code.code !== "none"} value={value.hold} onChange={(hold) => edit({ hold })} />}
      {has("transport") && (
        <Choose label={say("clear_transport")} set="transport_mode" empty={say("clear_transport")} among={(code) => code.code !== "none"} value={value.transport} onChange={(transport) => edit({ transport })} />
      )}
      {has("needs_receiver") && (
        <input aria-label={say("clear_destination")} placeholder={say("clear_destination")} value={value.destination} onInput={(event) => edit({ destination: event.currentTarget.value })} />
      )}
      {kind && (
        <Choose
          label={say("clear_law_enforcement")}
          set="law_enforcement_role"
          empty={say("clear_law_enforcement")}
          value={value.lawEnforcement}
          onChange={(lawEnforcement) => edit({ lawEnforcement })}
        />
      )}
      {kind && <Pick label={say("clear_reports")} set="mandated_report_kind" many chosen={value.reports} onChange={(reports) => edit({ reports })} />}
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
  const ending = kept<Ending>(`clear ${run.id}`, NO_ENDING);
  const ready = useSignal(true);
  const now = ending.value;
  const edit = (part: Partial<Ending>) => (ending.value = { ...ending.peek(), ...part });
  const kind = choices("disposition").find((code) => code.code === now.disposition);
  const missing = lacks(now, kind, { hasArrived: run.milestones["on_scene"] !== undefined, isRecorded: one.encounters > 0 });
  const clear = async (key: string) => {
    const encounter = encounterOf(ending.peek());
    const body = { ready: ready.peek(), by_voice: true, said_by: saidBy, encounters: encounter === null ? [] : [encounter], ...when };
    desk.heard(one.id)(await api.call(clearAssignment, { path: { assignment_id: run.id }, body, key }));
    forget(`clear ${run.id}`);
    onDone();
  };
  return (
    <div class="tool" role="group" aria-label={say("clear_title")}>
      <div class="acts">
        <EndingFields value={now} empty={`${say("clear_disposition")}: ${say("clear_later")}`} edit={edit} />
        <label class="check">
          <input type="checkbox" checked={ready.value} onChange={(event) => (ready.value = event.currentTarget.checked)} /> {say("clear_ready")}
        </label>
      </div>
      {missing.length > 0 && (
        <p class="warn-words" role="status">
          {say("clear_lacks", { what: missing.map((lack) => say(`clear_lacks_${lack}`)).join("; ") })}
        </p>
      )}
      <div class="acts">
        <Act class="main" run={clear}>
          {say("clear")}
        </Act>
        <button type="button" class="button plain" onClick={onDone}>
          {say("clear_leave")}
        </button>
      </div>
    </div>
  );
}
