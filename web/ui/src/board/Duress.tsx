// A team in danger: above everything, until it is resolved. Never hidden by a filter.

import { useSignal } from "@preact/signals";
import { Act } from "../components/Act.tsx";
import { Icon } from "../components/Icon.tsx";
import { Since } from "../components/Timer.tsx";
import { t } from "../messages/board.ts";
import { api } from "../session.ts";
import { acknowledgeDuress, resolveDuress, sendHelp, type DuressView } from "../wire.ts";
import { Choose, Chosen } from "./Choose.tsx";
import { word } from "./codes.ts";
import type { Desk } from "./desk.ts";
import { FactsOf } from "./DuressFacts.tsx";

export const openAlarms = (desk: Desk): readonly DuressView[] =>
  [...desk.live.of("duress").all.value.values()]
    .filter((one) => one.state !== "resolved")
    .sort((a, b) => (a.acknowledged_at === null ? 0 : 1) - (b.acknowledged_at === null ? 0 : 1) || a.raised_at.localeCompare(b.raised_at));

export function Alarms({ desk }: { desk: Desk }) {
  const alarms = openAlarms(desk);
  if (alarms.length === 0) return null;
  return (
    <section class="alarms" aria-label={t("duress")} role="alert">
      {alarms.map((one) => (
        <Alarm key={one.id} desk={desk} one={one} />
      ))}
    </section>
  );
}

function Alarm({ desk, one }: { desk: Desk; one: DuressView }) {
  const help = useSignal("");
  const reference = useSignal("");
  const team = one.team_id === null ? undefined : desk.live.of("team").at(one.team_id).value;
  const run = team?.run ? desk.live.of("incident").at(team.run.incident_id).value : undefined;
  const path = { duress_id: one.id };
  return (
    <div class={`alarm ${one.acknowledged_at === null ? "raw" : ""}`} data-duress={one.state}>
      <Icon name="alarm" />
      <strong>
        {t("duress")} · {team?.call_sign ?? t("somebody")}
      </strong>
      <span>
        {word("duress_cause", one.cause)} · <Since from={one.raised_at} />
        {run && (
          <button type="button" class="link" onClick={() => desk.open(run.id)}>
            #{run.number}
          </button>
        )}
        {one.doubts.map((doubt) => (
          <small key={doubt}> · {t(`duress_doubt_${doubt}`)}</small>
        ))}
      </span>
      <FactsOf desk={desk} one={one} />
      {one.acknowledged_at === null ? (
        <>
          <Act class="danger" run={(key) => api.call(acknowledgeDuress, { path, body: {}, key })}>
            <kbd>A</kbd> {t("duress_acknowledge")}
          </Act>
        </>
      ) : (
        <>
          <span>
            {t("duress_in_hand")} <Since from={one.acknowledged_at} />
            {one.help !== null && ` · ${t("help_on_way", { who: word("help_kind", one.help) })}`}
          </span>
          <span class="pair">
            <Choose label={t("help_who")} set="help_kind" empty={t("help_who")} value={help.value} onChange={(code) => (help.value = code)} />
            <input aria-label={t("reference")} placeholder={t("reference")} value={reference.value} onInput={(event) => (reference.value = event.currentTarget.value)} />
            <Act class={one.help === null ? "danger" : ""} disabled={help.value === ""} run={(key) => api.call(sendHelp, { path, body: { who: help.value, reference: reference.value }, key })}>
              {t("help_sent")}
            </Act>
          </span>
          <Chosen label={t("duress_ending")} set="duress_resolution" run={(reason, key) => api.call(resolveDuress, { path, body: { reason }, key })}>
            {t("duress_resolve")}
          </Chosen>
        </>
      )}
    </div>
  );
}
