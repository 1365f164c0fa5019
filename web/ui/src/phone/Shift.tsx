// On and off shift, available and not.

import { useSignal } from "@preact/signals";
import { Icon } from "../components/Icon.tsx";
import { LanguageChoice, ThemeChoice } from "../components/Bar.tsx";
import { Unverified } from "../components/Rules.tsx";
import { Note } from "../components/Note.tsx";
import { dateTime, relative, time } from "../format.ts";
import { t as common } from "../messages/common.ts";
import { t } from "../messages/phone.ts";
import { clock, signOut } from "../session.ts";
import { instant } from "../time.ts";
import { endShift, setDuty, startTeamShift, type CrewMemberSent, type PresenceMode } from "../wire.ts";
import { Act } from "../components/Act.tsx";
import { Tick } from "./Clear.tsx";
import { HOLD_MS } from "./acts.ts";
import { draft } from "./kept.ts";
import { Owed } from "./Owed.tsx";
import { Big, ProgressMark, Reasons, Sent, Sheet } from "./parts.tsx";
import type { Phone } from "./phone.ts";
import { TrackerAddressOf } from "./Tracked.tsx";
import { label } from "./words.ts";

const HOURS = [4, 8, 10, 12, 24] as const;

interface Start {
  readonly hours: number | null;
  /** Who of the crew said that they carry naloxone. */
  readonly carriers: readonly string[];
}

export function OffShift({ phone }: { phone: Phone }) {
  const last = phone.lastCrew.value;
  const form = draft<Start>("begin", last?.team_id ?? "", { hours: null, carriers: [] });
  const { hours, carriers } = form.value;
  const onSite = last?.crew.filter((one) => one.mode === "onsite") ?? [];
  const me = phone.session.who.grants.find((one) => one.county_id === phone.session.county)?.responder_id ?? null;
  const others = onSite.filter((one) => one.responder_id !== me);
  const carries = (id: string, does: boolean): void => {
    const rest = form.peek().carriers.filter((one) => one !== id);
    form.value = { ...form.peek(), carriers: does ? [...rest, id] : rest };
  };
  const started = phone.outbox.entries.value.findLast((one) => one.operation === startTeamShift.name) ?? null;
  const isStarting = started !== null && (started.state === "saved" || started.state === "sending");
  const now = clock.second.value;
  const planned = startable(phone, now);
  const start = (
    team_id: string,
    body: { shift_id?: string; ends_at?: string; crew?: readonly CrewMemberSent[] },
  ): void => void phone.outbox.add(startTeamShift, { path: { team_id }, body, lane: team_id, what: "start" });
  const startAgain = (): void => {
    if (last === null || hours === null) return;
    const ends_at = new Date(clock.now() + hours * 3_600_000).toISOString();
    start(last.team_id, {
      ends_at,
      crew: last.crew.map((one) => ({
        responder_id: one.responder_id,
        mode: one.mode as PresenceMode,
        carries_naloxone: one.mode === "onsite" && carriers.includes(one.responder_id),
      })),
    });
  };
  return (
    <article class="shift">
      <h1>{t("off_title")}</h1>
      <p class="quiet">{t("off_hint")}</p>
      {isStarting && (
        <p class="row" role="status">
          <ProgressMark entry={started} />
          {t("starting", { state: t(started.state) })}
        </p>
      )}
      {!isStarting && last === null && planned.length === 0 && <Note>{t("off_unknown")}</Note>}
      {!isStarting &&
        planned.map((one) => (
          <section key={one.shift_id} class="card start">
            <h2>{one.call_sign}</h2>
            {one.crew > 0 && <p>{t("crew_count", { n: one.crew })}</p>}
            <button
              type="button"
              class="button main huge"
              data-act="start-planned"
              onClick={() => start(one.team_id, { shift_id: one.shift_id })}
            >
              {t("start_planned", { from: dateTime(one.starts_at), until: time(one.ends_at) })}
            </button>
          </section>
        ))}
      {!isStarting && last !== null && (
        <section class="card start">
          <h2>{last.call_sign}</h2>
          <p>
            {t("start_with")} · {t("crew_count", { n: last.crew.length })}
          </p>
          <label class="field">
            {t("ends_in")}
            <select
              data-field="hours"
              value={hours === null ? "" : String(hours)}
              onChange={(event) => (form.value = { ...form.peek(), hours: event.currentTarget.value === "" ? null : Number(event.currentTarget.value) })}
            >
              <option value="">{common("choose")}</option>
              {HOURS.map((one) => (
                <option key={one} value={String(one)}>
                  {t("hours", { n: one })}
                </option>
              ))}
            </select>
          </label>
          <fieldset class="ticks" data-field="naloxone">
            <legend>{t("naloxone")}</legend>
            {onSite.map((one) => (
              <Tick
                key={one.responder_id}
                name={one.responder_id === me ? t("crew_you") : t("crew_other", { n: others.indexOf(one) + 1 })}
                value={carriers.includes(one.responder_id)}
                change={(does) => carries(one.responder_id, does)}
              />
            ))}
          </fieldset>
          <button type="button" class="button main huge" data-act="start-shift" disabled={hours === null} onClick={startAgain}>
            {t("start_shift")}
          </button>
        </section>
      )}
      <Sent phone={phone} />
    </article>
  );
}

interface Startable {
  readonly shift_id: string;
  readonly team_id: string;
  readonly call_sign: string;
  readonly starts_at: string;
  readonly ends_at: string;
  /** How many. */
  readonly crew: number;
}

/** Planned shifts that aren't over: as the county tells now, else as this phone last saw its team's. */
function startable(phone: Phone, now: number): readonly Startable[] {
  const last = phone.lastCrew.value;
  const all =
    phone.planned.value?.map((one) => ({ ...one, crew: one.crew.length })) ??
    last?.planned.map((one) => ({ ...one, shift_id: one.id, call_sign: last.call_sign, crew: one.crew.length })) ??
    [];
  return all.filter((one) => instant(one.ends_at) > now);
}

/** On shift and free: ready to be asked, or not and why. */
export function Waiting({ phone }: { phone: Phone }) {
  const picture = phone.picture.value;
  const duty = phone.duty.value;
  if (picture === null || duty === null) return null;
  const { team } = picture;
  const isAway = duty.duty === "unavailable";
  const isEnding = team.duty === "ending";
  const reason = duty.ahead?.what.split(":")[1] ?? team.unavailable_reason;
  const isLive = phone.canSend.value;
  const hasAlarm = picture.duress.some((one) => one.state !== "resolved");
  return (
    <article class="shift">
      <header class={`status tone-${isAway || isEnding ? "away" : isLive ? "free" : "warn"}`}>
        <h1 data-duty={duty.duty}>
          <Icon name={isAway ? "minus" : isEnding ? "clock" : isLive ? "check" : "link_off"} />
          {isEnding ? common("team_ending") : isAway ? t("away_title") : t(isLive ? "ready_title" : "ready_unheard")}
        </h1>
        <p class="row">
          {duty.ahead !== null && <ProgressMark entry={duty.ahead} />}
          {isAway && reason && <span>{label("unavailable_reason", reason)}</span>}
        </p>
      </header>
      {isEnding && <Note>{t("shift_over")}</Note>}
      {!isEnding && (!isLive || !isAway) && <p class="quiet">{t(!isLive ? "ready_hint_away" : hasAlarm ? "ready_hint_alarm" : "ready_hint")}</p>}
      <Owed phone={phone} />
      <p class="row quiet">
        <Icon name="clock" />
        {team.shift_ends_at && t("shift_until", { time: time(team.shift_ends_at) })}
      </p>
      <Position phone={phone} />
      <Sent phone={phone} />
    </article>
  );
}

export function WaitingDock({ phone }: { phone: Phone }) {
  const picture = phone.picture.value;
  const duty = phone.duty.value;
  if (picture === null || duty === null || picture.team.duty === "ending") return null;
  const team_id = picture.team.id;
  if (duty.duty === "unavailable") {
    const back = (): unknown =>
      phone.outbox.add(setDuty, { path: { team_id }, body: { duty: "available" }, lane: team_id, what: "available", holdMs: HOLD_MS });
    return (
      <Big key="available" act="available" press={back}>
        {t("go_available")}
      </Big>
    );
  }
  return (
    <Big key="unavailable" act="unavailable" kind="" press={() => phone.open("unavailable")}>
      {t("go_away")}
    </Big>
  );
}

export function UnavailableSheet({ phone }: { phone: Phone }) {
  const team_id = phone.picture.value?.team.id ?? "";
  const pick = (reason: string): void => {
    void phone.outbox.add(setDuty, {
      path: { team_id },
      body: { duty: "unavailable", reason },
      lane: team_id,
      what: `unavailable:${reason}`,
      holdMs: HOLD_MS,
    });
    phone.home();
  };
  return (
    <Sheet title={t("away_why")}>
      <Reasons set="unavailable_reason" pick={pick} only={(code) => code !== "loaned"} />
    </Sheet>
  );
}

export function EndShiftSheet({ phone }: { phone: Phone }) {
  const team = phone.picture.value?.team;
  const pick = (reason: string): void => {
    if (!team?.shift_id) return;
    void phone.outbox.add(endShift, { path: { shift_id: team.shift_id }, body: { reason }, lane: team.id, what: reason, holdMs: HOLD_MS });
    phone.home();
  };
  return (
    <Sheet title={t("end_shift_why")}>
      <Reasons set="shift_end_reason" pick={pick} only={(code) => code !== "closed_by_supervisor" && code !== "not_said"} />
    </Sheet>
  );
}

export function Position({ phone }: { phone: Phone }) {
  const state = phone.tracker.state.value;
  const at = phone.tracker.receivedAt.value;
  const now = phone.deviceNow.value;
  let text: string;
  if (state === "on") text = at === null ? t("pos_waiting") : t("pos_received", { ago: relative(clock.ofDevice(at), clock.ofDevice(Math.max(now, at + 1000))) });
  else text = t(`pos_${state}`);
  return (
    <p class={`row ${state === "denied" || state === "unavailable" ? "tone-warn ink" : "quiet"}`} data-position={state}>
      <Icon name="pin" />
      {text}
    </p>
  );
}

export function MoreSheet({ phone, awake }: { phone: Phone; awake: { isOn: boolean; set: (isOn: boolean) => void } }) {
  const picture = phone.picture.value;
  return (
    <Sheet title={t("menu")}>
      <p>
        <strong>{phone.session.who.label}</strong> <span class="quiet">· {common("county_named", { county: phone.session.countyName })}</span>
      </p>
      <Position phone={phone} />
      <Tick name={t("sound")} value={phone.bell.isLoud.value} change={(isLoud) => phone.bell.setLoud(isLoud)} />
      <button type="button" class="button touch" onClick={() => phone.bell.once()}>
        <Icon name="bell" />
        {t("try_sound")}
      </button>
      {"wakeLock" in navigator && <Tick name={t("awake")} value={awake.isOn} change={awake.set} />}
      <div class="row choices">
        <LanguageChoice />
        <ThemeChoice />
        <Unverified />
      </div>
      {picture?.team.shift_id && <TrackerAddressOf team={picture.team.id} />}
      {picture?.team.shift_id && (
        <button type="button" class="button touch" data-act="end-shift" onClick={() => phone.open("end_shift")}>
          <Icon name="moon" />
          {t("end_shift")}
        </button>
      )}
      <a class="button touch" href="/account">
        <Icon name="person" />
        {common("account")}
      </a>
      <SignOut phone={phone} />
    </Sheet>
  );
}

/** Signing out and forgetting leave nothing on this phone: what was not sent would be lost with it. */
function SignOut({ phone }: { phone: Phone }) {
  const waits = phone.outbox.entries.value.filter((one) => one.state === "saved" || one.state === "sending").length;
  const isMeant = useSignal(false);
  const mayGo = waits === 0 || isMeant.value;
  return (
    <>
      {waits > 0 && (
        <>
          <Note tone="warn">{t("sign_out_waits", { n: waits })}</Note>
          <Tick name={t("lose_it")} value={isMeant.value} change={(value) => (isMeant.value = value)} />
        </>
      )}
      <Act class="touch" disabled={!mayGo} run={() => signOut(() => phone.end(), "/sign-in?next=/phone")}>
        {common("sign_out")}
      </Act>
      <p class="quiet">{t("erase_hint")}</p>
      <Act class="touch danger" disabled={!mayGo} run={() => phone.erase()}>
        {t("erase")}
      </Act>
    </>
  );
}
