import { area } from "../i18n.ts";
import en from "./en/outages.ts";

const t = area(en, { es: () => import("./es/outages.ts"), vi: () => import("./vi/outages.ts") });

/** What keeps the service from its database; `null` = no outage has that name. */
export function outageSentence(code: string): string | null {
  return code in en ? t(code as keyof typeof en) : null;
}
