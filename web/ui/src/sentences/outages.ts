import { known } from "../i18n.ts";
import { t } from "../messages/outages.ts";

/** What keeps the service from its database; `null` = no outage has that name. */
export const outageSentence = (code: string): string | null => known(t, code);
