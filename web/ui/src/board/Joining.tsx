// Two incidents that are one, and one that was two: merging and splitting.

import { useSignal } from "@preact/signals";
import { newKey, Refusal, Unreachable } from "../api.ts";
import { Act } from "../components/Act.tsx";
import { Trouble } from "../components/Note.tsx";
import { useTrouble } from "../components/unread.ts";
import { distance } from "../format.ts";
import { t as common } from "../messages/common.ts";
import { t as say } from "../messages/desk.ts";
import { api } from "../session.ts";
import { instant } from "../time.ts";
import { mergeIncident, splitIncident, type CellView, type IncidentView } from "../wire.ts";
import { word } from "./codes.ts";
import type { Desk } from "./desk.ts";
import { focusOnce } from "./focus.ts";

/** Metres between the middles of two cells; `null` = one of them is not known. */
export function apart(a: CellView | null, b: CellView | null): number | null {
  if (a === null || b === null) return null;
  const radians = Math.PI / 180;
  const x = (b.lon - a.lon) * radians * Math.cos(((a.lat + b.lat) / 2) * radians);
  return 6_371_000 * Math.hypot(x, (b.lat - a.lat) * radians);
}

/** The open incidents that it might be the same as: nearest first, of the equally near the newest. */
export function likely(one: IncidentView, all: Iterable<IncidentView>): readonly IncidentView[] {
  const far = (other: IncidentView) => apart(one.cell, other.cell) ?? Infinity;
  return [...all]
    .filter((other) => other.id !== one.id && other.ended_at === null)
    .sort((a, b) => (far(a) === far(b) ? instant(b.received_at) - instant(a.received_at) : far(a) - far(b)));
}

export function Merge({ desk, one }: { desk: Desk; one: IncidentView }) {
  const others = likely(one, desk.live.of("incident").all.value.values());
  const chosen = useSignal("");
  const trouble = useTrouble();
  const isSending = useSignal(false);
  const key = useSignal(newKey());
  // The only one that there is, is meant; of several somebody says which.
  const other = others.find((found) => found.id === chosen.value) ?? (others.length === 1 ? others[0] : undefined);
  const isRound = trouble.value instanceof Refusal && trouble.value.facts["other_way_round"] === true;
  if (others.length === 0) return <p class="tool">{say("merge_none")}</p>;

  async function merge(from: IncidentView, into: IncidentView) {
    if (isSending.peek()) return;
    isSending.value = true;
    trouble.value = null;
    try {
      const answer = await api.call(mergeIncident, { path: { incident_id: from.id }, body: { into: into.id }, key: key.peek() });
      desk.heard(into.id)(answer);
      desk.open(into.id);
      desk.tool.value = "none";
    } catch (error) {
      trouble.value = error;
      if (!(error instanceof Unreachable)) key.value = newKey();
    } finally {
      isSending.value = false;
    }
  }
  const words = (found: IncidentView) => {
    const metres = apart(one.cell, found.cell);
    return [`#${found.number}`, common(`phase_${found.phase}`), word("location_type", found.location_type), metres === null ? "" : distance(metres)].filter(Boolean).join(" · ");
  };
  return (
    <form
      class="tool"
      aria-label={say("merge")}
      onSubmit={(event) => {
        event.preventDefault();
        if (other !== undefined) void merge(one, other);
      }}
    >
      <label class="field">
        {say("merge_into")}
        <select
          ref={focusOnce}
          value={other?.id ?? ""}
          onChange={(event) => {
            chosen.value = event.currentTarget.value;
            trouble.value = null;
          }}
        >
          <option value="">{common("choose")}</option>
          {others.map((found) => (
            <option key={found.id} value={found.id}>
              {words(found)}
            </option>
          ))}
        </select>
      </label>
      <Trouble trouble={trouble.value} />
      <div class="acts">
        <button type="submit" class={`button ${isRound ? "" : "main"}`} disabled={isSending.value || other === undefined}>
          {isSending.value ? common("sending") : say("merge_do", { number: other?.number ?? "…" })}
        </button>
        {isRound && other !== undefined && (
          <button type="button" class="button main" disabled={isSending.value} onClick={() => void merge(other, one)}>
            {say("merge_round", { number: other.number })}
          </button>
        )}
      </div>
    </form>
  );
}

export function Split({ desk, one }: { desk: Desk; one: IncidentView }) {
  if (one.absorbed.length === 0) return <p class="tool">{say("split_none")}</p>;
  return (
    <div class="tool" role="group" aria-label={say("split")}>
      <div class="acts">
        {one.absorbed.map((other, index) => (
          <Act
            key={other}
            class={index === 0 ? "main" : ""}
            run={async (key) => {
              const answer = await api.call(splitIncident, { path: { incident_id: one.id }, body: { other }, key });
              desk.heard(one.id)(answer);
              desk.tool.value = "none";
            }}
          >
            {say("split_do", { number: desk.numberOf(other) ?? "…" })}
          </Act>
        ))}
      </div>
    </div>
  );
}
