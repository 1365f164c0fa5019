// Taking a call down: one form, the caller on the line, the decision at its end. Every field is
// reached by Tab; Ctrl+Enter sends a team, from anywhere.

import { useSignal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import { answerWord, Asked } from "../components/Asked.tsx";
import { Trouble } from "../components/Note.tsx";
import { useTrouble } from "../components/unread.ts";
import { t as common } from "../messages/common.ts";
import { t } from "../messages/board.ts";
import { api } from "../session.ts";
import { ANSWER_WORDS, type Answer } from "../wire.ts";
import { acuityOfKey, AcuityChoice, NeedsAndHazards } from "./Assess.tsx";
import { choices } from "./codes.ts";
import type { Desk } from "./desk.ts";
import { clearDraft, draft, edit, readPoint, send, type Decision } from "./draft.ts";
import { Pick } from "./Pick.tsx";
import { Suggested } from "./Suggested.tsx";

const ANSWER_KEYS: Readonly<Record<string, Answer>> = { y: "yes", n: "no", u: "unknown", x: "not_asked" };

export function Intake({ desk }: { desk: Desk }) {
  const now = draft.value;
  const isSending = useSignal(false);
  const trouble = useTrouble();
  const lacks = useSignal<string | null>(null);
  const place = useRef<HTMLInputElement>(null);
  const acuity = useRef<HTMLInputElement | null>(null);
  useEffect(() => place.current?.focus(), []);

  async function submit(decision: Decision) {
    if (isSending.peek()) return;
    lacks.value = null;
    if (decision === "dispatch" && draft.peek().acuity === null) {
      lacks.value = t("say_acuity");
      acuity.current?.focus();
      return;
    }
    if (decision === "no_dispatch" && draft.peek().noDispatchReason === null) {
      lacks.value = t("say_why_none");
      return;
    }
    if (draft.peek().point.trim() !== "" && readPoint(draft.peek().point) === null) {
      lacks.value = t("bad_point");
      return;
    }
    isSending.value = true;
    trouble.value = null;
    try {
      const { id, warnings } = await send(api, decision);
      desk.warn(id, warnings);
      desk.isTaking.value = false;
      if (decision === "no_dispatch") desk.opened.value = null;
      else desk.open(id);
      document.getElementById("incidents")?.focus();
    } catch (error) {
      trouble.value = error;
    } finally {
      isSending.value = false;
    }
  }

  const known = { screening: now.screening, hazards: now.hazards, concerns: now.concerns, location_type: now.locationType, referral_source: now.referral };
  const onKey = (event: KeyboardEvent) => {
    const wanted = acuityOfKey(event);
    if (wanted !== null) {
      event.preventDefault();
      edit({ acuity: wanted });
    } else if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
      event.preventDefault();
      event.stopPropagation();
      void submit("dispatch");
    }
  };
  const isScene = ["weapon_on_scene", "violence_now"].some((item) => (now.screening[item] ?? "not_asked") !== "not_asked");
  return (
    <section class="panel intake" aria-label={t("intake")} onKeyDown={onKey}>
      <header>
        <h2>{t("intake")}</h2>
        <span class="quiet">{now.callId === null ? t("call_recorded_too") : t("from_the_call")}</span>
        {now.done.number !== undefined && <span class="warn-words">{t("opened_already", { number: now.done.number })}</span>}
        <button type="button" class="button plain" onClick={() => desk.back()}>
          <kbd>Esc</kbd> {t("put_aside")}
        </button>
      </header>
      <div class="scroll form">
        <label class="field">
          {t("place")}
          <input ref={place} name="address" autocomplete="off" value={now.address} onInput={(event) => edit({ address: event.currentTarget.value })} />
        </label>
        <div class="two">
          <label class="field">
            {t("point")}
            <input
              name="point"
              autocomplete="off"
              placeholder="38.58, -121.49"
              value={now.point}
              aria-invalid={now.point.trim() !== "" && readPoint(now.point) === null}
              onInput={(event) => edit({ point: event.currentTarget.value })}
            />
            <small class="quiet">{t("point_hint")}</small>
          </label>
          <Pick label={t("location_type")} set="location_type" chosen={now.locationType === null ? [] : [now.locationType]} onChange={(codes) => edit({ locationType: codes[0] ?? null })} />
        </div>
        <label class="field">
          {t("narrative")}
          <textarea name="narrative" rows={2} value={now.narrative} onInput={(event) => edit({ narrative: event.currentTarget.value })} />
        </label>
        <Pick label={t("concern")} set="crisis_type" many chosen={now.concerns} onChange={(concerns) => edit({ concerns })} />
        <AcuityChoice name="intake-acuity" value={now.acuity} onChange={(chosen) => edit({ acuity: chosen })} focusRef={(field) => (acuity.current = field)} />
        <div class="two">
          <NeedsAndHazards desk={desk} value={now} onChange={edit} />
        </div>
        <div class="three">
          <label class="field">
            {t("caller_name")}
            <input name="caller" autocomplete="off" value={now.callerName} disabled={now.callId !== null} onInput={(event) => edit({ callerName: event.currentTarget.value })} />
          </label>
          <label class="field">
            {t("callback")}
            <input name="callback" autocomplete="off" inputMode="tel" value={now.callback} disabled={now.callId !== null} onInput={(event) => edit({ callback: event.currentTarget.value })} />
          </label>
          <label class="field">
            {t("relation")}
            <select value={now.relation} disabled={now.callId !== null} onChange={(event) => edit({ relation: event.currentTarget.value })}>
              {choices("caller_relation").map((code) => (
                <option key={code.code} value={code.code}>
                  {code.label}
                </option>
              ))}
            </select>
          </label>
          <label class="field">
            {t("referral")}
            <select value={now.referral} onChange={(event) => edit({ referral: event.currentTarget.value })}>
              {choices("referral_source").map((code) => (
                <option key={code.code} value={code.code}>
                  {code.label}
                </option>
              ))}
            </select>
          </label>
          <label class="field">
            {t("access")}
            <input name="access" autocomplete="off" value={now.access} onInput={(event) => edit({ access: event.currentTarget.value })} />
          </label>
          <Asked name={t("safe_to_call")} value={now.safeToCall} disabled={now.callId !== null} change={(safeToCall) => edit({ safeToCall })} />
          <Asked name={t("safe_to_text")} value={now.safeToText} disabled={now.callId !== null} change={(safeToText) => edit({ safeToText })} />
          <label class="field">
            {t("channel")}
            <select value={now.channel} disabled={now.callId !== null} onChange={(event) => edit({ channel: event.currentTarget.value })}>
              {choices("channel").map((code) => (
                <option key={code.code} value={code.code}>
                  {code.label}
                </option>
              ))}
            </select>
          </label>
        </div>
        <Screening />
        {!isScene && <p class="warn-words">{t("scene_not_asked")}</p>}
        <div class="two">
          <label class="field">
            {t("why_a_team")}
            <select value={now.reason} onChange={(event) => edit({ reason: event.currentTarget.value })}>
              <option value="">{answerWord("not_asked")}</option>
              {choices("dispatch_reason").map((code) => (
                <option key={code.code} value={code.code}>
                  {code.label}
                </option>
              ))}
            </select>
          </label>
          <label class="field">
            {t("rationale")}
            <input name="rationale" autocomplete="off" value={now.rationale} onInput={(event) => edit({ rationale: event.currentTarget.value })} />
          </label>
        </div>
      </div>
      <footer>
        <Suggested
          known={known}
          acuity={now.acuity}
          needs={now.needs}
          asked={now.asksFirst?.kind ?? null}
          take={(part) => edit(part)}
          ask={(advice) => edit({ asksFirst: advice })}
        />
        {lacks.value !== null && (
          <p class="warn-words" role="alert">
            {lacks.value}
          </p>
        )}
        <Trouble trouble={trouble.value} />
        <button type="button" class="button main" disabled={isSending.value} onClick={() => void submit("dispatch")}>
          {isSending.value ? common("sending") : t("send_team")} <kbd>Ctrl ↵</kbd>
        </button>
        <button type="button" class="button" disabled={isSending.value} onClick={() => void submit("later")}>
          {t("decide_later")}
        </button>
        <span class="pair">
          <select aria-label={t("why_no_team")} value={now.noDispatchReason ?? ""} onChange={(event) => edit({ noDispatchReason: event.currentTarget.value || null })}>
            <option value="">{t("why_no_team")}</option>
            {choices("no_dispatch_reason").map((code) => (
              <option key={code.code} value={code.code}>
                {code.label}
              </option>
            ))}
          </select>
          {choices("no_dispatch_reason").find((code) => code.code === now.noDispatchReason)?.flags.includes("needs_partner") && (
            <select aria-label={t("handed_to")} value={now.handoffTo ?? ""} onChange={(event) => edit({ handoffTo: event.currentTarget.value || null })}>
              <option value="">{t("handed_to")}</option>
              {choices("partner_kind").map((code) => (
                <option key={code.code} value={code.code}>
                  {code.label}
                </option>
              ))}
            </select>
          )}
          <button type="button" class="button" disabled={isSending.value} onClick={() => void submit("no_dispatch")}>
            {t("no_team_needed")}
          </button>
        </span>
        <button type="button" class="button plain" disabled={isSending.value} onClick={clearDraft}>
          {t("empty_form")}
        </button>
      </footer>
    </section>
  );
}

/** The risk items: four answers each, in words; one letter answers and goes on to the next. */
function Screening() {
  const items = choices("risk_item");
  const answers = draft.value.screening;
  const answer = (item: string, given: Answer) => edit({ screening: { ...draft.peek().screening, [item]: given } });
  return (
    <div class="screening" role="group" aria-label={t("screening")}>
      <h3>
        {t("screening")} <small class="quiet">{t("screening_keys")}</small>
      </h3>
      {items.map((item) => (
        <fieldset
          key={item.code}
          class={`risk ${answers[item.code] ?? "not_asked"}`}
          onKeyDown={(event) => {
            const given = ANSWER_KEYS[event.key.toLowerCase()];
            if (given === undefined || event.ctrlKey || event.altKey || event.metaKey) return;
            event.preventDefault();
            answer(item.code, given);
            const next = event.currentTarget.nextElementSibling?.querySelector<HTMLInputElement>("input:checked, input");
            next?.focus();
          }}
        >
          <legend>{item.label}</legend>
          {ANSWER_WORDS.map((one) => (
            <label key={one}>
              <input type="radio" name={`risk-${item.code}`} checked={(answers[item.code] ?? "not_asked") === one} onChange={() => answer(item.code, one)} />
              {answerWord(one)}
            </label>
          ))}
        </fieldset>
      ))}
    </div>
  );
}
