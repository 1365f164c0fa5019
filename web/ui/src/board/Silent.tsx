// Says in large letters that no alarm can be heard; over the page, so that nothing moves when it goes.

import { Icon } from "../components/Icon.tsx";
import { t } from "../messages/board.ts";
import { mayBeHeard, unlock } from "./sound.ts";

/** `isUrgent`: an alarm rings now. */
export function Silent({ isUrgent }: { isUrgent: boolean }) {
  if (mayBeHeard.value) return null;
  return (
    <button type="button" class={`silent ${isUrgent ? "urgent" : ""}`} onClick={unlock}>
      <Icon name="bell" /> {t("sound_blocked")}
    </button>
  );
}
