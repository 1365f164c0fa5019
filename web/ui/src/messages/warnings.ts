import { area } from "../i18n.ts";

/** English needs no sentences here: the service's own are English, and say more. */
const en: Readonly<Record<string, string>> = {};
const t = area(en, { es: () => import("./es/warnings.ts"), vi: () => import("./vi/warnings.ts") });

/** What the service warns of, in the person's language; where no sentence is at hand, its own. */
export function warningSentence(code: string, sentence: string): string {
  const said = t(code);
  return said === code ? sentence : said;
}
