// Entering a call from paper: what happened and when, on one form.

import { useSignal } from "@preact/signals";
import { Refusal } from "../api.ts";
import { Note, Trouble } from "../components/Note.tsx";
import { useTrouble } from "../components/unread.ts";
import { dateTime } from "../format.ts";
import { t as common } from "../messages/common.ts";
import { t } from "../messages/board.ts";
import { t as say } from "../messages/desk.ts";
import { api, clock } from "../session.ts";
import type { Role } from "../wire.ts";
import { acuityOfKey, AcuityChoice } from "./Assess.tsx";
import { Choose } from "./Choose.tsx";
import { choices, policy, roleWord } from "./codes.ts";
import type { Desk } from "./desk.ts";
import { readPoint } from "./draft.ts";
import { focusOnce } from "./focus.ts";
import { localTime } from "./local.ts";
import { clearPaper, edit, enter, instants, lacking, paper, type Entered, type Lack, type Outcome, type Timed } from "./paper.ts";

const OUTCOMES: readonly Outcome[] = ["team", "unserved", "no_dispatch"];

const LACKS: Readonly<Record<Lack, () => string>> = {
  number: () => say("paper_number"),
  why: () => say("paper_why"),
  outcome: () => t("outcome"),
  noDispatch: () => t("why_no_team"),
  unserved: () => say("paper_unserved"),
  acuity: () => t("acuity"),
  team: () => say("paper_team"),
  received: () => say("paper_received"),
  decided: () => say("paper_decided"),
  accepted: () => say("paper_accepted"),
  enRoute: () => say("paper_en_route"),
  onScene: () => say("paper_on_scene"),
  cleared: () => say("paper_cleared"),
};

export function Paper({ desk }: { desk: Desk }) {
  const one = paper.value;
  const isSending = useSignal(false);
  const wasTried = useSignal(false);
  const trouble = useTrouble();
  const entered = useSignal<Entered | null>(null);
  const roles = (policy.value?.clocks.back_entry_roles ?? []) as readonly Role[];
  const mayEnter = policy.value === null || desk.has(...roles);
  const lacks = lacking(one);
  const hasBegun = one.done.length > 0;
  const badPoint = one.point.trim() !== "" && readPoint(one.point) === null;
  const needsPartner = choices("no_dispatch_reason").find((code) => code.code === one.noDispatchReason)?.flags.includes("needs_partner") ?? false;

  async function submit() {
    wasTried.value = true;
    if (isSending.peek() || lacking(paper.peek()).length > 0 || badPoint) return;
    isSending.value = true;
    trouble.value = null;
    try {
      const contacted = choices("disposition").find((code) => code.code === paper.peek().disposition)?.flags.includes("contacted") ?? false;
      entered.value = await enter(api, { contacted });
      wasTried.value = false;
      document.querySelector<HTMLElement>("[name=paper-number]")?.focus();
    } catch (error) {
      trouble.value = error;
    } finally {
      isSending.value = false;
    }
  }

  return (
    <section class="panel intake" aria-label={say("paper")}>
      <header>
        <h2>{say("paper")}</h2>
        <button type="button" class="button plain" onClick={() => desk.back()}>
          <kbd>Esc</kbd> {t("put_aside")}
        </button>
      </header>
      <form
        class="scroll form"
        id="paper"
        onSubmit={(event) => {
          event.preventDefault();
          void submit();
        }}
        onKeyDown={(event) => {
          const acuity = acuityOfKey(event);
          if (acuity !== null) edit({ acuity });
          else if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) void submit();
          else return;
          event.preventDefault();
          event.stopPropagation();
        }}
      >
        <p class="quiet">{say("paper_hint")}</p>
        {!mayEnter && <p class="warn-words">{say("paper_roles", { roles: roles.map(roleWord).join(", ") })}</p>}
        <div class="three">
          <label class="field">
            {say("paper_number")}
            <input name="paper-number" ref={focusOnce} autocomplete="off" maxLength={16} disabled={hasBegun} value={one.number} onInput={(event) => edit({ number: event.currentTarget.value })} />
          </label>
          <label class="field">
            {say("paper_why")}
            <Choose label={say("paper_why")} set="back_entry_reason" value={one.why} onChange={(why) => edit({ why })} />
          </label>
          <label class="field wide">
            {say("paper_received")}
            <input type="datetime-local" name="received" max={localTime(clock.now())} disabled={hasBegun} value={one.received} onInput={(event) => edit({ received: event.currentTarget.value })} />
          </label>
        </div>
        <div class="two">
          <label class="field">
            {t("place")}
            <input name="paper-address" autocomplete="off" disabled={hasBegun} value={one.address} onInput={(event) => edit({ address: event.currentTarget.value })} />
          </label>
          <label class="field">
            {t("point")}
            <input name="paper-point" autocomplete="off" placeholder="38.58, -121.49" disabled={hasBegun} value={one.point} aria-invalid={badPoint} onInput={(event) => edit({ point: event.currentTarget.value })} />
          </label>
        </div>
        <label class="field">
          {t("narrative")}
          <textarea name="paper-narrative" rows={2} disabled={hasBegun} value={one.narrative} onInput={(event) => edit({ narrative: event.currentTarget.value })} />
        </label>
        <AcuityChoice name="paper-acuity" value={one.acuity} onChange={(acuity) => edit({ acuity })} />
        <div class="three times">
          <label class="field">
            {t("outcome")}
            <select name="paper-outcome" value={one.outcome} disabled={one.done.includes("decided")} onChange={(event) => edit({ outcome: event.currentTarget.value as Outcome | "" })}>
              <option value="">{common("choose")}</option>
              {OUTCOMES.map((outcome) => (
                <option key={outcome} value={outcome}>
                  {say(`paper_outcome_${outcome}`)}
                </option>
              ))}
            </select>
          </label>
          <Time name="decided" label={say("paper_decided")} isDone={one.done.includes("decided")} />
          {one.outcome === "no_dispatch" && (
            <label class="field">
              {t("why_no_team")}
              <Choose label={t("why_no_team")} set="no_dispatch_reason" value={one.noDispatchReason} onChange={(noDispatchReason) => edit({ noDispatchReason })} />
            </label>
          )}
          {one.outcome === "no_dispatch" && needsPartner && (
            <label class="field">
              {t("handed_to")}
              <Choose label={t("handed_to")} set="partner_kind" empty={t("handed_to")} value={one.partner} onChange={(partner) => edit({ partner })} />
            </label>
          )}
          {one.outcome === "unserved" && (
            <label class="field">
              {say("paper_unserved")}
              <Choose label={say("paper_unserved")} set="unserved_reason" value={one.unservedReason} onChange={(unservedReason) => edit({ unservedReason })} />
            </label>
          )}
          {one.outcome === "team" && <TeamAndTimes desk={desk} />}
          {one.outcome === "team" && (one.noShift !== "" || isShiftUnknown(trouble.value)) && (
            <label class="field">
              {say("paper_no_shift")}
              <Choose label={say("paper_no_shift")} set="override_reason" empty="—" value={one.noShift} onChange={(noShift) => edit({ noShift })} />
            </label>
          )}
        </div>
      </form>
      <footer>
        {entered.value !== null && <Done desk={desk} entered={entered.value} />}
        {one.incidentNumber !== null && (
          <p class="warn-words" role="status">
            {say("paper_done_to", { number: one.incidentNumber, n: one.done.length })}
          </p>
        )}
        {wasTried.value && lacks.length > 0 && (
          <p class="warn-words" role="alert">
            {say("paper_lacks", { what: lacks.map((lack) => LACKS[lack]()).join(", ") })}
          </p>
        )}
        {badPoint && <p class="warn-words">{t("bad_point")}</p>}
        <Trouble trouble={trouble.value} />
        <button type="submit" form="paper" class="button main" disabled={isSending.value}>
          {isSending.value ? common("sending") : hasBegun ? say("paper_again") : say("paper_enter")} <kbd>Ctrl ↵</kbd>
        </button>
        <button type="button" class="button plain" disabled={isSending.value} onClick={clearPaper}>
          {t("empty_form")}
        </button>
      </footer>
    </section>
  );
}

/** Whether it was refused because the service knows of no shift of the team at that time. */
const isShiftUnknown = (trouble: unknown) => trouble instanceof Refusal && trouble.code === "shift_unknown";

/** The last one that was entered; the form is free for the next. */
function Done({ desk, entered }: { desk: Desk; entered: Entered }) {
  return (
    <Note>
      {say("paper_entered", { paper: entered.paper, number: entered.number })}{" "}
      <button type="button" class="link" onClick={() => desk.open(entered.id, entered.number)}>
        {say("paper_open")}
      </button>
      {entered.warnings.map((sentence) => (
        <div key={sentence}>{sentence}</div>
      ))}
    </Note>
  );
}

function TeamAndTimes({ desk }: { desk: Desk }) {
  const { team, disposition, saidBy, done } = paper.value;
  const teams = [...desk.live.of("team").all.value.values()].sort((a, b) => a.call_sign.localeCompare(b.call_sign, undefined, { numeric: true }));
  return (
    <>
      <label class="field">
        {say("paper_team")}
        <select name="paper-team" value={team} disabled={done.includes("served")} onChange={(event) => edit({ team: event.currentTarget.value })}>
          <option value="">—</option>
          {teams.map((one) => (
            <option key={one.id} value={one.id}>
              {one.call_sign} ({common(`team_${one.status}`)})
            </option>
          ))}
        </select>
      </label>
      <label class="field">
        {say("said_by")}
        <Choose label={say("said_by")} set="spoken_by" empty={say("paper_not_told")} value={saidBy} onChange={(code) => edit({ saidBy: code })} />
      </label>
      <Time name="accepted" label={say("paper_accepted")} isDone={done.includes("served")} />
      <Time name="enRoute" label={say("paper_en_route")} isDone={done.includes("served")} />
      <Time name="onScene" label={say("paper_on_scene")} isDone={done.includes("served")} />
      <Time name="cleared" label={say("paper_cleared")} isDone={done.includes("served")} />
      <label class="field">
        {say("clear_disposition")}
        <Choose label={say("clear_disposition")} set="disposition" empty={say("clear_later")} value={disposition} onChange={(code) => edit({ disposition: code })} />
      </label>
    </>
  );
}

/** A time that follows the one before it; below it as it was understood, with its day. */
function Time({ name, label, isDone }: { name: Exclude<Timed, "received">; label: string; isDone: boolean }) {
  const at = instants(paper.value)[name];
  return (
    <label class="field">
      {label}
      <input type="time" name={name} disabled={isDone} value={paper.value[name]} onInput={(event) => edit({ [name]: event.currentTarget.value })} />
      <small class="quiet">{at === null ? " " : dateTime(at)}</small>
    </label>
  );
}
