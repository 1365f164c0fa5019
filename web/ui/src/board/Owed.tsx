// What is owed to people and by whom: callbacks, contacts with those who wait, check-ins, follow-ups.
// What is due stands below the incidents; nothing overdue is ever hidden.

import { useSignal } from "@preact/signals";
import { Act } from "../components/Act.tsx";
import { Icon } from "../components/Icon.tsx";
import { Left } from "../components/Timer.tsx";
import { dateTime } from "../format.ts";
import { t } from "../messages/board.ts";
import { t as say } from "../messages/desk.ts";
import { api, clock } from "../session.ts";
import { instant, type Instant } from "../time.ts";
import { completeObligation, exceptObligation, recordAttempt, type ObligationKind, type ObligationView } from "../wire.ts";
import { choices } from "./codes.ts";
import type { Desk } from "./desk.ts";
import { forget, kept } from "./kept.ts";

const SOON_MS = 15 * 60_000;
/** Owed to a person whom somebody must reach: how it went is told, and by which way. */
const CONTACTS: readonly ObligationKind[] = ["callback", "waiting_contact", "follow_up"];
/** Owed to somebody else, who must be told. */
const TOLD: readonly ObligationKind[] = ["plan_notice", "mandated_report"];

const isMissed = (one: ObligationView): boolean => one.state === "missed";

/** What is owed: what can still be met, the soonest first, then what was missed. */
export const owed = (all: Iterable<ObligationView>): readonly ObligationView[] =>
  [...all].filter((one) => one.state === "due" || one.state === "missed").sort((a, b) => Number(isMissed(a)) - Number(isMissed(b)) || instant(a.due_at) - instant(b.due_at) || a.id.localeCompare(b.id));

export const isDue = (one: ObligationView, now: Instant): boolean => isMissed(one) || instant(one.due_at) - now < SOON_MS;
const isOverdue = (one: ObligationView, now: Instant): boolean => isMissed(one) || instant(one.due_at) < now;

export function Owed({ desk }: { desk: Desk }) {
  const showsAll = useSignal(false);
  const opened = useSignal<string | null>(null);
  const now = clock.second.value;
  const all = owed(desk.live.of("obligation").all.value.values());
  const due = all.filter((one) => isDue(one, now));
  const late = due.filter((one) => isOverdue(one, now)).length;
  const shown = showsAll.value ? all : due;
  return (
    <section class="panel owed" aria-label={say("owed")} id="owed">
      <header class="line">
        <h2>
          <kbd>T</kbd> {say("owed")}
        </h2>
        <span class="figures" data-owed={due.length}>
          {late > 0 && <span class="alarm-words">{say("owed_over", { n: late })} · </span>}
          {due.length === 0 ? <span class="quiet">{say("owed_none")}</span> : say("owed_due", { n: due.length })}
        </span>
        {all.length > due.length && (
          <button type="button" class="link" aria-expanded={showsAll.value} onClick={() => (showsAll.value = !showsAll.value)}>
            {showsAll.value ? say("owed_fewer") : say("owed_later", { n: all.length - due.length })}
          </button>
        )}
      </header>
      {shown.length > 0 && (
        <ul class="scroll">
          {shown.map((one) => (
            <Row key={one.id} desk={desk} one={one} isOpen={opened.value === one.id} isLate={isOverdue(one, now)} onToggle={() => (opened.value = opened.value === one.id ? null : one.id)} />
          ))}
        </ul>
      )}
    </section>
  );
}

function Row({ desk, one, isOpen, isLate, onToggle }: { desk: Desk; one: ObligationView; isOpen: boolean; isLate: boolean; onToggle: () => void }) {
  const incident = one.incident_id === null ? undefined : desk.live.of("incident").at(one.incident_id).value;
  const team = one.team_id === null ? undefined : desk.live.of("team").at(one.team_id).value;
  return (
    <li data-obligation={one.kind} class={isLate ? "late" : ""}>
      <div class="line">
        <button type="button" class="what" aria-expanded={isOpen} onClick={onToggle}>
          <Icon name={isLate ? "alarm" : "clock"} />
          <span class="when figures">
            <Left until={one.due_at} />
          </span>
          <b>{t(`obligation_${one.kind}`)}</b>
          <span class="quiet">
            {[
              team?.call_sign,
              one.state === "missed" && say("owed_missed"),
              one.attempts > 0 && say("owed_tries", { n: one.attempts }),
              one.owner === desk.account && say("owed_by_you"),
            ]
              .filter(Boolean)
              .join(" · ")}
          </span>
        </button>
        {incident && (
          <button type="button" class="link figures" onClick={() => desk.open(incident.id)}>
            #{incident.number}
          </button>
        )}
        {one.incident_id !== null && incident === undefined && (
          <button type="button" class="link" onClick={() => one.incident_id !== null && desk.open(one.incident_id)}>
            {say("owed_of_past")}
          </button>
        )}
      </div>
      {isOpen && <Settle one={one} />}
    </li>
  );
}

/** One choice says what came of it; whether that meets it, was a try or ends it follows from the word. */
export function Settle({ one }: { one: ObligationView }) {
  const isContact = CONTACTS.includes(one.kind);
  const outcomes = choices("followup_outcome");
  const met = isContact ? outcomes.filter((code) => code.flags.includes("reached")) : [];
  const tried = !isContact ? [] : outcomes.filter((code) => code.flags.includes("attempt_only"));
  const not = choices("obligation_exception").filter((code) => code.flags.includes(one.kind));
  const what = useSignal("");
  const how = useSignal("");
  const told = useSignal("");
  const reference = useSignal("");
  const text = kept(`note owed ${one.id}`, "");
  const isMet = what.value.startsWith("met");
  const needsHow = isContact && what.value !== "" && !what.value.startsWith("not");
  const isTold = TOLD.includes(one.kind) && isMet;
  const isNote = one.kind === "note" && isMet;
  const lacks = what.value === "" || (needsHow && how.value === "") || (isTold && told.value.trim() === "") || (isNote && text.value.trim() === "" && reference.value.trim() === "");
  const run = async (key: string) => {
    const [act, code] = what.peek().split(" ") as [string, string];
    const path = { obligation_id: one.id };
    if (act === "met") {
      const rests = { told: told.peek().trim() || null, reference: reference.peek().trim() || null, text: isNote ? text.peek().trim() || null : null };
      await api.call(completeObligation, { path, body: { outcome: code, mode: how.peek() || null, ...rests }, key });
      forget(`note owed ${one.id}`);
    }
    else if (act === "tried") await api.call(recordAttempt, { path, body: { outcome: code, mode: how.peek() }, key });
    else await api.call(exceptObligation, { path, body: { reason: code }, key });
  };
  const isNew = outcomes.find((code) => `met ${code.code}` === what.value)?.flags.includes("opens_new_request") ?? false;
  return (
    <div class="acts">
      <select aria-label={say("owed_what")} value={what.value} onChange={(event) => (what.value = event.currentTarget.value)}>
        <option value="">{say("owed_what")}</option>
        <optgroup label={say("owed_met")}>
          {!isContact && <option value="met done">{say("owed_done")}</option>}
          {met.map((code) => (
            <option key={code.code} value={`met ${code.code}`}>
              {code.label}
            </option>
          ))}
        </optgroup>
        <optgroup label={say("owed_tried")}>
          {tried.map((code) => (
            <option key={code.code} value={`tried ${code.code}`}>
              {code.label}
            </option>
          ))}
        </optgroup>
        <optgroup label={say("owed_not")}>
          {not.map((code) => (
            <option key={code.code} value={`not ${code.code}`}>
              {code.label}
            </option>
          ))}
        </optgroup>
      </select>
      {isNote && <textarea aria-label={t("note")} placeholder={t("note")} rows={2} value={text.value} onInput={(event) => (text.value = event.currentTarget.value)} />}
      {isTold && <input aria-label={say("owed_told")} placeholder={say("owed_told")} value={told.value} onInput={(event) => (told.value = event.currentTarget.value)} />}
      {(isTold || isNote) && <input aria-label={say("owed_reference")} placeholder={say("owed_reference")} value={reference.value} onInput={(event) => (reference.value = event.currentTarget.value)} />}
      {needsHow && (
        <select aria-label={say("owed_how")} value={how.value} onChange={(event) => (how.value = event.currentTarget.value)}>
          <option value="">{say("owed_how")}</option>
          {choices("contact_mode").map((code) => (
            <option key={code.code} value={code.code}>
              {code.label}
            </option>
          ))}
        </select>
      )}
      <Act class="main" disabled={lacks} run={run}>
        {t("write_down")}
      </Act>
      <small class="quiet">{say("owed_due_at", { time: dateTime(one.due_at) })}</small>
      {isNew && <small class="warn-words">{say("owed_new_crisis")}</small>}
    </div>
  );
}
