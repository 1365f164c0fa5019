// A crew that reports being there though this board takes it to be away: as loud as an alarm, until a
// person has said what is so. Never hidden by a filter.

import { Act } from "../components/Act.tsx";
import { Icon } from "../components/Icon.tsx";
import { Left, Since } from "../components/Timer.tsx";
import { t } from "../messages/board.ts";
import { t as common } from "../messages/common.ts";
import { api } from "../session.ts";
import { MAY, settleClaim, type ClaimView, type IncidentView, type Status } from "../wire.ts";
import type { Desk } from "./desk.ts";

export interface Claimed {
  readonly incident: IncidentView;
  readonly claim: ClaimView;
}

/** Every claim that nobody has settled, the oldest first. */
export const openClaims = (desk: Desk): readonly Claimed[] =>
  [...desk.live.of("incident").all.value.values()]
    .flatMap((incident) => incident.claims.map((claim) => ({ incident, claim })))
    .sort((a, b) => a.claim.since.localeCompare(b.claim.since));

export function Claims({ desk }: { desk: Desk }) {
  const claims = openClaims(desk);
  if (claims.length === 0) return null;
  return (
    <section class="alarms" aria-label={t("claims")} role="alert">
      {claims.map(({ incident, claim }) => (
        <Claim key={claim.assignment_id} desk={desk} incident={incident} claim={claim} />
      ))}
    </section>
  );
}

/** The words and the two answers; also over the incident itself. */
export function Claim({ desk, incident, claim }: Claimed & { desk: Desk }) {
  const path = { assignment_id: claim.assignment_id };
  const settle = (there: boolean) => (key: string) => api.call(settleClaim, { path, body: { there }, key }).then(desk.heard(incident.id));
  return (
    <div class="alarm raw" data-claim={incident.number}>
      <Icon name="alarm" />
      <strong>
        {desk.callSign(claim.team_id)} {t("claim_there")}
      </strong>
      <span>
        <button type="button" class="link" onClick={() => desk.open(incident.id)}>
          #{incident.number}
        </button>{" "}
        {t("claim_says", { status: common(`team_${claim.status as Status}`) })} · <Since from={claim.since} />
      </span>
      <span>{t("claim_why")}</span>
      {desk.has(...MAY.settleClaim) && (
        <>
          <Act run={settle(true)}>{t("claim_yes")}</Act>
          <Act run={settle(false)}>{t("claim_no")}</Act>
        </>
      )}
      <span>
        {t("claim_again_in")} <Left until={claim.until} />
      </span>
    </div>
  );
}
