// How it ended: the few things that must be said, in the order in which a crew says them; for each
// person who was in crisis, one after the other.

import type { Signal } from "@preact/signals";
import { answerWord, Asked } from "../components/Asked.tsx";
import { Icon } from "../components/Icon.tsx";
import { Note } from "../components/Note.tsx";
import { fit, isTeamsHold, lacking, suits, wasMet, type EndingCode, type FlaggedCode } from "../endings.ts";
import { t as common } from "../messages/common.ts";
import { t } from "../messages/phone.ts";
import { clearAssignment, type EndingField } from "../wire.ts";
import { HOLD_MS } from "./acts.ts";
import { atLeast, begin, BLANK, encounters, ended, type Draft, type Ending } from "./ending.ts";
import { Big, columns, Sheet } from "./parts.tsx";
import { draft } from "./kept.ts";
import type { Phone } from "./phone.ts";
import { peopleOf, usePeople } from "./PlaceCard.tsx";
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

/** What was filled in: not lost by going back, nor by switching the phone off. */
const draftOf = (now: RunNow): Signal<Draft> => draft("clear", now.run.id, begin(now.run.id, 1));

/** Where this phone never heard the county's own list, nothing is known of it: everything is asked. */
const kindOf = (disposition: string): EndingCode | undefined => codesOf("disposition").find((one) => one.code === disposition);

export function ClearSheet({ phone, now }: { phone: Phone; now: RunNow }) {
  const form = draftOf(now);
  // Meanwhile the desk may have learnt of more.
  const d = atLeast(form.value, now.incident.subjects);
  const known = usePeople(phone, now.incident);
  const change = (change: Partial<Draft>): void => {
    form.value = { ...atLeast(form.peek(), now.incident.subjects), ...change };
  };
  const set = (one: Partial<Ending>): void =>
    change({ people: atLeast(form.peek(), now.incident.subjects).people.map((person, index) => (index === d.open ? { ...person, ...one } : person)) });
  const person = d.people[d.open] ?? BLANK;

  const choose = (disposition: string): void => {
    scrollTo(0, 0);
    set({ disposition });
  };
  const open = (index: number): void => {
    scrollTo(0, 0);
    change({ open: index });
  };
  const another = (): void => {
    scrollTo(0, 0);
    change({ people: [...d.people, BLANK], open: d.people.length });
  };
  const remove = (): void => change({ people: d.people.filter((_, index) => index !== d.open), open: Math.max(0, d.open - 1) });

  return (
    <Sheet title={t("clear_title")}>
      {d.people.length > 1 && (
        <div class="people" role="group" aria-label={t("people")}>
          {d.people.map((one, index) => (
            <button key={index} type="button" class="button touch" data-person={index + 1} aria-pressed={index === d.open} onClick={() => open(index)}>
              <Icon name={one.disposition === "" ? "question" : "check"} />
              <span>
                {known[index]?.name ?? t("person_n", { n: index + 1 })}
                <small>{one.disposition === "" ? t("not_told") : label("disposition", one.disposition)}</small>
              </span>
            </button>
          ))}
        </div>
      )}
      <PersonForm key={d.open} person={person} mayHold={phone.picture.value?.team.may_hold ?? null} set={set} choose={choose} />
      {person.disposition === "" && d.people.length > now.incident.subjects && d.people.length > 1 && (
        <button type="button" class="button touch" data-act="remove-person" onClick={remove}>
          {t("remove_person")}
        </button>
      )}
      {person.disposition !== "" && (
        <button type="button" class="button touch" data-act="another-person" onClick={another}>
          <Icon name="person" />
          {t("another_person")}
        </button>
      )}
    </Sheet>
  );
}

/** The clear itself, under the thumb as soon as something was said; and what it would leave open. */
export function ClearDock({ phone, now }: { phone: Phone; now: RunNow }) {
  const d = atLeast(draftOf(now).value, now.incident.subjects);
  if (ended(d.people).length === 0) return null;
  const missing = d.people.map((one, index) => lacks(one, d.people.length > 1 ? index + 1 : null)).filter((what) => what !== "");
  const clear = (ready: boolean): void => {
    const known = peopleOf(now.incident).map((one) => one.id);
    void phone.outbox.add(clearAssignment, {
      path: { assignment_id: now.run.id },
      body: { encounters: encounters(d.people, known, kindOf), ready },
      lane: now.run.id,
      what: ready ? "ready" : "cleared",
      holdMs: HOLD_MS,
    });
    phone.home();
  };
  return (
    <>
      {missing.length > 0 && <p class="lacking">{t("missing", { what: missing.join("; ") })}</p>}
      <Big act="clear-now" press={() => clear(true)}>
        <Icon name="check" />
        {t("clear_ready")}
      </Big>
      <button type="button" class="button touch" data-act="clear-busy" onClick={() => clear(false)}>
        {t("clear_not_ready")}
      </button>
    </>
  );
}

/** What is still to be said of somebody, in words, "" = nothing; `number`: of which person, where there are several. */
function lacks(one: Ending, number: number | null): string {
  const found = one.disposition === "" ? [t("not_told")] : lacking(one, kindOf(one.disposition)).map((what) => t(what));
  const what = found.join(", ");
  return number === null || what === "" ? what : `${t("person_n", { n: number })}: ${what}`;
}

interface PersonProps {
  readonly person: Ending;
  /** Whether somebody on the crew may write a hold; `null` = not known. */
  readonly mayHold: boolean | null;
  readonly set: (change: Partial<Ending>) => void;
  readonly choose: (disposition: string) => void;
}

/** How it ended for one person. */
function PersonForm({ person: d, mayHold, set, choose }: PersonProps) {
  const codes = codesOf("disposition");
  const kind = kindOf(d.disposition);
  const met = wasMet(kind, d.contacted);
  const may = (field: EndingField): boolean => fit(kind, field) !== "never";
  const common = COMMON.filter((code) => codes.length === 0 || codes.some((one) => one.code === code));
  if (d.disposition === "") {
    return (
      <>
        <div class={columns(common.length)} role="group" aria-label={t("clear_common")}>
          {common.map((code) => (
            <button key={code} type="button" class="button touch" data-code={code} onClick={() => choose(code)}>
              {label("disposition", code)}
            </button>
          ))}
        </div>
        <Choice name={t("clear_all")} set="disposition" value="" change={choose} />
      </>
    );
  }
  return (
    <>
      <div class="chosen">
        <strong>{label("disposition", d.disposition)}</strong>
        <button type="button" class="button touch" onClick={() => set({ disposition: "" })}>
          {t("change")}
        </button>
      </div>
      {isTeamsHold(kind) && mayHold === false && <Note tone="warn">{t("hold_nobody")}</Note>}
      {fit(kind, "contacted") === "may" && (
        <label class="field">
          {t("met")}
          <select autocomplete="off" value={d.contacted === null ? "" : String(d.contacted)} onChange={(event) => set({ contacted: event.currentTarget.value === "" ? null : event.currentTarget.value === "true" })}>
            <option value="">{answerWord("not_asked")}</option>
            <option value="true">{answerWord("yes")}</option>
            <option value="false">{answerWord("no")}</option>
          </select>
        </label>
      )}
      {met === true && may("plan") && <Choice name={t("plan")} set="safety_plan" value={d.plan} change={(plan) => set({ plan })} />}
      {met === true && may("plan") && !d.plan && (
        <Choice name={t("plan_none")} set="obligation_exception" among={(code) => code.flags.includes("safety_plan")} value={d.noPlan} change={(noPlan) => set({ noPlan })} />
      )}
      {may("hold") && <Choice name={t("hold")} set="hold_type" among={(code) => suits(kind, "hold", code)} value={d.hold} change={(hold) => set({ hold })} />}
      {may("transport") && <Choice name={t("transport")} set="transport_mode" among={(code) => suits(kind, "transport", code)} value={d.transport} change={(transport) => set({ transport })} />}
      {may("destination") && (
        <label class="field">
          {t("destination")}
          <input value={d.destination} onInput={(event) => set({ destination: event.currentTarget.value })} />
        </label>
      )}
      {met === true && <Asked name={t("health_plan")} value={d.health_plan} change={(health_plan) => set({ health_plan })} />}
      {met !== false && <Asked name={t("naloxone_given")} value={d.naloxone} change={(naloxone) => set({ naloxone })} />}
      <Choice name={t("law_enforcement")} set="law_enforcement_role" among={(code) => suits(kind, "law_enforcement", code)} value={d.law_enforcement} change={(law_enforcement) => set({ law_enforcement })} />
      <fieldset class="ticks">
        <legend>{t("mandated_reports")}</legend>
        {codesOf("mandated_report_kind").map(({ code }) => (
          <Tick
            key={code}
            name={label("mandated_report_kind", code)}
            value={d.reports.includes(code)}
            change={(is) => set({ reports: is ? [...d.reports, code] : d.reports.filter((one) => one !== code) })}
          />
        ))}
      </fieldset>
      <label class="field">
        {t("clear_note")}
        <textarea rows={4} value={d.note} onInput={(event) => set({ note: event.currentTarget.value })} />
      </label>
    </>
  );
}

function Choice({ name, set, among, value, change }: { name: string; set: SetName; among?: (code: FlaggedCode) => boolean; value: string; change: (code: string) => void }) {
  const codes = codesOf(set).filter((one) => among?.(one) ?? true);
  return (
    <label class="field">
      {name}
      <select value={value} onChange={(event) => change(event.currentTarget.value)}>
        <option value="">{common("choose")}</option>
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
