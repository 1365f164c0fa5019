// The run: where it stands, what comes next, and what must be read first.

import { hazardCodes } from "../components/Danger.tsx";
import { Icon } from "../components/Icon.tsx";
import { AcuityMark, TEAM_LOOKS, TeamMark } from "../components/Mark.tsx";
import { since } from "../format.ts";
import { t } from "../messages/phone.ts";
import { ASIDE, isAtWork, isComing } from "../runs.ts";
import { clock } from "../session.ts";
import {
  acknowledgeHazards,
  addNote,
  amendIncident,
  NEED_SETS,
  reportStatus,
  requestPartner,
  WAYS,
  type ReportStatusBody,
  type Status,
} from "../wire.ts";
import { HOLD_MS, others, type ShownRun } from "./acts.ts";
import { Deadline, Hazards, Needs } from "./Incident.tsx";
import { Owed } from "./Owed.tsx";
import { draft } from "./kept.ts";
import { noteOf } from "./notes.ts";
import { Big, MISTAKE, ProgressMark, Reasons, saidAt, Sent, Sheet } from "./parts.tsx";
import type { Phone } from "./phone.ts";
import { PlaceCard } from "./PlaceCard.tsx";
import { label, mistakeNote, statusWord } from "./words.ts";
import type { RunView, TeamIncidentView } from "../wire.ts";

export interface RunNow extends ShownRun {
  readonly incident: TeamIncidentView;
  readonly run: RunView;
}
interface Props {
  readonly phone: Phone;
  readonly now: RunNow;
}

/** Say a status; it is kept on the phone before anything else happens. */
export function say(phone: Phone, run: RunView, status: Status, more: Partial<ReportStatusBody> = {}): Promise<unknown> {
  const kept = phone.outbox.add(reportStatus, {
    path: { assignment_id: run.id },
    body: { status, ...more },
    lane: run.id,
    what: status,
    holdMs: HOLD_MS,
  });
  phone.home();
  return kept;
}

/** Whether the crew must read the hazards before it goes on. */
export function mustRead({ incident, run, acknowledged }: RunNow): boolean {
  return run.unacknowledged && !run.briefed && acknowledged < incident.version;
}

export function RunScreen({ phone, now }: Props) {
  const { incident, run, status, ahead } = now;
  const [tone] = TEAM_LOOKS[status];
  return (
    <article class="run">
      <header class={`status tone-${tone}`}>
        <p class="row">
          {incident.acuity && <AcuityMark acuity={incident.acuity} />}
          <span>{t("offer_number", { number: String(incident.number) })}</span>
        </p>
        <h1 data-status={status}>
          <Icon name={TEAM_LOOKS[status][2]} />
          {statusWord(status)}
        </h1>
        <p class="row">
          {ahead !== null ? <ProgressMark entry={ahead} /> : <For from={run.since} />}
          {WAYS[status].is_aside && run.staging_reason && <span>{t("staged_for", { reason: label("staging_reason", run.staging_reason) })}</span>}
        </p>
      </header>
      {mustRead(now) ? (
        <section class="must-read">
          <h2>{run.acknowledged > 0 ? t("amended") : t("read_hazards")}</h2>
          <Hazards incident={incident} />
          <Needs incident={incident} />
        </section>
      ) : null}
      <Owed phone={phone} part={isComing(status) ? "now" : undefined} />
      {/* For those who are still on their way. */}
      {isComing(status) && <Deadline incident={incident} />}
      <PlaceCard phone={phone} incident={incident} run={run} />
      {isComing(status) && <Owed phone={phone} part="rest" />}
      {!mustRead(now) && <Hazards incident={incident} />}
      {!mustRead(now) && <Needs incident={incident} />}
      {incident.partners.length > 0 && (
        <ul class="plain">
          {incident.partners.map((one) => (
            <li key={one.id}>{t("partner_asked", { who: label("partner_kind", one.kind), state: t(`partner_${one.state}`) })}</li>
          ))}
        </ul>
      )}
      {incident.runs.some((one) => one.id !== run.id) && (
        <section>
          <h2>{t("other_teams")}</h2>
          <ul class="plain">
            {incident.runs
              .filter((one) => one.id !== run.id)
              .map((one) => (
                <li key={one.id}>
                  {one.call_sign} <TeamMark status={one.status} />
                </li>
              ))}
          </ul>
        </section>
      )}
      <button type="button" class="button touch" onClick={() => phone.open("note")}>
        {t("note")}
      </button>
      <Sent phone={phone} />
    </article>
  );
}

/** How long it has been so. */
function For({ from }: { from: string }) {
  return (
    <time class="figures" dateTime={from}>
      {t("for_time", { time: since(from, clock.second.value) })}
    </time>
  );
}

/** The one next thing, under the thumb. */
export function RunDock({ phone, now }: Props) {
  const { incident, run, status } = now;
  const { usual, needs } = WAYS[status];
  if (mustRead(now)) {
    const read = (): unknown =>
      phone.outbox.add(acknowledgeHazards, {
        path: { assignment_id: run.id },
        body: { version: incident.version },
        lane: run.id,
        what: String(incident.version),
      });
    return (
      <Big key="acknowledge" act="acknowledge" press={read}>
        {t("have_read")}
      </Big>
    );
  }
  if (usual === null) return null;
  // Its own form ends a run.
  const next = isAtWork(usual) || !isAtWork(status) ? usual : "clear";
  const go = (): unknown => {
    if (next === "clear") return phone.open("clear");
    return needs[next]?.includes("cleared_scene_by") ? phone.open("scene_cleared") : say(phone, run, next);
  };
  return (
    <Big key={next} act={next} press={go}>
      <Icon name={next === "clear" ? "check" : TEAM_LOOKS[next][2]} />
      {t(`go_${next}` as "go_en_route")}
    </Big>
  );
}

export function OtherSheet({ phone, now }: Props) {
  const { run, status } = now;
  return (
    <Sheet title={t("other_title")}>
      <div class="reasons many">
        {WAYS[status].may_stage && (
          <button type="button" class="button touch" data-code={ASIDE} onClick={() => phone.open("stage")}>
            <Icon name="pause" />
            {t("stage")}
          </button>
        )}
        {others(status).map((one) => (
          <button key={one} type="button" class="button touch" data-code={one} onClick={() => void say(phone, run, one)}>
            <Icon name={TEAM_LOOKS[one][2]} />
            {t(`go_${one}` as "go_en_route")}
          </button>
        ))}
        {isAtWork(status) && (
          <button type="button" class="button touch" data-code="clear" onClick={() => phone.open("clear")}>
            <Icon name="check" />
            {t("clear_more")}
          </button>
        )}
        <button type="button" class="button touch" data-code="danger" onClick={() => phone.open("danger")}>
          <Icon name="alarm" />
          {t("tell_danger")}
        </button>
        <button type="button" class="button touch" data-code="partner" onClick={() => phone.open("partner")}>
          <Icon name="cross" />
          {t("ask_partner")}
        </button>
      </div>
      <p class="quiet">{t("other_hint")}</p>
    </Sheet>
  );
}

export function StageSheet({ phone, now }: Props) {
  return (
    <Sheet title={t("stage_why")}>
      <Reasons set={NEED_SETS.staging_reason} pick={(staging_reason) => void say(phone, now.run, ASIDE, { staging_reason })} />
    </Sheet>
  );
}

export function SceneClearedSheet({ phone, now }: Props) {
  const { usual } = WAYS[now.status];
  return (
    <Sheet title={t("who_cleared")}>
      <Reasons set={NEED_SETS.cleared_scene_by} pick={(cleared_scene_by) => void say(phone, now.run, usual ?? now.status, { cleared_scene_by })} />
    </Sheet>
  );
}

/** A status that the county has stays in its log; what can be done is to say that it was wrong. */
export function MistakeSheet({ phone, now }: Props) {
  const entry = phone.mistaken.value;
  if (entry === null) return null;
  const tell = (): void => {
    void phone.outbox.add(addNote, {
      path: { incident_id: now.incident.id },
      body: { text: mistakeNote(entry.what as Status, saidAt(entry)) },
      lane: now.run.id,
      what: MISTAKE,
    });
    phone.home();
  };
  return (
    <Sheet title={t("mistake_title")}>
      <p>
        <strong>{t("mistake_what", { what: statusWord(entry.what as Status), time: saidAt(entry) })}</strong>
      </p>
      <ol class="steps">
        <li>{t("mistake_note_it")}</li>
        <li>{t("mistake_call")}</li>
        <li>{t("mistake_go_on")}</li>
      </ol>
      <button type="button" class="button main huge" data-act="tell-mistake" onClick={tell}>
        {t("mistake_say")}
      </button>
    </Sheet>
  );
}

const PARTNERS = new Set(["law_enforcement", "ems", "fire", "psap_911"]);

export function PartnerSheet({ phone, now }: Props) {
  const kind = draft<string | null>("partner", now.run.id, null);
  const who = kind.value;
  const ask = (reason: string): void => {
    void phone.outbox.add(requestPartner, {
      path: { incident_id: now.incident.id },
      body: { kind: who ?? "other", reason },
      lane: now.run.id,
      what: who ?? "other",
    });
    kind.value = null;
    phone.home();
  };
  return who === null ? (
    <Sheet title={t("partner_who")}>
      <Reasons set="partner_kind" only={(code) => PARTNERS.has(code)} pick={(code) => (kind.value = code)} />
    </Sheet>
  ) : (
    <Sheet title={`${label("partner_kind", who)}: ${t("partner_why")}`}>
      <Reasons set="partner_reason" pick={ask} />
    </Sheet>
  );
}

/** What the crew sees there comes to what is known, whatever others change meanwhile. */
export function DangerSheet({ phone, now }: Props) {
  const known = new Set(hazardCodes(now.incident));
  const tell = (code: string): void => {
    void phone.outbox.add(amendIncident, {
      path: { incident_id: now.incident.id },
      body: { add_hazards: [{ code, source: "team" }] },
      lane: now.run.id,
      what: code,
    });
    phone.home();
  };
  return (
    <Sheet title={t("danger_which")}>
      <Reasons set="hazard" only={(code) => !known.has(code)} pick={tell} />
    </Sheet>
  );
}

export function NoteSheet({ phone, now }: Props) {
  const text = noteOf(now.run.id);
  const save = (): void => {
    if (text.value.trim() === "") return;
    void phone.outbox.add(addNote, {
      path: { incident_id: now.incident.id },
      body: { text: text.value.trim() },
      lane: now.run.id,
      what: "note",
    });
    text.value = "";
    phone.home();
  };
  return (
    <Sheet title={t("note")}>
      <label class="field">
        <span class="quiet">{t("note_hint")}</span>
        <textarea rows={6} value={text.value} onInput={(event) => (text.value = event.currentTarget.value)} />
      </label>
      <button type="button" class="button main touch" disabled={text.value.trim() === ""} onClick={save}>
        {t("note_save")}
      </button>
    </Sheet>
  );
}
