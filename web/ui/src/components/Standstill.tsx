// What a screen says large when it isn't the present, or when nothing can be sent.

import { timeSeconds } from "../format.ts";
import type { Freshness } from "../live.ts";
import { t } from "../messages/common.ts";
import { outageSentence } from "../sentences/outages.ts";
import { clock } from "../session.ts";
import { Icon } from "./Icon.tsx";

/** A connection that is made again at once is no standstill. */
const AFTER_MS = 3000;

export function Standstill({ fresh, trouble }: { fresh: Freshness; trouble: string }) {
  const since = fresh.state === "stale" || fresh.state === "offline" ? fresh.since : null;
  // Read each second, so that it comes by itself.
  const isOld = since !== null && clock.second.value >= 0 && Date.now() - since > AFTER_MS;
  if (!isOld && trouble === "") return null;
  return (
    <div class="standstill" role="alert">
      <Icon name="link_off" />
      <div>
        {isOld && <strong>{t("old_board", { time: timeSeconds(clock.ofDevice(since)) })}</strong>}
        {trouble !== "" && <span>{outageSentence(trouble) ?? t("outage_unknown")}</span>}
        <span>{t("old_board_help")}</span>
      </div>
    </div>
  );
}
