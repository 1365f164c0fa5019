// The acts on an opened incident that need words: deciding, amending, partners, notes, its end.

import { useSignal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import { Act } from "../components/Act.tsx";
import { newKey, Refusal, Unreachable } from "../api.ts";
import { Trouble } from "../components/Note.tsx";
import { useTrouble } from "../components/unread.ts";
import { t } from "../messages/board.ts";
import { hasArrived } from "../runs.ts";
import { api } from "../session.ts";
import {
  acknowledgePartner,
  addNote,
  amendIncident,
  briefPartner,
  cancelIncident,
  closeIncident,
  determine,
  partnerDeclined,
  partnerGone,
  partnerOnScene,
  requestPartner,
  type Answer,
  type IncidentView,
  type PartnerView,
} from "../wire.ts";
import { acuityOfKey, AcuityChoice, DangerAnswers, NeedsAndHazards, type Assessment } from "./Assess.tsx";
import { Chosen } from "./Choose.tsx";
import { choices, word } from "./codes.ts";
import type { Desk } from "./desk.ts";
import { focusOnce } from "./focus.ts";
import { forget, kept } from "./kept.ts";
import { clashWords, formOf, onTop, toldBy, type Form } from "./telling.ts";
import { dangerSentence } from "./words.ts";

function Options({ set, empty }: { set: Parameters<typeof choices>[0]; empty?: string }) {
  return (
    <>
      {empty !== undefined && <option value="">{empty}</option>}
      {choices(set).map((code) => (
        <option key={code.code} value={code.code}>
          {code.label}
        </option>
      ))}
    </>
  );
}

/** Decide whether a team must go; or, once that is decided, amend what is known. */
export function Decide({ desk, one, isAmend, answers }: { desk: Desk; one: IncidentView; isAmend: boolean; answers: Readonly<Record<string, Answer>> | undefined }) {
  const form = `${isAmend ? "amend" : "decide"} ${one.id}`;
  const value = kept<Form>(form, formOf(one));
  const edit = (part: Partial<Assessment>) => (value.value = { ...value.peek(), now: { ...value.peek().now, ...part } });
  const reason = useSignal("");
  const why = kept(`${form} why`, "");
  const rationale = kept(`${form} rationale`, "");
  const partner = useSignal("");
  const trouble = useTrouble();
  const isSending = useSignal(false);
  const key = useRef(newKey());
  const first = useRef<HTMLInputElement | null>(null);
  useEffect(() => first.current?.focus(), []);
  const path = { incident_id: one.id };

  async function send(what: "dispatch" | "no_dispatch" | "amend") {
    if (isSending.peek()) return;
    isSending.value = true;
    trouble.value = null;
    const known = toldBy(value.peek());
    try {
      if (what === "amend") desk.heard(one.id)(await api.call(amendIncident, { path, body: known, key: key.current }));
      else {
        const body =
          what === "dispatch"
            ? { decision: what, reason: why.peek() || null, rationale: rationale.peek().trim() || null, ...known }
            : { decision: what, reason: reason.peek() || null, partner: partner.peek() === "" ? null : { kind: partner.peek(), handoff: true } };
        desk.heard(one.id)(await api.call(determine, { path, body, key: key.current }));
      }
      forget(form);
      forget(`${form} why`);
      forget(`${form} rationale`);
      desk.tool.value = "none";
      document.getElementById("incidents")?.focus();
      key.current = newKey();
    } catch (error) {
      trouble.value = error;
      if (!(error instanceof Unreachable)) key.current = newKey();
      // What others changed is shown, and stands in the form; sending again says it over theirs.
      if (error instanceof Refusal && error.code === "stale_version") value.value = onTop(value.peek(), desk.live.of("incident").at(one.id).peek() ?? one);
    } finally {
      isSending.value = false;
    }
  }
  const main = isAmend ? "amend" : "dispatch";
  const needsPartner = choices("no_dispatch_reason").find((code) => code.code === reason.value)?.flags.includes("needs_partner") ?? false;
  return (
    <form
      class="tool"
      aria-label={isAmend ? t("amend") : t("determine")}
      onSubmit={(event) => {
        event.preventDefault();
        void send(main);
      }}
      onKeyDown={(event) => {
        const acuity = acuityOfKey(event);
        if (acuity !== null) edit({ acuity });
        else if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) void send(main);
        else return;
        event.preventDefault();
        event.stopPropagation();
      }}
    >
      <AcuityChoice name={`acuity-${one.id}`} value={value.value.now.acuity} onChange={(acuity) => edit({ acuity })} focusRef={(field) => (first.current = field)} />
      <div class="two">
        <NeedsAndHazards desk={desk} value={value.value.now} onChange={edit} />
      </div>
      {answers !== undefined && (
        <DangerAnswers
          answers={{ ...answers, ...value.value.answers }}
          onAnswer={(item, given) => (value.value = { ...value.peek(), answers: { ...value.peek().answers, [item]: given } })}
        />
      )}
      {!isAmend && (
        <div class="two">
          <select aria-label={t("why_a_team")} value={why.value} onChange={(event) => (why.value = event.currentTarget.value)}>
            <Options set="dispatch_reason" empty={t("why_a_team")} />
          </select>
          <input aria-label={t("rationale")} placeholder={t("rationale")} value={rationale.value} onInput={(event) => (rationale.value = event.currentTarget.value)} />
        </div>
      )}
      <Trouble trouble={trouble.value} />
      {clashWords(trouble.value, word).map((words) => (
        <p key={words} class="warn-words" data-clash>
          {words}
        </p>
      ))}
      <div class="acts">
        <button type="submit" class="button main" disabled={isSending.value}>
          {isAmend ? t("amend") : t("send_team")} <kbd>Ctrl ↵</kbd>
        </button>
        {!isAmend && (
          <span class="pair">
            <select aria-label={t("why_no_team")} value={reason.value} onChange={(event) => (reason.value = event.currentTarget.value)}>
              <Options set="no_dispatch_reason" empty={t("why_no_team")} />
            </select>
            {needsPartner && (
              <select aria-label={t("handed_to")} value={partner.value} onChange={(event) => (partner.value = event.currentTarget.value)}>
                <Options set="partner_kind" empty={t("handed_to")} />
              </select>
            )}
            <button type="button" class="button" disabled={isSending.value} onClick={() => void send("no_dispatch")}>
              {t("no_team_needed")}
            </button>
          </span>
        )}
      </div>
    </form>
  );
}

export function AskPartner({ desk, one }: { desk: Desk; one: IncidentView }) {
  const kind = useSignal("");
  const reason = useSignal("");
  return (
    <div class="tool" role="group" aria-label={t("ask_partner")}>
      <p data-tell>{t("tell_partner", { danger: dangerSentence(one) })}</p>
      <span class="pair">
        <select aria-label={t("partner")} ref={focusOnce} value={kind.value} onChange={(event) => (kind.value = event.currentTarget.value)}>
          <Options set="partner_kind" empty={t("partner")} />
        </select>
        <select aria-label={t("reason")} value={reason.value} onChange={(event) => (reason.value = event.currentTarget.value)}>
          <Options set="partner_reason" empty={t("reason")} />
        </select>
        <Act
          class="main"
          disabled={kind.value === "" || reason.value === ""}
          run={async (key) => {
            desk.heard(one.id)(await api.call(requestPartner, { path: { incident_id: one.id }, body: { kind: kind.value, reason: reason.value }, key }));
            desk.tool.value = "none";
          }}
        >
          {t("ask_partner")}
        </Act>
      </span>
    </div>
  );
}

/** Who should be asked because of what is known; a threat to life stands above everything, one key away. */
export function Proposals({ desk, one }: { desk: Desk; one: IncidentView }) {
  const ask = (kind: string, reason: string) => async (key: string) => desk.heard(one.id)(await api.call(requestPartner, { path: { incident_id: one.id }, body: { kind, reason }, key }));
  const [first] = one.proposals;
  const isThreat = first?.is_life_threat ?? false;
  const seen = useRef(desk.askFirst.peek());
  const turn = desk.askFirst.value;
  const trouble = useSignal<unknown>(null);
  useEffect(() => {
    if (turn === seen.current || first === undefined) return;
    seen.current = turn;
    trouble.value = null;
    ask(first.kind, first.reason)(newKey()).catch((error: unknown) => (trouble.value = error));
  }, [turn]);
  if (first === undefined) return null;
  return (
    <section class={`proposals ${isThreat ? "alarm" : ""}`} aria-label={t("suggested")} {...(isThreat ? { role: "alert" } : {})}>
      {one.proposals.map((proposal, index) => (
        <Act key={proposal.kind} class={proposal.is_life_threat ? "danger" : ""} run={ask(proposal.kind, proposal.reason)}>
          {proposal.is_life_threat
            ? t("ask_first", { who: word("partner_kind", proposal.kind) })
            : t("proposes", { who: word("partner_kind", proposal.kind), why: word("partner_reason", proposal.reason) })}
          {index === 0 && <kbd>9</kbd>}
        </Act>
      ))}
      <Trouble trouble={trouble.value} />
    </section>
  );
}

export function Partner({ one, partner }: { one: IncidentView; partner: PartnerView }) {
  const reference = useSignal("");
  const path = { incident_id: one.id, partner_id: partner.id };
  const isOpen = ["requested", "acknowledged", "arrived"].includes(partner.state);
  return (
    <div class="run" data-partner={partner.kind}>
      <header>
        <b>{word("partner_kind", partner.kind)}</b> <span>{t(`partner_${partner.state}`)}</span>
        {partner.handoff && <span class="warn-words">{t("handoff")}</span>}
      </header>
      {isOpen && partner.danger < one.danger.version && (
        <p class="warn-words" data-untold>
          {t("partner_untold")}: {dangerSentence(one)}.{" "}
          <Act class="small" run={(key) => api.call(briefPartner, { path, body: { danger: one.danger.version }, key })}>
            {t("partner_told")}
          </Act>
        </p>
      )}
      {isOpen && (
        <div class="acts">
          {partner.state === "requested" && (
            <>
              <span class="pair">
                <input aria-label={t("reference")} placeholder={t("reference")} value={reference.value} onInput={(event) => (reference.value = event.currentTarget.value)} />
                <Act run={(key) => api.call(acknowledgePartner, { path, body: { reference: reference.value }, key })}>{t("partner_takes_it")}</Act>
              </span>
              <Chosen label={t("reason")} set="partner_refusal" run={(reason, key) => api.call(partnerDeclined, { path, body: { reason }, key })}>
                {t("partner_not_coming")}
              </Chosen>
            </>
          )}
          {partner.state === "acknowledged" && <Act run={(key) => api.call(partnerOnScene, { path, body: {}, key })}>{t("partner_arrived")}</Act>}
          {partner.state !== "requested" && (
            <Chosen label={t("outcome")} set="partner_outcome" run={(outcome, key) => api.call(partnerGone, { path, body: { outcome }, key })}>
              {t("partner_left")}
            </Chosen>
          )}
        </div>
      )}
    </div>
  );
}

export function Note({ desk, id, onDone }: { desk: Desk; id: string; onDone: () => void }) {
  const text = kept(`note ${id}`, "");
  const send = async (key: string) => {
    if (text.peek().trim() === "") return;
    await api.call(addNote, { path: { incident_id: id }, body: { text: text.peek() }, key });
    forget(`note ${id}`);
    desk.tool.value = "none";
    onDone();
  };
  return (
    <div class="tool">
      <label class="field">
        {t("note")}
        <textarea rows={2} ref={focusOnce} value={text.value} onInput={(event) => (text.value = event.currentTarget.value)} />
      </label>
      <Act class="main" run={send}>
        {t("write_down")}
      </Act>
    </div>
  );
}

export function End({ desk, one, isCancel }: { desk: Desk; one: IncidentView; isCancel: boolean }) {
  const came = one.runs.some(hasArrived);
  const reason = useSignal("");
  const path = { incident_id: one.id };
  const run = async (key: string) => {
    const heard = desk.heard(one.id);
    if (isCancel) heard(await api.call(cancelIncident, { path, body: { reason: reason.value }, key }));
    else if (came) heard(await api.call(closeIncident, { path, body: { outcome: "responded" }, key }));
    else heard(await api.call(closeIncident, { path, body: { outcome: "unserved", reason: reason.value }, key }));
    desk.tool.value = "none";
  };
  return (
    <div class="tool" role="group" aria-label={isCancel ? t("cancel_incident") : t("close_incident")}>
      <span class="pair">
        {(isCancel || !came) && (
          <select aria-label={t("reason")} ref={focusOnce} value={reason.value} onChange={(event) => (reason.value = event.currentTarget.value)}>
            <option value="">{t("reason")}</option>
            {choices(isCancel ? "cancel_reason" : "unserved_reason")
              .filter((code) => !isCancel || code.flags.includes("cancels_incident"))
              .map((code) => (
                <option key={code.code} value={code.code}>
                  {code.label}
                </option>
              ))}
          </select>
        )}
        <Act class="danger" disabled={(isCancel || !came) && reason.value === ""} run={run}>
          {isCancel ? t("cancel_incident") : came ? t("close_served") : t("close_unserved")}
        </Act>
      </span>
    </div>
  );
}
