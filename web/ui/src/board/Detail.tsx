// One incident, opened beside the list: everything known of it, and everything that can be done.

import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { Refusal } from "../api.ts";
import { Act } from "../components/Act.tsx";
import { AcuityMark, PhaseMark } from "../components/Mark.tsx";
import { Note as Notice, Trouble } from "../components/Note.tsx";
import { Left, Since } from "../components/Timer.tsx";
import { dateTime, time } from "../format.ts";
import { t as common } from "../messages/common.ts";
import { t } from "../messages/board.ts";
import { api } from "../session.ts";
import {
  addSlot,
  acceptOwnership,
  getIncident,
  getIncidentRecords,
  getIncidentTimeline,
  handOver,
  type Answer,
  type IncidentView,
  type OpenedIncident,
  type OpenedRecords,
  type Timeline as Told,
} from "../wire.ts";
import { plain, word } from "./codes.ts";
import type { Desk, Tool } from "./desk.ts";
import { Deadline } from "./List.tsx";
import { Recommend } from "./Recommend.tsx";
import { Offer, Run } from "./Runs.tsx";
import { Timeline } from "./Timeline.tsx";
import { AskPartner, Decide, End, Note, Partner } from "./Tools.tsx";
import { hazardWords, needWords, placeWords } from "./words.ts";

type Purpose = "care_coordination" | "emergency" | "supervision";
const PURPOSES: readonly Purpose[] = ["supervision", "emergency", "care_coordination"];

interface Opened {
  readonly incident: OpenedIncident;
  readonly records: OpenedRecords;
  readonly timeline: Told;
}

export function Detail({ desk, id }: { desk: Desk; id: string }) {
  const one = desk.live.of("incident").at(id).value;
  const opened = useSignal<Opened | null>(null);
  const trouble = useSignal<unknown>(null);
  const purpose = useSignal<Purpose | null>(null);
  const turn = useSignal(0);

  useEffect(() => {
    let isOver = false;
    // Several changes in one moment are one reading.
    const timer = setTimeout(async () => {
      const given = { path: { incident_id: id }, query: purpose.value === null ? {} : { purpose: purpose.value } };
      try {
        const [incident, records, timeline] = await Promise.all([
          api.call(getIncident, given),
          api.call(getIncidentRecords, given),
          api.call(getIncidentTimeline, given),
        ]);
        if (isOver) return;
        opened.value = { incident, records, timeline };
        trouble.value = null;
      } catch (error) {
        if (!isOver) trouble.value = error;
      }
    }, 150);
    return () => {
      isOver = true;
      clearTimeout(timer);
    };
  }, [id, one, purpose.value, turn.value]);

  const needsPurpose = trouble.value instanceof Refusal && trouble.value.code === "purpose_needed";
  return (
    <section class="panel detail" aria-label={t("incident_no", { number: one?.number ?? opened.value?.incident.incident.number ?? 0 })}>
      {one === undefined ? (
        <header>
          <h2>#{opened.value?.incident.incident.number ?? "…"}</h2>
          <Notice>{t("left_the_board")}</Notice>
          <Close desk={desk} />
        </header>
      ) : (
        <Head desk={desk} one={one} />
      )}
      <div class="scroll" tabIndex={0} role="group" aria-label={t("incident_no", { number: one?.number ?? 0 })}>
        {one && <Using desk={desk} one={one} onDone={() => turn.value++} />}
        {one && <Recommend key={one.id} desk={desk} one={one} />}
        {one && (one.offers.length > 0 || one.runs.length > 0) && (
          <section aria-label={t("teams")}>
            <h3>{t("teams")}</h3>
            {one.offers.map((offer) => (
              <Offer key={offer.id} desk={desk} one={one} offer={offer} />
            ))}
            {[...one.runs].reverse().map((run) => (
              <Run key={run.id} desk={desk} one={one} run={run} />
            ))}
          </section>
        )}
        {one && one.partners.length > 0 && (
          <section aria-label={t("partners")}>
            <h3>{t("partners")}</h3>
            {one.partners.map((partner) => (
              <Partner key={partner.id} one={one} partner={partner} />
            ))}
          </section>
        )}
        {needsPurpose && (
          <div class="tool" role="group" aria-label={t("why_open")}>
            <p>{t("not_yours")}</p>
            <div class="acts">
              {PURPOSES.map((why) => (
                <button key={why} type="button" class="button" onClick={() => (purpose.value = why)}>
                  {t(`purpose_${why}`)}
                </button>
              ))}
            </div>
          </div>
        )}
        {!needsPurpose && <Trouble trouble={trouble.value} />}
        {opened.value && <Facts opened={opened.value} one={one} />}
        {opened.value && (
          <section aria-label={t("timeline")}>
            <h3>{t("timeline")}</h3>
            <Timeline told={opened.value.timeline} desk={desk} />
          </section>
        )}
      </div>
    </section>
  );
}

function Close({ desk }: { desk: Desk }) {
  return (
    <button
      type="button"
      class="button plain small"
      onClick={() => {
        desk.tool.value = "none";
        desk.opened.value = null;
      }}
    >
      <kbd>Esc</kbd> <span class="said">{t("close_panel")}</span>
    </button>
  );
}

function Head({ desk, one }: { desk: Desk; one: IncidentView }) {
  const isDecided = one.determined_at !== null;
  const isOver = one.ended_at !== null;
  const tools: readonly (readonly [Tool, string, string, boolean])[] = [
    ["determine", "D", t("determine"), !isDecided && !isOver],
    ["amend", "E", t("amend"), isDecided && !isOver],
    ["partner", "P", t("ask_partner"), !isOver],
    ["note", "B", t("note"), true],
    ["cancel", "X", t("cancel_incident"), !isOver],
    ["close", "Z", t("close_incident"), isDecided && !isOver],
  ];
  return (
    <header>
      <div class="line">
        <h2 class="figures">#{one.number}</h2>
        <PhaseMark phase={one.phase} />
        {one.acuity !== null && <AcuityMark acuity={one.acuity} />}
        <Deadline one={one} />
        <Close desk={desk} />
      </div>
      <div class="line">
        {tools
          .filter(([, , , isThere]) => isThere)
          .map(([tool, key, label]) => (
            <button
              key={tool}
              type="button"
              class={`button small ${tool === "determine" ? "main" : ""}`}
              aria-pressed={desk.tool.value === tool}
              onClick={() => (desk.tool.value = desk.tool.value === tool ? "none" : tool)}
            >
              <kbd>{key}</kbd> {label}
            </button>
          ))}
        {isDecided && !isOver && (
          <Act class="small" run={(key) => api.call(addSlot, { path: { incident_id: one.id }, body: {}, key })}>
            {t("one_more_team")}
          </Act>
        )}
        {one.pending_owner === desk.account ? (
          <Act class="small main" run={(key) => api.call(acceptOwnership, { path: { incident_id: one.id }, body: {}, key })}>
            {t("accept_ownership")}
          </Act>
        ) : (
          one.owner !== desk.account &&
          !isOver && (
            <Act class="small" run={(key) => api.call(handOver, { path: { incident_id: one.id }, body: { to: desk.account }, key })}>
              {t("take_over")}
            </Act>
          )
        )}
      </div>
    </header>
  );
}

function Using({ desk, one, onDone }: { desk: Desk; one: IncidentView; onDone: () => void }) {
  switch (desk.tool.value) {
    case "determine":
      return <Decide key={`${one.id} decide`} desk={desk} one={one} isAmend={false} />;
    case "amend":
      return <Decide key={`${one.id} ${one.version}`} desk={desk} one={one} isAmend />;
    case "partner":
      return <AskPartner desk={desk} one={one} />;
    case "note":
      return <Note desk={desk} one={one} onDone={onDone} />;
    case "cancel":
    case "close":
      return <End key={desk.tool.value} desk={desk} one={one} isCancel={desk.tool.value === "cancel"} />;
    case "none":
      return null;
  }
}

/** Written by people: not the rankings that lie beside them, and of an address only what holds now. */
function readable(opened: OpenedRecords): OpenedRecords["records"] {
  const address = opened.records.findLast((record) => record.head.kind === "address");
  return opened.records.filter((record) => record.head.kind !== "recommendation" && (record.head.kind !== "address" || record === address));
}

const asText = (value: unknown): string => (typeof value === "string" ? value : value === true ? t("answer_yes") : value === false ? t("answer_no") : String(value));

function Facts({ opened, one }: { opened: Opened; one: IncidentView | undefined }) {
  const whole = opened.incident.incident;
  const labels = opened.incident.labels;
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
      <dl class="facts-list">
        {readable(opened.records).flatMap((record) =>
          Object.entries(record.fields ?? {})
            .filter(([, value]) => typeof value === "boolean" || (typeof value === "string" && value !== "" && value !== "unknown"))
            .map(([name, value]) => (
              <div key={`${record.head.id} ${name}`} class="pairs">
                <dt>{name === "text" ? word2(record.head.kind) : plain(name)}</dt>
                <dd>{asText(value)}</dd>
              </div>
            )),
        )}
        {fact(t("place"), one ? placeWords(one) : null)}
        {fact(t("point"), point === null ? t("no_point") : `${point.lat_deg.toFixed(5)}, ${point.lon_deg.toFixed(5)}`)}
        {fact(t("concern"), whole.clinical.concerns.map((code) => word("crisis_type", code)).join(", "))}
        {fact(t("hazards"), one ? hazardWords(one) : null)}
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
        {fact(t("determined"), whole.determined_at === null ? t("undetermined") : dateTime(whole.determined_at))}
        {fact(t("deadline"), whole.due_at === null ? null : t("due_of", { time: time(whole.due_at), minutes: whole.standard?.minutes ?? 0 }))}
        {fact(t("owner"), whole.owner === null ? t("no_owner") : (labels[whole.owner] ?? "…"))}
        {fact(t("outcome"), whole.outcome === null ? null : `${word("incident_outcome", whole.outcome)} ${whole.reason === null ? "" : plain(whole.reason)}`)}
      </dl>
      {one?.slots.map((slot) => (
        <p key={slot.no} class="quiet">
          {t("slot_no", { n: slot.no })}: {t(`slot_${slot.state as "waiting" | "offered" | "assigned" | "dropped"}`)} <Since from={slot.since} /> · {t("tries", { n: slot.tries })}
          {slot.next_try_at !== null && (
            <>
              {" · "}
              {t("next_try")} <Left until={slot.next_try_at} />
            </>
          )}
        </p>
      ))}
      {one?.flags.map((flag) => (
        <p key={flag.flag + flag.about} class="warn-words">
          {word("incident_flag", flag.flag)} · {time(flag.at)}
        </p>
      ))}
      {one?.back_entered && <p class="quiet">{t("back_entered")}</p>}
      {whole.merged_into !== null && <p class="quiet">{common("phase_merged")}</p>}
    </section>
  );
}

const word2 = (kind: string): string => (kind === "narrative" ? t("narrative") : kind === "note" ? t("note") : plain(kind));
