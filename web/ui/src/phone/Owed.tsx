// What is owed and when: check-ins first, each done with one tap.

import { Icon } from "../components/Icon.tsx";
import { Left, Since } from "../components/Timer.tsx";
import { relative } from "../format.ts";
import { t } from "../messages/phone.ts";
import { clock } from "../session.ts";
import { instant } from "../time.ts";
import { completeObligation, exceptObligation, recordAttempt, type ObligationView } from "../wire.ts";
import { HOLD_MS, isAhead, newest } from "./acts.ts";
import { ProgressMark } from "./parts.tsx";
import type { Phone } from "./phone.ts";

/** What is due later than this waits behind a tap. */
const NEAR_MS = 4 * 3_600_000;
/** What is due within this comes first. */
const SOON_MS = 5 * 60_000;
const ACTS = [completeObligation, recordAttempt, exceptObligation];

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
  const done = (outcome: string, mode = "telehealth_audio"): void =>
    void outbox.add(completeObligation, { path, body: { outcome, mode }, lane, what: outcome, holdMs: HOLD_MS });
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
      ) : owed.kind === "follow_up" ? (
        <div class="row">
          <button type="button" class="button touch" onClick={() => done("reached_stable")}>
            {t("reached")}
          </button>
          <button type="button" class="button touch" onClick={() => void outbox.add(recordAttempt, { path, body: { outcome: "no_answer" }, lane, what: "no_answer", holdMs: HOLD_MS })}>
            {t("no_answer")}
          </button>
          <button type="button" class="button touch" onClick={() => void outbox.add(exceptObligation, { path, body: { reason: "declined" }, lane, what: "declined", holdMs: HOLD_MS })}>
            {t("declined_followup")}
          </button>
        </div>
      ) : (
        <button type="button" class={`button touch ${isSoon ? "main" : ""}`} data-act={`done-${owed.kind}`} onClick={() => done("done")}>
          {t(owed.kind === "check_in" ? "we_are_safe" : "done")}
        </button>
      )}
    </li>
  );
}
