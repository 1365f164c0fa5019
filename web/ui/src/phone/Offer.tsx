// An offer fills the screen: what, how dangerous, how far, and how long one may think.

import { AcuityMark } from "../components/Mark.tsx";
import { Note } from "../components/Note.tsx";
import { left, minutes } from "../format.ts";
import { t } from "../messages/phone.ts";
import { clock } from "../session.ts";
import { instant } from "../time.ts";
import { acceptOffer, declineOffer, type AskedView, type TeamIncidentView } from "../wire.ts";
import { newest } from "./acts.ts";
import { Deadline, Hazards, Needs, Whereabouts } from "./Incident.tsx";
import { Big, ProgressMark, Reasons, Sheet } from "./parts.tsx";
import type { Phone } from "./phone.ts";
import { shortfallWords } from "./words.ts";

interface Props {
  readonly phone: Phone;
  readonly asked: AskedView;
  readonly incident: TeamIncidentView | null;
}

export function OfferScreen({ phone, asked, incident }: Props) {
  const isOver = clock.isSet && instant(asked.expires_at) <= clock.second.value;
  // Which need it is stands among the needs already.
  const lacks = asked.shortfalls.filter((code) => !code.endsWith("need_unmet")).map(shortfallWords);
  return (
    <article class="offer" aria-label={t("offer_title")} data-offer={asked.id}>
      <header>
        <div>
          <h1>{t("offer_title")}</h1>
          {incident && (
            <p class="row">
              {incident.acuity && <AcuityMark acuity={incident.acuity} />}
              <span class="quiet">{t("offer_number", { number: String(incident.number) })}</span>
            </p>
          )}
        </div>
        <p class={`clock ${isOver ? "late" : ""}`} role="timer">
          <span>{t("answer_within")}</span>
          <strong class="figures">{isOver ? "0:00" : left(asked.expires_at, clock.second.value)}</strong>
        </p>
      </header>
      {incident && <Hazards incident={incident} />}
      {incident && (
        <p class="where">
          {asked.eta_s !== null && <strong>{t(asked.located_by === "base" ? "drive_from_base" : "drive", { minutes: minutes(asked.eta_s) })}</strong>}
          <Whereabouts phone={phone} incident={incident} />
        </p>
      )}
      {incident && <Needs incident={incident} />}
      {lacks.length > 0 && (
        <Note tone="warn">
          {t("lacking")}: {lacks.join(", ")}
        </Note>
      )}
      {incident && <Deadline incident={incident} />}
    </article>
  );
}

/** The two answers, under the thumb; or how far the answer got. */
export function OfferDock({ phone, asked }: { phone: Phone; asked: AskedView }) {
  const entry = newest(phone.outbox.entries.value, [acceptOffer, declineOffer], asked.id);
  if (entry !== null && entry.state !== "refused") {
    const isYes = entry.operation === acceptOffer.name;
    const said = isYes ? t(`accept_${entry.state}`) : t("decline_said", { state: t(entry.state) });
    return (
      <div class="told" role="status">
        <ProgressMark entry={entry} />
        <p>{said}</p>
      </div>
    );
  }
  const isOver = clock.isSet && instant(asked.expires_at) <= clock.second.value;
  if (isOver) {
    return (
      <div class="told" role="status">
        <p>{t("too_late")}</p>
      </div>
    );
  }
  const accept = (): unknown => {
    phone.bell.stop();
    return phone.outbox.add(acceptOffer, { path: { offer_id: asked.id }, body: {}, lane: asked.id, what: "accept" });
  };
  return (
    <div class="answers">
      <Big key={`no/${asked.id}`} act="decline" kind="" press={() => phone.open("decline")}>
        {t("decline")}
      </Big>
      <Big key={`yes/${asked.id}`} act="accept" press={accept}>
        {t("accept")}
      </Big>
    </div>
  );
}

export function DeclineSheet({ phone, asked }: { phone: Phone; asked: AskedView }) {
  const pick = (reason: string): void => {
    phone.bell.stop();
    void phone.outbox.add(declineOffer, { path: { offer_id: asked.id }, body: { reason }, lane: asked.id, what: reason });
    phone.home();
  };
  return (
    <Sheet title={t("decline_why")}>
      <Reasons set="decline_reason" pick={pick} />
    </Sheet>
  );
}
