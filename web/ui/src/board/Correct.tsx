// What is done to a run: pulling the team away to another incident, and setting a time right.

import { useSignal } from "@preact/signals";
import { Act } from "../components/Act.tsx";
import { t as common } from "../messages/common.ts";
import { t as say } from "../messages/desk.ts";
import { isComing, STEPS } from "../runs.ts";
import { api } from "../session.ts";
import { instant } from "../time.ts";
import { correctMilestone, divertAssignment, MAY, type Code, type IncidentView, type Status } from "../wire.ts";
import { Choose } from "./Choose.tsx";
import { choices } from "./codes.ts";
import type { Desk } from "./desk.ts";
import { focusOnce } from "./focus.ts";
import { fromLocal, localSecond, wire } from "./local.ts";

const URGENCY = { emergent: 0, urgent: 1, routine: 2 } as const;

/** As much of a run as a time is set right by: of one on the board, or long over. */
export interface PastRun {
  readonly id: string;
  readonly call_sign: string;
  readonly status: Status;
  readonly milestones: Readonly<Record<string, string | undefined>>;
}

function RunChoice({ label, runs, value, onChange, focus = true }: { label: string; runs: readonly PastRun[]; value: string; onChange: (id: string) => void; focus?: boolean }) {
  return (
    <select aria-label={label} {...(focus ? { ref: focusOnce } : {})} value={value} onChange={(event) => onChange(event.currentTarget.value)}>
      {value === "" && <option value="">{label}</option>}
      {runs.map((run) => (
        <option key={run.id} value={run.id}>
          {run.call_sign} ({common(`team_${run.status}`)})
        </option>
      ))}
    </select>
  );
}

/** The one that was chosen, or the only one there is. */
const theRun = <A extends PastRun>(runs: readonly A[], chosen: string): A | undefined => runs.find((found) => found.id === chosen) ?? (runs.length === 1 ? runs[0] : undefined);

/** The team is pulled away, and to which incident it goes is not decided. */
const NOWHERE = "nowhere";

export function Divert({ desk, one }: { desk: Desk; one: IncidentView }) {
  const runs = one.runs.filter((run) => isComing(run.status));
  const chosen = useSignal("");
  const to = useSignal("");
  const chosenWhy = useSignal("");
  // Some reasons say to which incident; without one they are none.
  const fits = (code: Code) => (to.value !== "" && to.value !== NOWHERE) || !code.flags.includes("needs_incident");
  const why = choices("divert_reason").find((code) => code.code === chosenWhy.value && fits(code))?.code ?? "";
  const run = theRun(runs, chosen.value);
  // Only to where it is needed more: the service refuses all else.
  const wanting = [...desk.live.of("incident").all.value.values()].filter(
    (other) => other.waiting_since !== null && other.acuity !== null && one.acuity !== null && URGENCY[other.acuity] < URGENCY[one.acuity],
  );
  if (runs.length === 0) return <p class="tool">{say("divert_none")}</p>;
  const isUnsaid = run === undefined || to.value === "" || why === "";
  return (
    <div class="tool" role="group" aria-label={say("divert")}>
      <span class="acts">
        <RunChoice label={say("divert_team")} runs={runs} value={run?.id ?? ""} onChange={(id) => (chosen.value = id)} />
        <label class="pair">
          {say("divert_to")}
          <select aria-label={say("divert_to")} value={to.value} onChange={(event) => (to.value = event.currentTarget.value)}>
            <option value="">{common("choose")}</option>
            <option value={NOWHERE}>{say("divert_to_none")}</option>
            {wanting.map((other) => (
              <option key={other.id} value={other.id}>
                #{other.number} ({common(`acuity_${other.acuity as "emergent" | "urgent"}`)})
              </option>
            ))}
          </select>
        </label>
        <Choose label={say("divert_why")} set="divert_reason" value={why} among={fits} onChange={(code) => (chosenWhy.value = code)} />
        <Act
          class="main"
          disabled={isUnsaid}
          run={async (key) => {
            if (run === undefined) return;
            const there = to.peek() === NOWHERE ? null : to.peek();
            const answer = await api.call(divertAssignment, { path: { assignment_id: run.id }, body: { reason: why, to_incident: there }, key });
            desk.heard(one.id)(answer);
            desk.tool.value = "none";
            // The team is free now, and is offered there with one more key.
            if (there !== null) desk.open(there);
          }}
        >
          {say("divert_do", { team: run?.call_sign ?? "…" })}
        </Act>
      </span>
    </div>
  );
}

export function CorrectTime({ desk, id, runs, onDone }: { desk: Desk; id: string; runs: readonly PastRun[]; onDone: () => void }) {
  const chosen = useSignal("");
  const status = useSignal<Status | "">("");
  const at = useSignal<string | null>(null);
  const isNever = useSignal(false);
  const why = useSignal("");
  const run = theRun(runs, chosen.value);
  if (!desk.has(...MAY.correctMilestone)) return <p class="tool warn-words">{say("times_roles")}</p>;
  if (runs.length === 0) return <p class="tool">{say("times_none")}</p>;
  const known = run?.milestones[status.value];
  const shown = at.value ?? (known === undefined ? "" : localSecond(instant(known)));
  const read = fromLocal(shown);
  return (
    <div class="tool" role="group" aria-label={say("times")}>
      <span class="acts">
        <RunChoice
          label={say("times_team")}
          runs={runs}
          value={run?.id ?? ""}
          onChange={(id) => {
            chosen.value = id;
            at.value = null;
          }}
        />
        <select
          aria-label={say("times_status")}
          value={status.value}
          onChange={(event) => {
            status.value = event.currentTarget.value as Status | "";
            at.value = null;
          }}
        >
          <option value="">{say("times_status")}</option>
          {STEPS.map((word) => (
            <option key={word} value={word}>
              {common(`team_${word}`)}
            </option>
          ))}
        </select>
        <label class="pair">
          {say("times_at")}
          <input type="datetime-local" step={1} value={shown} disabled={isNever.value} onInput={(event) => (at.value = event.currentTarget.value)} />
        </label>
        <label class="check">
          <input type="checkbox" checked={isNever.value} onChange={(event) => (isNever.value = event.currentTarget.checked)} /> {say("times_never")}
        </label>
      </span>
      <span class="pair">
        <Choose label={say("times_why")} set="correction_reason" empty={say("times_why")} value={why.value} onChange={(code) => (why.value = code)} />
        <Act
          class="main"
          disabled={run === undefined || status.value === "" || why.value === "" || (!isNever.value && read === null)}
          run={async (key) => {
            if (run === undefined || status.value === "") return;
            const body = { status: status.value, instant: isNever.value || read === null ? null : wire(read), reason: why.value };
            desk.heard(id)(await api.call(correctMilestone, { path: { assignment_id: run.id }, body, key }));
            desk.tool.value = "none";
            onDone();
          }}
        >
          {say("times_do")}
        </Act>
        <small class="quiet">{isNever.value || read !== null ? say("times_kept") : say("bad_time")}</small>
      </span>
    </div>
  );
}
