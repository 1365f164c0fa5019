// What is known of an incident: its private part, opened, and how it stands.

import { Danger, type Endangered } from "../components/Danger.tsx";
import { dateTime, time } from "../format.ts";
import { t } from "../messages/board.ts";
import { t as say } from "../messages/desk.ts";
import type { Answer, Encounter, IncidentView, OpenedIncident, OpenedRecords } from "../wire.ts";
import { endReason, plain, word } from "./codes.ts";
import type { Desk } from "./desk.ts";
import { needWords, placeWords } from "./words.ts";

/** Written by people: not the rankings that lie beside them, and of an address only what holds now. */
function readable(opened: OpenedRecords): OpenedRecords["records"] {
  const address = opened.records.findLast((record) => record.head.kind === "address");
  return opened.records.filter((record) => record.head.kind !== "recommendation" && (record.head.kind !== "address" || record === address));
}

/** What a record's field is called; one that isn't known here is read as it stands. */
const FIELDS = ["address", "name", "callback", "safe_to_call", "safe_to_text", "relation", "language", "interpreter", "pronouns", "access"] as const;
function named(field: string): string {
  const known = FIELDS.find((one) => one === field);
  return known === undefined ? plain(field) : say(`field_${known}`);
}

const asText = (value: unknown): string => (typeof value === "string" ? value : value === true ? t("answer_yes") : value === false ? t("answer_no") : String(value));

export function Facts({ desk, opened, one }: { desk: Desk; opened: { readonly incident: OpenedIncident; readonly records: OpenedRecords }; one: IncidentView | undefined }) {
  const whole = opened.incident.incident;
  const point = whole.clinical.point;
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
      <Danger one={one ?? told(whole)} title={t("hazards")} word={(code) => word("hazard", code)} source={(code) => word("hazard_source", code)} />
      <dl class="facts-list">
        {readable(opened.records).flatMap((record) =>
          Object.entries(record.fields ?? {})
            .filter(([, value]) => typeof value === "boolean" || (typeof value === "string" && value !== "" && value !== "unknown"))
            .map(([name, value]) => (
              <div key={`${record.head.id} ${name}`} class="pairs">
                <dt>{name === "text" ? word2(record.head.kind) : named(name)}</dt>
                <dd>{name === "relation" ? word("caller_relation", String(value)) : asText(value)}</dd>
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
              <dt>{t("screened", { answer: t(`answer_${answer}`) })}</dt>
              <dd>{items.join(", ")}</dd>
            </div>
          );
        })}
        {fact(t("referral"), word("referral_source", whole.referral_source))}
        {fact(t("received"), dateTime(whole.received_at))}
        {fact(t("determined"), whole.determined_at !== null ? dateTime(whole.determined_at) : whole.ended_at === null ? t("undetermined") : null)}
        {fact(t("deadline"), whole.due_at === null ? null : t("due_of", { time: dateTime(whole.due_at), minutes: whole.standard?.minutes ?? 0 }))}
        {whole.encounters.map((one) => (
          <div key={one.id} class="pairs">
            <dt>{say("clear_disposition")}</dt>
            <dd>{endingWords(one)}</dd>
          </div>
        ))}
        {fact(t("outcome"), whole.outcome === null ? null : `${word("incident_outcome", whole.outcome)} ${whole.reason === null ? "" : endReason(whole.reason)}`)}
      </dl>
      {one?.flags.map((flag) => (
        <p key={flag.flag + flag.about} class="warn-words">
          {word("incident_flag", flag.flag)} · {time(flag.at)}
        </p>
      ))}
      {one?.back_entered && <p class="quiet">{t("back_entered")}</p>}
      {whole.merged_into !== null && <Other desk={desk} id={whole.merged_into} />}
    </section>
  );
}

/** The statement of an incident that has left the board. */
const told = ({ danger }: OpenedIncident["incident"]): Endangered => ({
  hazards: danger.hazards,
  danger: { ...danger, is_clear: danger.scene_known && danger.hazards.length + danger.unknown.length + danger.not_asked.length === 0 },
});

/** How it ended for one person, with the part that others had in it and what the law asks for after it. */
function endingWords(one: Encounter): string {
  const role = one.law_enforcement;
  return [
    one.disposition === null ? "" : word("disposition", one.disposition),
    one.hold === null || one.hold === "none" ? "" : word("hold_type", one.hold),
    one.transport === null || one.transport === "none" ? "" : word("transport_mode", one.transport),
    one.destination ?? "",
    role === null ? "" : `${say("clear_law_enforcement")}: ${word("law_enforcement_role", role)}`,
    ...one.mandated_reports.map((kind) => `${say("clear_reports")}: ${word("mandated_report_kind", kind)}`),
  ]
    .filter((part) => part !== "")
    .join(" · ");
}

/** Into which incident it was merged. */
function Other({ desk, id }: { desk: Desk; id: string }) {
  const number = desk.live.of("incident").at(id).value?.number;
  return (
    <button type="button" class="link" onClick={() => desk.open(id)}>
      {say("merged_into", { number: number ?? "…" })}
    </button>
  );
}

const word2 = (kind: string): string => (kind === "narrative" ? t("narrative") : kind === "note" ? t("note") : plain(kind));
