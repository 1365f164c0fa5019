// What is owed and when: check-ins first, each done with one tap.

import { useSignal } from "@preact/signals";
import { Icon } from "../components/Icon.tsx";
import { Left, Since } from "../components/Timer.tsx";
import { relative } from "../format.ts";
import { t as common } from "../messages/common.ts";
import { t } from "../messages/phone.ts";
import { clock } from "../session.ts";
import { instant } from "../time.ts";
import { completeObligation, exceptObligation, recordAttempt, type CompleteObligationBody, type ObligationKind, type ObligationView } from "../wire.ts";
import { HOLD_MS, isAhead, newest } from "./acts.ts";
import { ProgressMark } from "./parts.tsx";
import type { Phone } from "./phone.ts";
import { codesOf, label } from "./words.ts";

/** What is due later than this waits behind a tap. */
const NEAR_MS = 4 * 3_600_000;
/** What is due within this comes first. */
const SOON_MS = 5 * 60_000;
/** Owed to a person whom somebody must reach. */
const CONTACTS: readonly ObligationKind[] = ["callback", "waiting_contact", "follow_up"];
const ACTS = [completeObligation, recordAttempt, exceptObligation];

interface Sender {
  readonly path: { readonly obligation_id: string };
  readonly lane: string;
  readonly outbox: Phone["outbox"];
}

/** `part`: only what is due now, or only the rest; without it both. */
export function Owed({ phone, part }: { phone: Phone; part?: "now" | "rest" | undefined }) {
  const picture = phone.picture.value;
  if (picture === null) return null;
  const due = picture.obligations.filter((one) => one.state === "due").sort((a, b) => a.due_at.localeCompare(b.due_at));
  const now = clock.second.value;
  const isNear = (one: ObligationView): boolean => one.kind === "check_in" || instant(one.due_at) - now < NEAR_MS;
  const isNow = (one: ObligationView): boolean => instant(one.due_at) - now < SOON_MS;
  const near = due.filter((one) => isNear(one) && (part === undefined || (part === "now") === isNow(one)));
  const later = part === "now" ? [] : due.filter((one) => !isNear(one));
  const list = (ones: readonly ObligationView[]) => (
    <ul>
      {ones.map((one) => (
        <Item key={one.id} phone={phone} owed={one} seq={picture.seq} />
      ))}
    </ul>
  );
  return (
    <>
      {near.length > 0 && (
        <section class="owed">
          <h2>{t("owed")}</h2>
          {list(near)}
        </section>
      )}
      {later.length > 0 && (
        <details class="owed">
          <summary>
            <Icon name="chevron" />
            {t("owed_later", { n: later.length })}
          </summary>
          {list(later)}
        </details>
      )}
    </>
  );
}

function Item({ phone, owed, seq }: { phone: Phone; owed: ObligationView; seq: number }) {
  const entry = newest(phone.outbox.entries.value, ACTS, owed.id);
  const path = { obligation_id: owed.id };
  const lane = owed.assignment_id ?? owed.id;
  const outbox = phone.outbox;
  const isLate = instant(owed.due_at) < clock.second.value;
  const isSoon = instant(owed.due_at) - clock.second.value < SOON_MS;
  const isSaid = entry !== null && isAhead(entry, seq);
  const complete = (body: CompleteObligationBody, what: string): void => void outbox.add(completeObligation, { path, body, lane, what, holdMs: HOLD_MS });
  const send = { path, lane, outbox };
  return (
    <li class={isLate ? "tone-alarm" : isSoon ? "tone-warn" : ""} data-owed={owed.kind}>
      <p>
        <strong>{t(`owed_${owed.kind}`)}</strong>
        <span class="figures">
          {instant(owed.due_at) - clock.second.value > 3_600_000 ? (
            relative(owed.due_at, clock.second.value)
          ) : (
            <>
              {t(isLate ? "overdue" : "due_in")} {isLate ? <Since from={owed.due_at} /> : <Left until={owed.due_at} />}
            </>
          )}
        </span>
      </p>
      {isSaid ? (
        <ProgressMark entry={entry} />
      ) : owed.kind === "check_in" ? (
        <button type="button" class={`button touch ${isSoon ? "main" : ""}`} data-act="done-check_in" onClick={() => complete({ outcome: "done" }, "done")}>
          {t("we_are_safe")}
        </button>
      ) : CONTACTS.includes(owed.kind) ? (
        <Contact owed={owed} complete={complete} send={send} />
      ) : (
        <Rests owed={owed} complete={complete} />
      )}
    </li>
  );
}

/** How it went and by which way; nothing of it is said before somebody says it. */
function Contact({ owed, complete, send }: { owed: ObligationView; complete: (body: CompleteObligationBody, what: string) => void; send: Sender }) {
  const mode = useSignal("");
  const outcome = useSignal("");
  const { path, lane, outbox } = send;
  const kind = codesOf("followup_outcome").find((one) => one.code === outcome.value);
  const isTried = kind?.flags.includes("attempt_only") ?? false;
  const isExcepted = kind?.flags.includes("exception") ?? false;
  const excused = codesOf("obligation_exception").some((one) => one.code === outcome.value && (one.flags.length === 0 || one.flags.includes(owed.kind)));
  const say = (): void => {
    if (isTried) void outbox.add(recordAttempt, { path, body: { outcome: outcome.value, mode: mode.value }, lane, what: outcome.value, holdMs: HOLD_MS });
    else if (isExcepted) void outbox.add(exceptObligation, { path, body: { reason: outcome.value }, lane, what: outcome.value, holdMs: HOLD_MS });
    else complete({ outcome: outcome.value, mode: mode.value }, outcome.value);
  };
  return (
    <div class="row">
      <label class="field">
        {t("owed_what")}
        <select autocomplete="off" data-field="outcome" value={outcome.value} onChange={(event) => (outcome.value = event.currentTarget.value)}>
          <option value="">{common("choose")}</option>
          {codesOf("followup_outcome")
            .filter((one) => !one.flags.includes("exception") || codesOf("obligation_exception").some((why) => why.code === one.code && (why.flags.length === 0 || why.flags.includes(owed.kind))))
            .map(({ code }) => (
              <option key={code} value={code}>
                {label("followup_outcome", code)}
              </option>
            ))}
        </select>
      </label>
      {!isExcepted && (
        <label class="field">
          {t("owed_how")}
          <select autocomplete="off" data-field="mode" value={mode.value} onChange={(event) => (mode.value = event.currentTarget.value)}>
            <option value="">{common("choose")}</option>
            {codesOf("contact_mode")
              .filter((one) => !one.flags.includes("by_service"))
              .map(({ code }) => (
                <option key={code} value={code}>
                  {label("contact_mode", code)}
                </option>
              ))}
          </select>
        </label>
      )}
      <button type="button" class="button touch" data-act={`done-${owed.kind}`} disabled={outcome.value === "" || (isExcepted ? !excused : mode.value === "")} onClick={say}>
        {t("done")}
      </button>
    </div>
  );
}

/** A note rests on its text, or on where it is kept; a notice or a report on whom was told. */
function Rests({ owed, complete }: { owed: ObligationView; complete: (body: CompleteObligationBody, what: string) => void }) {
  const words = useSignal("");
  const reference = useSignal("");
  const isNote = owed.kind === "note";
  const text = words.value.trim();
  const number = reference.value.trim() || null;
  const say = (): void => complete(isNote ? { text: text || null, reference: number } : { told: text, reference: number }, "done");
  return (
    <div class="row">
      <label class="field">
        {t(isNote ? "clear_note" : "owed_told")}
        {isNote ? (
          <textarea autocomplete="off" rows={3} value={words.value} onInput={(event) => (words.value = event.currentTarget.value)} />
        ) : (
          <input autocomplete="off" value={words.value} onInput={(event) => (words.value = event.currentTarget.value)} />
        )}
      </label>
      <label class="field">
        {t("owed_reference")}
        <input autocomplete="off" value={reference.value} onInput={(event) => (reference.value = event.currentTarget.value)} />
      </label>
      <button type="button" class="button touch" data-act={`done-${owed.kind}`} disabled={text === "" && (!isNote || number === null)} onClick={say}>
        {t("done")}
      </button>
    </div>
  );
}
