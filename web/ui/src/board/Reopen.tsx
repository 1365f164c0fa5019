// Taking back the end of an incident that was cancelled or closed in error.

import { useSignal } from "@preact/signals";
import { Act } from "../components/Act.tsx";
import { t as say } from "../messages/desk.ts";
import { api } from "../session.ts";
import { reopenIncident } from "../wire.ts";
import { Choose } from "./Choose.tsx";
import type { Desk } from "./desk.ts";

export function Reopen({ desk, id, number, onDone }: { desk: Desk; id: string; number: number; onDone: () => void }) {
  const why = useSignal("");
  return (
    <div class="tool" role="group" aria-label={say("reopen")}>
      <p class="quiet">{say("reopen_means")}</p>
      <span class="pair">
        <Choose label={say("reopen_why")} set="reopen_reason" empty={say("reopen_why")} value={why.value} onChange={(code) => (why.value = code)} />
        <Act
          class="main"
          disabled={why.value === ""}
          run={async (key) => {
            desk.heard(id)(await api.call(reopenIncident, { path: { incident_id: id }, body: { reason: why.value }, key }));
            desk.tool.value = "none";
            onDone();
          }}
        >
          {say("reopen_do", { n: number })}
        </Act>
      </span>
    </div>
  );
}
