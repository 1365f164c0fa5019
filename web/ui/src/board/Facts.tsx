// What is known of an incident: its private part, opened, and how it stands.

import { Danger, type Endangered } from "../components/Danger.tsx";
import { answerWord } from "../components/Asked.tsx";
import { dateTime, time } from "../format.ts";
import { t } from "../messages/board.ts";
import { t as say } from "../messages/desk.ts";
import type { Answer, Encounter, IncidentView, OpenedIncident, OpenedRecords } from "../wire.ts";
import { endReason, word } from "./codes.ts";
import type { Desk } from "./desk.ts";
import { fieldsOf, isAnswer, named, readable, shownValue } from "./records.ts";
import { needWords, placeWords } from "./words.ts";

export function Facts({ desk, opened, one }: { desk: Desk; opened: { readonly incident: OpenedIncident; readonly records: OpenedRecords }; one: IncidentView | undefined }) {
  const whole = opened.incident.incident;
  const point = whole.clinical.point;
  const { absorbed } = opened.incident;
  // What was merged into it is part of it: whose word it is, is said before each.
  const from = (id: string | null): string => {
    const other = absorbed.find((one) => one.id === id);
    return other === undefined ? "" : `#${other.number} · `;
  };
  const asked = Object.entries(whole.clinical.screening).filter(([, answer]) => answer !== "not_asked");
  const fact = (name: string, value: string | null | undefined) =>
    value ? (
      <>
        <dt>{name}</dt>
        <dd>{value}</dd>
      </>
    ) : null;
  return (
    <section aria-label={t("facts")}>
      <h3>{t("facts")}</h3>
      <Danger one={one ?? told(opened.incident)} title={t("hazards")} word={(code) => word("hazard", code)} source={(code) => word("hazard_source", code)} />
      <dl class="facts-list">
        {readable(opened.records).flatMap((record) =>
          Object.entries(fieldsOf(record))
            .filter(([name, value]) => typeof value === "boolean" || (typeof value === "string" && value !== "" && (value !== "unknown" || isAnswer(name))))
            .map(([name, value]) => (
              <div key={`${record.head.id} ${name}`} class="pairs">
                <dt>
                  {from(record.head.incident_id)}
                  {named(name, record.head.kind)}
                </dt>
                <dd>{shownValue(name, value)}</dd>
              </div>
            )),
        )}
        {fact(t("place"), one ? placeWords(one) : null)}
        {fact(t("point"), point === null ? t("no_point") : `${point.lat_deg.toFixed(5)}, ${point.lon_deg.toFixed(5)}`)}
        {fact(t("concern"), whole.clinical.concerns.map((code) => word("crisis_type", code)).join(", "))}
        {fact(t("needs"), one ? needWords(one) : null)}
        {(["yes", "unknown", "no"] as const).map((answer: Answer) => {
          const items = asked.filter(([, given]) => given === answer).map(([item]) => word("risk_item", item));
          return items.length === 0 ? null : (
            <div key={answer} class={`pairs ${answer === "yes" ? "warn-words" : ""}`}>
              <dt>{t("screened", { answer: answerWord(answer) })}</dt>
              <dd>{items.join(", ")}</dd>
            </div>
          );
        })}
        {fact(t("referral"), word("referral_source", whole.referral_source))}
        {fact(t("received"), dateTime(whole.received_at))}
        {fact(t("determined"), whole.determined_at !== null ? dateTime(whole.determined_at) : whole.ended_at === null ? t("undetermined") : null)}
        {fact(t("deadline"), whole.due_at === null ? null : t("due_of", { time: dateTime(whole.due_at), minutes: whole.standard?.minutes ?? 0 }))}
        {[...absorbed, whole].flatMap((part) =>
          part.encounters.map((one) => (
            <div key={one.id} class="pairs">
              <dt>
                {from(part.id)}
                {say("clear_disposition")}
              </dt>
              <dd>{endingWords(one)}</dd>
            </div>
          )),
        )}
        {fact(t("outcome"), whole.outcome === null ? null : `${word("incident_outcome", whole.outcome)} ${whole.reason === null ? "" : endReason(whole.reason)}`)}
      </dl>
      {one?.flags.map((flag) => (
        <p key={flag.flag + flag.about} class="warn-words">
          {word("incident_flag", flag.flag)} · {time(flag.at)}
        </p>
      ))}
      {one?.back_entered && <p class="quiet">{t("back_entered")}</p>}
      {whole.merged_into !== null && (
        <Other desk={desk} id={whole.merged_into} words={say("merged_into", { number: desk.numberOf(whole.merged_into) ?? "…" })} />
      )}
      {absorbed.map((one) => (
        <Other key={one.id} desk={desk} id={one.id} words={say("merged_from", { number: one.number })} />
      ))}
    </section>
  );
}

/** The statement of an incident that has left the board. */
const told = ({ incident: { danger }, is_clear }: OpenedIncident): Endangered => ({ hazards: danger.hazards, danger: { ...danger, is_clear } });

/** How it ended for one person, with the part that others had in it and what the law asks for after it. */
function endingWords(one: Encounter): string {
  const role = one.law_enforcement;
  return [
    one.disposition === null ? "" : word("disposition", one.disposition),
    one.hold === null || one.hold === "none" ? "" : word("hold_type", one.hold),
    one.transport === null || one.transport === "none" ? "" : word("transport_mode", one.transport),
    one.destination ?? "",
    `${say("ending_naloxone")}: ${answerWord(one.naloxone_given)}`,
    role === null ? "" : `${say("clear_law_enforcement")}: ${word("law_enforcement_role", role)}`,
    ...one.mandated_reports.map((kind) => `${say("clear_reports")}: ${word("mandated_report_kind", kind)}`),
  ]
    .filter((part) => part !== "")
    .join(" · ");
}

/** Another incident that it is part of, or that is part of it. */
function Other({ desk, id, words }: { desk: Desk; id: string; words: string }) {
  return (
    <button type="button" class="link" onClick={() => desk.open(id)}>
      {words}
    </button>
  );
}
