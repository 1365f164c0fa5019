// One incident, opened beside the list: everything known of it, and everything that can be done.

import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { Refusal } from "../api.ts";
import { Trouble } from "../components/Note.tsx";
import { t } from "../messages/board.ts";
import { t as say } from "../messages/desk.ts";
import { api } from "../session.ts";
import { getIncident, getIncidentRecords, getIncidentTimeline, type IncidentView, type OpenedIncident, type OpenedRecords, type Timeline as Told } from "../wire.ts";
import { Claim } from "./Claims.tsx";
import { CorrectTime, Divert, type PastRun } from "./Correct.tsx";
import type { Desk } from "./desk.ts";
import { Encounters } from "./Encounter.tsx";
import { Facts } from "./Facts.tsx";
import { Head, PastHead, ToldOf } from "./Head.tsx";
import { Merge, Split } from "./Joining.tsx";
import { HandOver, Slots, SlotWords } from "./Ownership.tsx";
import { Owe } from "./Owe.tsx";
import { Place } from "./Place.tsx";
import { Recommend } from "./Recommend.tsx";
import { Reopen } from "./Reopen.tsx";
import { Offer, Run } from "./Runs.tsx";
import { Timeline } from "./Timeline.tsx";
import { AskPartner, Decide, End, Note, Partner, Proposals } from "./Tools.tsx";

type Purpose = "care_coordination" | "emergency" | "supervision";
const PURPOSES: readonly Purpose[] = ["supervision", "emergency", "care_coordination"];

/** Longer than a new incident takes to come with its frame. */
const FRAME_MS = 700;

interface Opened {
  readonly incident: OpenedIncident;
  readonly records: OpenedRecords;
  readonly timeline: Told;
}

export function Detail({ desk, id }: { desk: Desk; id: string }) {
  const one = desk.live.of("incident").at(id).value;
  // What is owed changes without the incident: its timeline tells of it too.
  const owing = [...desk.live.of("obligation").all.value.values()].flatMap((due) => (due.incident_id === id ? [`${due.id} ${due.state} ${due.attempts}`] : [])).join();
  const opened = useSignal<Opened | null>(null);
  const trouble = useSignal<unknown>(null);
  const purpose = useSignal<Purpose | null>(null);
  const turn = useSignal(0);
  const isPast = useSignal(false);

  useEffect(() => {
    let isOver = false;
    const needsWhy = one === undefined && purpose.value === null;
    const read = async () => {
      // What has left the board opens with a reason alone; what is shown of it already, stays.
      isPast.value = needsWhy && opened.peek() === null;
      if (needsWhy) return;
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
    };
    // Several changes in one moment are one reading; one that was opened just now comes with a frame.
    const timer = setTimeout(() => void read(), needsWhy ? FRAME_MS : 150);
    return () => {
      isOver = true;
      clearTimeout(timer);
    };
  }, [id, one, owing, purpose.value, turn.value]);

  const needsPurpose = isPast.value || trouble.value instanceof Refusal && trouble.value.code === "purpose_needed";
  return (
    <section class="panel detail" aria-label={t("incident_no", { number: one?.number ?? opened.value?.incident.incident.number ?? 0 })}>
      {one === undefined ? <PastHead desk={desk} id={id} opened={opened.value?.incident} /> : <Head desk={desk} one={one} labels={opened.value?.incident.labels ?? {}} />}
      <div class="scroll" tabIndex={0} role="group" aria-label={t("incident_no", { number: one?.number ?? 0 })}>
        {one && one.claims.length > 0 && (
          <div class="alarms">
            {one.claims.map((claim) => (
              <Claim key={claim.assignment_id} desk={desk} incident={one} claim={claim} />
            ))}
          </div>
        )}
        <ToldOf desk={desk} id={id} />
        {one && <Proposals desk={desk} one={one} />}
        {one && <Using desk={desk} one={one} opened={opened.value?.incident} records={opened.value?.records} onDone={() => turn.value++} />}
        {one === undefined && opened.value && <UsingPast desk={desk} opened={opened.value.incident} onDone={() => turn.value++} />}
        {one && <Recommend key={one.id} desk={desk} one={one} />}
        {one && one.slots.length > 0 && (
          <section aria-label={t("teams")}>
            <h3>{t("teams")}</h3>
            {one.slots.map((slot) => (
              <div key={slot.no} class="slot-words">
                <SlotWords slot={slot} />
              </div>
            ))}
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
            <p>{isPast.value ? say("past_why") : t("not_yours")}</p>
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
        {opened.value && <Facts desk={desk} opened={opened.value} one={one} />}
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

function Using({ desk, one, opened, records, onDone }: { desk: Desk; one: IncidentView; opened: OpenedIncident | undefined; records: OpenedRecords | undefined; onDone: () => void }) {
  switch (desk.tool.value) {
    case "determine":
      return <Decide key={`${one.id} decide`} desk={desk} one={one} isAmend={false} answers={opened?.incident.clinical.screening} />;
    case "amend":
      return <Decide key={`${one.id} amend`} desk={desk} one={one} isAmend answers={opened?.incident.clinical.screening} />;
    case "place":
      // It is private: shown to whoever may read it, and then set right.
      return opened === undefined || records === undefined ? null : <Place key={one.id} desk={desk} one={one} opened={opened} records={records} onDone={onDone} />;
    case "partner":
      return <AskPartner desk={desk} one={one} />;
    case "note":
      return <Note desk={desk} id={one.id} onDone={onDone} />;
    case "hand":
      return <HandOver desk={desk} one={one} />;
    case "slots":
      return <Slots desk={desk} one={one} />;
    case "merge":
      return <Merge key={one.id} desk={desk} one={one} />;
    case "split":
      return <Split desk={desk} one={one} />;
    case "divert":
      return <Divert key={one.id} desk={desk} one={one} />;
    case "times":
      return <CorrectTime key={one.id} desk={desk} id={one.id} runs={one.runs} onDone={onDone} />;
    case "ending":
      // Its codes are private: they are read with the rest, or not at all.
      return opened === undefined ? null : <Encounters key={one.id} desk={desk} opened={opened} onDone={onDone} />;
    case "owe":
      return <Owe key={one.id} desk={desk} id={one.id} onDone={onDone} />;
    case "reopen":
      return <Reopen key={one.id} desk={desk} id={one.id} number={one.number} onDone={onDone} />;
    case "cancel":
    case "close":
      return <End key={desk.tool.value} desk={desk} one={one} isCancel={desk.tool.value === "cancel"} />;
    case "none":
      return null;
  }
}

/** What can be done with an incident that has left the board. */
function UsingPast({ desk, opened, onDone }: { desk: Desk; opened: OpenedIncident; onDone: () => void }) {
  const whole = opened.incident;
  switch (desk.tool.value) {
    case "note":
      return <Note desk={desk} id={whole.id} onDone={onDone} />;
    case "times": {
      const runs: PastRun[] = whole.assignments.map((run) => ({ id: run.id, call_sign: desk.callSign(run.team_id), status: run.state, milestones: run.milestones }));
      return <CorrectTime key={whole.id} desk={desk} id={whole.id} runs={runs} onDone={onDone} />;
    }
    case "ending":
      return <Encounters key={whole.id} desk={desk} opened={opened} onDone={onDone} />;
    case "owe":
      return <Owe key={whole.id} desk={desk} id={whole.id} onDone={onDone} />;
    case "reopen":
      return <Reopen key={whole.id} desk={desk} id={whole.id} number={whole.number} onDone={onDone} />;
    default:
      return null;
  }
}
