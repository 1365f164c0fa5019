// Where the person is, set right: what its author leaves as it is stays as others have it, and what
// somebody changed meanwhile is put over theirs only after it was seen.

import { useEffect, useRef } from "preact/hooks";
import { useSignal } from "@preact/signals";
import { newKey, Refusal, Unreachable } from "../api.ts";
import { Trouble } from "../components/Note.tsx";
import { useTrouble } from "../components/unread.ts";
import { t as common } from "../messages/common.ts";
import { t } from "../messages/board.ts";
import { t as say } from "../messages/desk.ts";
import { api } from "../session.ts";
import { amendIncident, type IncidentView, type OpenedIncident, type OpenedRecords, type PlaceInputSent } from "../wire.ts";
import { word } from "./codes.ts";
import type { Desk } from "./desk.ts";
import { readPoint } from "./draft.ts";
import { forget, kept } from "./kept.ts";
import { Pick } from "./Pick.tsx";
import { readable } from "./records.ts";
import { clashWords } from "./telling.ts";

/** A place as a form shows it; "" = not known. */
export interface PlaceShown {
  readonly address: string;
  readonly access: string;
  readonly point: string;
  readonly kind: string;
}

/** As it is known now. */
export function placeNow(opened: OpenedIncident, records: OpenedRecords): PlaceShown {
  const whole = opened.incident;
  const own = readable(records).filter(({ head }) => head.incident_id === whole.id);
  const said = (field: string): string => own.map((record) => record.fields?.[field]).findLast((value): value is string => typeof value === "string" && value !== "") ?? "";
  const { point } = whole.clinical;
  return {
    address: said("address"),
    access: said("access"),
    point: point === null ? "" : `${point.lat_deg.toFixed(5)}, ${point.lon_deg.toFixed(5)}`,
    kind: whole.place.location_type === "unknown" ? "" : whole.place.location_type,
  };
}

/** What was changed, as the wire has it; `null` = nothing. A typed place goes with its way in. */
export function placeSent(now: PlaceShown, edits: Partial<PlaceShown>): PlaceInputSent | null {
  const changed = (name: keyof PlaceShown): string | null => {
    const value = edits[name]?.trim() ?? "";
    return value === "" || value === now[name] ? null : value;
  };
  const [address, access, point, kind] = [changed("address"), changed("access"), changed("point"), changed("kind")];
  if (address === null && access === null && point === null && kind === null) return null;
  return {
    ...(address === null ? {} : { address }),
    ...(address === null && access === null ? {} : { access: access ?? (now.access || null) }),
    ...(point === null ? {} : { point: readPoint(point) }),
    ...(kind === null ? {} : { location_type: kind }),
  };
}

interface Form {
  /** What its author looked at when they began to change it; `null` = nothing is changed yet. */
  readonly version: number | null;
  readonly edits: Partial<PlaceShown>;
}

const NOTHING: Form = { version: null, edits: {} };

export function Place({ desk, one, opened, records, onDone }: { desk: Desk; one: IncidentView; opened: OpenedIncident; records: OpenedRecords; onDone: () => void }) {
  const name = `place ${one.id}`;
  const form = kept<Form>(name, NOTHING);
  const trouble = useTrouble();
  const isSending = useSignal(false);
  const key = useRef(newKey());
  const first = useRef<HTMLInputElement | null>(null);
  useEffect(() => first.current?.focus(), []);
  const now = placeNow(opened, records);
  const { edits } = form.value;
  const shown: PlaceShown = { ...now, ...edits };
  const edit = (part: Partial<PlaceShown>) => {
    const before = form.peek();
    form.value = { version: before.version ?? opened.incident.version, edits: { ...before.edits, ...part } };
  };
  const badPoint = shown.point.trim() !== "" && readPoint(shown.point) === null;
  const place = placeSent(now, edits);

  async function send() {
    const { version } = form.peek();
    if (isSending.peek() || place === null || version === null || badPoint) return;
    isSending.value = true;
    trouble.value = null;
    try {
      desk.heard(one.id)(await api.call(amendIncident, { path: { incident_id: one.id }, body: { place, version }, key: key.current }));
      forget(name);
      desk.tool.value = "none";
      document.getElementById("incidents")?.focus();
      onDone();
    } catch (error) {
      trouble.value = error;
      if (!(error instanceof Unreachable)) key.current = newKey();
      // What others changed stands below the form by now; sending again says it over theirs.
      if (error instanceof Refusal && error.code === "stale_version") form.value = { ...form.peek(), version: Number(error.facts["version"]) };
    } finally {
      isSending.value = false;
    }
  }

  return (
    <form
      class="tool"
      aria-label={say("place_amend")}
      onSubmit={(event) => {
        event.preventDefault();
        void send();
      }}
      onKeyDown={(event) => {
        if (event.key !== "Enter" || !(event.ctrlKey || event.metaKey)) return;
        event.preventDefault();
        event.stopPropagation();
        void send();
      }}
    >
      <label class="field">
        {t("place")}
        <input ref={first} name="place-address" value={shown.address} onInput={(event) => edit({ address: event.currentTarget.value })} />
      </label>
      <label class="field">
        {say("field_access")}
        <input name="place-access" value={shown.access} onInput={(event) => edit({ access: event.currentTarget.value })} />
      </label>
      <div class="two">
        <label class="field">
          {t("point")}
          <input name="place-point" placeholder="38.58, -121.49" value={shown.point} aria-invalid={badPoint} onInput={(event) => edit({ point: event.currentTarget.value })} />
        </label>
        <Pick label={t("location_type")} set="location_type" chosen={shown.kind === "" ? [] : [shown.kind]} onChange={(codes) => edit({ kind: codes[0] ?? "" })} />
      </div>
      {badPoint && <p class="warn-words">{t("bad_point")}</p>}
      <Trouble trouble={trouble.value} />
      {clashWords(trouble.value, word).map((words) => (
        <p key={words} class="warn-words" data-clash>
          {words}
        </p>
      ))}
      <div class="acts">
        <button type="submit" class="button main" disabled={isSending.value || place === null || badPoint}>
          {isSending.value ? common("sending") : t("amend")} <kbd>Ctrl ↵</kbd>
        </button>
        <small class="quiet">{say("place_hint")}</small>
      </div>
    </form>
  );
}
