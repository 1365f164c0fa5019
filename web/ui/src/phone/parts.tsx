// Small parts of the phone's screens.

import { useSignal } from "@preact/signals";
import type { ComponentChildren } from "preact";
import { useEffect } from "preact/hooks";
import { Icon, type IconName } from "../components/Icon.tsx";
import { relative, timeSeconds } from "../format.ts";
import { clock } from "../session.ts";
import type { Entry } from "../outbox.ts";
import { t } from "../messages/phone.ts";
import { HOLD_MS } from "./acts.ts";
import type { Phone } from "./phone.ts";
import { codesOf, label, statusWord, type SetName } from "./words.ts";
import type { Status } from "../wire.ts";

const PROGRESS: Readonly<Record<Entry["state"], readonly [tone: string, icon: IconName]>> = {
  saved: ["warn", "pause"],
  sending: ["asked", "clock"],
  received: ["free", "check"],
  refused: ["alarm", "close"],
};

/** How far an act got: never more than is known. */
export function ProgressMark({ entry }: { entry: Entry }) {
  if (entry.heldUntil !== null) {
    return (
      <span class="mark tone-warn shape-dashed" data-progress="held">
        <Icon name="clock" />
        {t("held")}
      </span>
    );
  }
  const [tone, icon] = PROGRESS[entry.state];
  return (
    <span class={`mark tone-${tone} shape-${entry.state === "saved" ? "dashed" : "square"}`} data-progress={entry.state}>
      <Icon name={icon} />
      {t(entry.state)}
    </span>
  );
}

/** What was tapped a moment ago and wasn't sent yet; one tap makes it undone. */
export function Undo({ phone }: { phone: Phone }) {
  const held = phone.outbox.entries.value.findLast((one) => one.heldUntil !== null);
  if (held?.heldUntil == null) return null;
  const left = Math.ceil((Date.parse(held.heldUntil) - phone.deviceNow.value) / 1000);
  return (
    <div class="undo tone-warn">
      <p>
        <strong>{actWords(held)}</strong>
        <span class="figures">{t("held_for", { n: Math.max(1, Math.min(HOLD_MS / 1000, left)) })}</span>
      </p>
      <button type="button" class="button touch" data-act="undo" onClick={() => void phone.takeBack(held)}>
        {t("undo")}
      </button>
    </div>
  );
}

/** So long a button is deaf that has just come under the thumb. */
const DEAF_MS = 500;

interface BigProps {
  readonly act: string;
  readonly kind?: string;
  /** What it does; while that is being kept on the phone, a second tap does nothing. */
  readonly press: () => unknown;
  readonly children: ComponentChildren;
}

/** A large button that a second tap doesn't press, meant for it or for what stood there before. */
export function Big({ act, kind = "main", press, children }: BigProps) {
  const isDeaf = useSignal(true);
  const hearAgain = (): void => void setTimeout(() => (isDeaf.value = false), DEAF_MS);
  useEffect(hearAgain, []);
  const tap = (): void => {
    if (isDeaf.peek()) return;
    isDeaf.value = true;
    void Promise.resolve(press()).finally(hearAgain);
  };
  return (
    <button type="button" class={`button huge ${kind}`} data-act={act} disabled={isDeaf.value} onClick={tap}>
      {children}
    </button>
  );
}

/** When it was done, in the county's time: this phone's own clock may be another. */
export const saidAt = (entry: Entry): string => timeSeconds(entry.countyAt ?? clock.ofDevice(Date.parse(entry.occurredAt)));

/** What a person did, in words. */
export function actWords(entry: Entry): string {
  if (entry.operation === "reportStatus") return statusWord(entry.what as Status);
  if (entry.operation === "addNote" && entry.what === MISTAKE) return t("mistake_said");
  if (entry.operation === "setDuty") return t(entry.what.startsWith("available") ? "go_available" : "go_away");
  const key = `act_${entry.operation}`;
  return (t as (key: string) => string)(key);
}

/** What a note is that says that a status was wrong. */
export const MISTAKE = "mistake";
const STATUSES = new Set(["reportStatus", "clearAssignment"]);

/** Everything this phone said lately, and how far each got; a wrong status can be told as such. */
export function Sent({ phone }: { phone: Phone }) {
  const run = phone.run.value?.run.id;
  const isOurs = (entry: Entry): boolean =>
    run !== undefined && entry.state === "received" && STATUSES.has(entry.operation) && entry.path["assignment_id"] === run;
  const all = phone.outbox.entries.value;
  const shown = all.slice(-6).reverse();
  if (shown.length === 0) return null;
  return (
    <section class="sent">
      <h2>{t("sent_title")}</h2>
      <ol>
        {shown.map((entry) => (
          <li key={entry.key}>
            <span class="figures quiet">{saidAt(entry)}</span>
            <span class="what">
              {actWords(entry)}
              <ProgressMark entry={entry} />
            </span>
            {isOurs(entry) && (
              <button type="button" class="button plain touch" data-act="mistake" onClick={() => phone.openMistake(entry)}>
                {t("mistake")}
              </button>
            )}
          </li>
        ))}
      </ol>
    </section>
  );
}

/** How long ago the county was heard: always on the screen, never more than is true. */
export function Heard({ phone }: { phone: Phone }) {
  const state = phone.live.freshness.value.state;
  const reason = phone.live.freshness.value.state === "stopped" ? phone.live.freshness.value.reason : "";
  const at = phone.heardAt.value;
  const now = phone.deviceNow.value;
  const isOff = phone.picture.value === null && reason === "no_team";
  const isLive = (state === "live" || isOff) && at !== null && now - at < (isOff ? 60_000 : 30_000);
  const waits = phone.outbox.entries.value.filter((one) => (one.state === "saved" || one.state === "sending") && one.heldUntil === null).length;
  let text: string;
  if (at === null) text = t("never_heard");
  else {
    const heard = phone.heardCounty.value ?? clock.ofDevice(at);
    const then = clock.second.value;
    if (!isLive) text = t("not_heard", { time: timeSeconds(heard), ago: relative(heard, then) });
    else text = now - at < 2000 ? t("heard_now") : t("heard", { ago: relative(heard, then) });
  }
  return (
    <div class={`heard tone-${isLive ? "free" : "alarm"}`} data-heard={isLive ? "live" : "stale"}>
      <span class="line">
        <Icon name={isLive ? "pulse" : "link_off"} />
        <span>{text}</span>
      </span>
      {waits > 0 && <strong>{t("waiting_count", { n: waits })}</strong>}
    </div>
  );
}

/** A screen over the first one; the way back stands under the thumb. */
export function Sheet({ title, children }: { title: string; children: ComponentChildren }) {
  return (
    <section class="sheet">
      <h1>{title}</h1>
      {children}
    </section>
  );
}

/** More than this stand in columns, so that nobody has to look for the last one. */
const ONE_COLUMN = 5;
export const columns = (many: number): string => (many > ONE_COLUMN ? "reasons many" : "reasons");

/** Reasons as large buttons: one tap says it. */
export function Reasons({ set, pick, only }: { set: SetName; pick: (code: string) => void; only?: (code: string) => boolean }) {
  const codes = codesOf(set).map((one) => one.code).filter((code) => only?.(code) ?? true);
  return (
    <div class={columns(codes.length)}>
      {codes.map((code) => (
        <button key={code} type="button" class="button touch" data-code={code} onClick={() => pick(code)}>
          {label(set, code)}
        </button>
      ))}
    </div>
  );
}
