// Notices of the service that nobody has dismissed, newest first.

import { Icon } from "../components/Icon.tsx";
import { Ago } from "../components/Timer.tsx";
import { UnreadNotices } from "../components/Unread.tsx";
import { unread } from "../components/unread.ts";
import { t } from "../messages/board.ts";
import type { AlertFrame } from "../wire.ts";
import type { Desk } from "./desk.ts";

export function Notices({ desk }: { desk: Desk }) {
  const alerts = desk.live.alerts.value;
  // Of what was opened the warnings stand over it.
  const elsewhere = desk.told.value.filter((one) => one.incident !== desk.opened.value);
  if (alerts.length + unread.value.length + elsewhere.length === 0) return null;
  return (
    <section class="notices" aria-label={t("notices")} role="log" tabIndex={0}>
      <UnreadNotices />
      {elsewhere.map(({ incident, sentences }, index) => (
        <div key={`${incident} ${index}`} class="notice soon" role="alert" data-unread="warned">
          <Icon name="alarm" />
          <button type="button" class="link figures" onClick={() => desk.open(incident)}>
            #{desk.numberOf(incident) ?? "?"}
          </button>
          <span>{sentences.join(" ")}</span>
        </div>
      ))}
      {alerts.length > 1 && <b>{t("notices_count", { n: alerts.length })}</b>}
      {alerts.map((alert) => (
        <Notice key={alert.key || alert.at + alert.template} desk={desk} alert={alert} />
      ))}
      {alerts.length > 1 && (
        <button type="button" class="button plain" onClick={() => alerts.forEach((alert) => desk.live.dismiss(alert))}>
          {t("dismiss_all")}
        </button>
      )}
    </section>
  );
}

function Notice({ desk, alert }: { desk: Desk; alert: AlertFrame }) {
  const about = alert.number === null ? undefined : [...desk.live.of("incident").all.value.values()].find((one) => one.number === alert.number);
  return (
    <div class={`notice ${alert.urgency}`}>
      <Icon name={alert.urgency === "now" ? "alarm" : "bell"} />
      {alert.number !== null && (
        <button type="button" class="link figures" disabled={about === undefined} onClick={() => about && desk.open(about.id)}>
          #{alert.number}
        </button>
      )}
      {alert.call_sign !== null && <b>{alert.call_sign}</b>}
      <span>{t(`alert_${alert.template}`)}</span>
      <span class="quiet">
        <Ago at={alert.at} />
      </span>
      <button type="button" class="link" aria-label={t("dismiss")} onClick={() => desk.live.dismiss(alert)}>
        <Icon name="close" />
      </button>
    </div>
  );
}
