// What the county answered an act with, for whoever acted: why it wasn't done, what to do now, what
// they had typed, and what it warned of. Stays on the screen until it was read.

import { useSignal } from "@preact/signals";
import { deviceCalls } from "../calls.ts";
import { Icon } from "../components/Icon.tsx";
import { t as common } from "../messages/common.ts";
import { t } from "../messages/phone.ts";
import { warningSentence } from "../sentences/warnings.ts";
import type { Entry } from "../outbox.ts";
import { requestPartner } from "../wire.ts";
import { leftNotes } from "./notes.ts";
import { actWords, saidAt } from "./parts.tsx";
import type { Phone } from "./phone.ts";
import { mayGoAgain, needs911, saidIn } from "./said.ts";
import { label, refusalWords } from "./words.ts";

/** Everything that must be read, newest first. */
export function Told({ phone }: { phone: Phone }) {
  const told = phone.outbox.entries.value.filter((one) => one.state === "refused" || one.warnings.length > 0).reverse();
  return (
    <>
      {told.map((entry) => (entry.state === "refused" ? <Refused key={entry.key} phone={phone} entry={entry} /> : <Warned key={entry.key} phone={phone} entry={entry} />))}
      <Left phone={phone} />
    </>
  );
}

/** Why an act was refused, until it was read. */
function Refused({ phone, entry }: { phone: Phone; entry: Entry }) {
  const said = saidIn(entry, label);
  const isKept = entry.refusal?.code === "disputed";
  return (
    <div class="note alarm refused" role="alert" data-refused={entry.operation}>
      <Icon name="alarm" />
      <div>
        <strong>{isKept ? t("disputed_act", { what: actWords(entry) }) : undone(entry)}</strong>
        <p class="quiet figures">{saidAt(entry)}</p>
        <p>{entry.refusal && refusalWords(entry.refusal)}</p>
        {said.length > 0 && <Said lines={said} />}
        <p>{t(needs911(entry) ? "do_911" : entry.operation === "acceptOffer" ? "do_wait" : isKept ? "do_tell" : "do_again")}</p>
        <div class="row">
          <CallButtons with911={needs911(entry)} />
          {mayGoAgain(entry) && (
            <button type="button" class="button touch" data-act="again" onClick={() => void phone.outbox.again(entry.key)}>
              {t("send_again")}
            </button>
          )}
          {said.length > 0 && <Copy text={said.join("\n")} />}
          <button type="button" class="button touch" data-act="read" onClick={() => void phone.outbox.dismiss(entry.key)}>
            {t("dismiss")}
          </button>
        </div>
      </div>
    </div>
  );
}

function undone(entry: Entry): string {
  if (entry.operation === "reportStatus") return t("undone_reportStatus", { what: actWords(entry) });
  if (entry.operation === requestPartner.name) return t("undone_requestPartner", { who: label("partner_kind", entry.what) });
  const key = `undone_${entry.operation}`;
  return (t as (key: string) => string)(key);
}

function Warned({ phone, entry }: { phone: Phone; entry: Entry }) {
  return (
    <div class="note warn refused" role="alert" data-warned={entry.operation}>
      <Icon name="alarm" />
      <div>
        <strong>{t("warned_act", { what: actWords(entry) })}</strong>
        <ul class="lines">
          {entry.warnings.map((one) => (
            <li key={one.code}>{warningSentence(one.code, one.sentence)}</li>
          ))}
        </ul>
        <button type="button" class="button touch" data-act="read" onClick={() => void phone.outbox.heed(entry.key)}>
          {t("dismiss")}
        </button>
      </div>
    </div>
  );
}

/** Notes that were begun on earlier runs and never sent. */
function Left({ phone }: { phone: Phone }) {
  const notes = leftNotes(phone);
  return (
    <>
      {notes.map((one) => (
        <div key={one.run} class="note warn" role="status" data-left-note={one.run}>
          <Icon name="alarm" />
          <div>
            <strong>{t("left_note")}</strong>
            <Said lines={[one.text]} />
            <div class="row">
              <Copy text={one.text} />
              <button type="button" class="button touch" data-act="read" onClick={one.discard}>
                {t("discard")}
              </button>
            </div>
          </div>
        </div>
      ))}
    </>
  );
}

function Said({ lines }: { lines: readonly string[] }) {
  return (
    <blockquote class="said-before">
      {lines.map((line, index) => (
        <p key={index}>{line}</p>
      ))}
    </blockquote>
  );
}

function Copy({ text }: { text: string }) {
  const isDone = useSignal(false);
  const copy = async (): Promise<void> => {
    try {
      await navigator.clipboard.writeText(text);
      isDone.value = true;
    } catch {
      // The text stands there to be marked by hand.
    }
  };
  return (
    <button type="button" class="button touch" data-act="copy" onClick={() => void copy()}>
      {t(isDone.value ? "copied" : "copy")}
    </button>
  );
}

/** Buttons that dial: the desk where its number is known, and 911 where it may be needed at once. */
export function CallButtons({ with911 }: { with911: boolean }) {
  return (
    <>
      {deviceCalls(with911).map(({ key, href }) => (
        <a key={key} class={`button touch ${key === "call_911" ? "danger" : "main"}`} href={href} data-call-now={key}>
          {common(key)}
        </a>
      ))}
    </>
  );
}
