import { area } from "../i18n.ts";
import { outageSentence } from "./outages.ts";

/** English needs no sentences here: the service's own are English, and say more. */
const en: Readonly<Record<string, string>> = {};
const t = area(en, { es: () => import("./es/refusals.ts"), vi: () => import("./vi/refusals.ts") });

/** Why the service said no, in the person's language; where no sentence is at hand, its own. */
export function refusalSentence(refusal: { readonly code: string; readonly detail: string }): string {
  const said = t(refusal.code);
  return said === refusal.code ? (outageSentence(refusal.code) ?? refusal.detail) : said;
}
