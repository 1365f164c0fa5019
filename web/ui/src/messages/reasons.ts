import { area, type Translate } from "../i18n.ts";
import type { Reason } from "../wire.ts";

/** English needs no sentences here: the service's own are English, and say more. */
const en: Readonly<Record<string, string>> = {};
const t = area(en, { es: () => import("./es/reasons.ts"), vi: () => import("./vi/reasons.ts") }) as Translate<Readonly<Record<string, "{subject}">>>;

/** What speaks against a team, in the person's language; `subject`: what the reason is about, in words. */
export function reasonSentence(reason: Reason, subject: (code: string) => string): string {
  const said = t(reason.code, { subject: reason.subject === null ? "—" : subject(reason.subject) });
  return said === reason.code ? reason.sentence : said;
}
