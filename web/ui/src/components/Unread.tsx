// Shows what an act was answered with, whose button has gone meanwhile, until it was read.

import { t } from "../messages/common.ts";
import { Icon } from "./Icon.tsx";
import { words } from "./Note.tsx";
import { dismiss, unread } from "./unread.ts";

export function UnreadNotices() {
  return (
    <>
      {unread.value.map((one) => (
        <div key={one.no} class="notice now unread" role="alert" data-unread={one.trouble === null ? "warned" : "refused"}>
          <Icon name="alarm" />
          <span>{one.trouble === null ? one.warnings.join(" ") : words(one.trouble)}</span>
          <button type="button" class="link" aria-label={t("dismiss")} onClick={() => dismiss(one.no)}>
            <Icon name="close" />
          </button>
        </div>
      ))}
    </>
  );
}
