// How it ended: the few things that must be said, in the order in which a crew says them.

import { signal } from "@preact/signals";
import { Note } from "../components/Note.tsx";
import { t } from "../messages/phone.ts";
import { clearAssignment, type EncounterInputSent } from "../wire.ts";
import { Sheet } from "./parts.tsx";
import type { Phone } from "./phone.ts";
import type { RunNow } from "./Run.tsx";
import { codesOf, label, type SetName } from "./words.ts";

/** Those that end most runs; the whole list stands under them. */
const COMMON = [
  "stabilized_safety_plan",
  "stabilized_referral",
  "stabilized_no_further_need",
  "medical_ed",
  "voluntary_csu",
  "hold_by_team",
  "refused_services",
  "refused_contact",
  "not_found",
] as const;

/** For a phone that never heard the county's own list. */
const NOBODY_MET: ReadonlySet<string> = new Set(["refused_contact", "not_found", "unsafe_no_contact", "deceased"]);

interface Draft {
  /** The run that it ends. */
  run: string;
  disposition: string;
  contacted: boolean;
  plan: string;
  plan_exception: string;
  hold: string;
  transport: string;
  destination: string;
  health_plan: "" | "yes" | "no";
  naloxone: boolean;
  note: string;
  ready: boolean;
}

const BLANK: Draft = {
  run: "",
  disposition: "",
  contacted: true,
  plan: "",
  plan_exception: "",
  hold: "",
  transport: "",
  destination: "",
  health_plan: "",
  naloxone: false,
  note: "",
  ready: true,
};

/** Not lost by going back; never kept on the device. */
const draft = signal<Draft>(BLANK);

export function ClearSheet({ phone, now }: { phone: Phone; now: RunNow }) {
  if (draft.peek().run !== now.run.id) draft.value = { ...BLANK, run: now.run.id };
  const d = draft.value;
  const set = (change: Partial<Draft>): void => {
    draft.value = { ...draft.peek(), ...change };
  };
  const codes = codesOf("disposition");
  const flags = codes.find((one) => one.code === d.disposition)?.flags ?? [];
  const surelyMet = flags.includes("contacted");
  const met = surelyMet || d.contacted;
  const common = COMMON.filter((code) => codes.length === 0 || codes.some((one) => one.code === code));
  const missing = [
    d.disposition !== "" && met && !d.plan && !d.plan_exception ? t("plan") : null,
    flags.includes("involuntary_hold") && !d.hold ? t("hold") : null,
    flags.includes("transport") && !d.transport ? t("transport") : null,
    flags.includes("needs_receiver") && !d.destination ? t("destination") : null,
  ].filter((one) => one !== null);

  const choose = (disposition: string): void => {
    scrollTo(0, 0);
    const kind = codes.find((one) => one.code === disposition);
    set({ disposition, contacted: kind?.flags.includes("contacted") ?? !NOBODY_MET.has(disposition) });
  };
  const clear = (): void => {
    const encounter: EncounterInputSent = {
      disposition: d.disposition,
      contacted: met,
      plan: d.plan || null,
      plan_exception: d.plan ? null : d.plan_exception || null,
      hold: flags.includes("involuntary_hold") ? d.hold || null : null,
      transport: flags.includes("transport") ? d.transport || null : null,
      destination: d.destination.trim() || null,
      naloxone_given: d.naloxone,
      has_plan_to_notify: d.health_plan === "" ? null : d.health_plan === "yes",
      note: d.note.trim() || null,
    };
    void phone.outbox.add(clearAssignment, {
      path: { assignment_id: now.run.id },
      body: { encounters: [encounter], ready: d.ready },
      lane: now.run.id,
      what: d.ready ? "ready" : "cleared",
    });
    phone.home();
  };

  return (
    <Sheet phone={phone} title={t("clear_title")}>
      {d.disposition !== "" && (
        <div class="chosen">
          <strong>{label("disposition", d.disposition)}</strong>
          <button type="button" class="button touch" onClick={() => set({ disposition: "" })}>
            {t("change")}
          </button>
        </div>
      )}
      <div hidden={d.disposition !== ""} class="reasons" role="radiogroup" aria-label={t("clear_common")}>
        {common.map((code) => (
          <button key={code} type="button" role="radio" aria-checked={d.disposition === code} class="button touch" data-code={code} onClick={() => choose(code)}>
            {label("disposition", code)}
          </button>
        ))}
      </div>
      {d.disposition === "" && <Choice name={t("clear_all")} set="disposition" value="" change={choose} />}
      {d.disposition !== "" && (
        <>
          {!surelyMet && <Tick name={t("met")} value={d.contacted} change={(contacted) => set({ contacted })} />}
          {met && <Choice name={t("plan")} set="safety_plan" value={d.plan} change={(plan) => set({ plan })} />}
          {met && !d.plan && (
            <Choice name={t("plan_none")} set="obligation_exception" flag="safety_plan" value={d.plan_exception} change={(plan_exception) => set({ plan_exception })} />
          )}
          {flags.includes("involuntary_hold") && <Choice name={t("hold")} set="hold_type" value={d.hold} change={(hold) => set({ hold })} />}
          {flags.includes("transport") && <Choice name={t("transport")} set="transport_mode" value={d.transport} change={(transport) => set({ transport })} />}
          {flags.includes("needs_receiver") && (
            <label class="field">
              {t("destination")}
              <input value={d.destination} onInput={(event) => set({ destination: event.currentTarget.value })} />
            </label>
          )}
          {met && (
            <label class="field">
              {t("health_plan")}
              <select value={d.health_plan} onChange={(event) => set({ health_plan: event.currentTarget.value as Draft["health_plan"] })}>
                <option value="">{t("unknown")}</option>
                <option value="yes">{t("yes")}</option>
                <option value="no">{t("no")}</option>
              </select>
            </label>
          )}
          <Tick name={t("naloxone_given")} value={d.naloxone} change={(naloxone) => set({ naloxone })} />
          <label class="field">
            {t("clear_note")}
            <textarea rows={4} value={d.note} onInput={(event) => set({ note: event.currentTarget.value })} />
          </label>
          <Tick name={t("ready_after")} value={d.ready} change={(ready) => set({ ready })} />
          {missing.length > 0 && <Note>{t("missing", { what: missing.join(", ") })}</Note>}
          <button type="button" class="button main huge" data-act="clear-now" onClick={clear}>
            {t("clear_now")}
          </button>
        </>
      )}
    </Sheet>
  );
}

function Choice({ name, set, flag, value, change }: { name: string; set: SetName; flag?: string; value: string; change: (code: string) => void }) {
  const codes = codesOf(set).filter((one) => flag === undefined || one.flags.includes(flag));
  return (
    <label class="field">
      {name}
      <select value={value} onChange={(event) => change(event.currentTarget.value)}>
        <option value="">{t("choose")}</option>
        {codes.map(({ code }) => (
          <option key={code} value={code}>
            {label(set, code)}
          </option>
        ))}
      </select>
    </label>
  );
}

export function Tick({ name, value, change }: { name: string; value: boolean; change: (value: boolean) => void }) {
  return (
    <label class="tick">
      <input type="checkbox" checked={value} onChange={(event) => change(event.currentTarget.checked)} />
      {name}
    </label>
  );
}
