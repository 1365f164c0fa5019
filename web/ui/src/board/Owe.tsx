// Something owed that nothing made arise by itself: written down by hand, with its instant and its owner.

import { useSignal } from "@preact/signals";
import { Act } from "../components/Act.tsx";
import { t } from "../messages/board.ts";
import { t as say } from "../messages/desk.ts";
import { api, clock } from "../session.ts";
import { createObligation, type ObligationKind } from "../wire.ts";
import type { Desk } from "./desk.ts";
import { focusOnce } from "./focus.ts";
import { fromLocal, localTime, wire } from "./local.ts";

/** What can be owed by hand, and the usual time for it in hours; check-ins arise with runs alone. */
const USUAL: Readonly<Partial<Record<ObligationKind, number>>> = { callback: 1, follow_up: 72, mandated_report: 36, note: 24, plan_notice: 48, waiting_contact: 0.5 };
const KINDS = Object.keys(USUAL) as ObligationKind[];
const HOUR_MS = 3_600_000;

export function Owe({ desk, id, onDone }: { desk: Desk; id: string; onDone: () => void }) {
  const kind = useSignal<ObligationKind | "">("");
  const due = useSignal<string | null>(null);
  const who = useSignal<"" | "me" | "owner">("");
  // Its usual time is shown with what it is, and can be changed.
  const usual = kind.value === "" ? undefined : USUAL[kind.value];
  const shown = due.value ?? (usual === undefined ? "" : localTime(clock.second.value + usual * HOUR_MS));
  const at = fromLocal(shown);
  const isAhead = at !== null && at > clock.second.value;
  return (
    <div class="tool" role="group" aria-label={say("owe")}>
      <span class="acts">
        <select
          aria-label={say("owe_what")}
          ref={focusOnce}
          value={kind.value}
          onChange={(event) => {
            kind.value = event.currentTarget.value as ObligationKind | "";
            due.value = null;
          }}
        >
          <option value="">{say("owe_what")}</option>
          {KINDS.map((one) => (
            <option key={one} value={one}>
              {t(`obligation_${one}`)}
            </option>
          ))}
        </select>
        <label class="pair">
          {say("owe_due")}
          <input type="datetime-local" step={60} value={shown} onInput={(event) => (due.value = event.currentTarget.value)} />
        </label>
        <select aria-label={say("owe_who")} value={who.value} onChange={(event) => (who.value = event.currentTarget.value as "" | "me" | "owner")}>
          <option value="">{say("owe_who")}</option>
          <option value="me">{say("owe_me")}</option>
          <option value="owner">{say("owe_owner")}</option>
        </select>
        <Act
          class="main"
          disabled={!isAhead || kind.value === "" || who.value === ""}
          run={async (key) => {
            const what = kind.peek();
            if (at === null || what === "") return;
            await api.call(createObligation, { path: undefined, body: { kind: what, due_at: wire(at), incident_id: id, owner: who.peek() === "me" ? desk.account : null }, key });
            desk.tool.value = "none";
            onDone();
          }}
        >
          {t("write_down")}
        </Act>
      </span>
      {at !== null && !isAhead && <small class="warn-words">{say("owe_ahead")}</small>}
    </div>
  );
}
