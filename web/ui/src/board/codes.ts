// The county's code sets: the words behind codes, and what may be chosen.

import { computed, signal } from "@preact/signals";
import { known, locale } from "../i18n.ts";
import { t } from "../messages/codes.ts";
import { t as crew } from "../messages/crew_codes.ts";
import { api } from "../session.ts";
import { getCodes, getPolicy, type Code, type CodeSet, type CodeSetName, type Codes, type CountyPolicy } from "../wire.ts";

export const codes = signal<Codes | null>(null);
export const policy = signal<CountyPolicy | null>(null);

/** Fetch both; asked again until they are there, because the forms can't do without them. */
export async function loadCodes(): Promise<void> {
  for (;;) {
    try {
      const [found, now] = await Promise.all([api.call(getCodes, {}), api.call(getPolicy, {})]);
      codes.value = found;
      policy.value = now.policy;
      return;
    } catch {
      await new Promise((resolve) => setTimeout(resolve, 5000));
    }
  }
}

/** A code in the person's language; `null` = only the county's own label is there. */
function translated(set: CodeSetName, code: string): string | null {
  if (locale.value === "en") return null;
  const key = `${set}_${code}`;
  const said = known(t, key) ?? known(crew, key);
  if (said !== null) return said;
  // Browsers know the names of most languages.
  return set === "need" && code.startsWith(LANGUAGE) ? (new Intl.DisplayNames(locale.value, { type: "language" }).of(code.slice(LANGUAGE.length)) ?? null) : null;
}

const LANGUAGE = "language_";

const shown = computed<Readonly<Partial<Record<CodeSetName, readonly Code[]>>>>(() => {
  const sets = Object.entries(codes.value?.sets ?? {}) as [CodeSetName, CodeSet][];
  return Object.fromEntries(sets.map(([set, { codes }]) => [set, codes.map((one) => ({ ...one, label: translated(set, one.code) ?? one.label }))]));
});

/** A code's word; one that isn't known (any more) is read as it stands. */
export function word(set: CodeSetName, code: string): string {
  return shown.value[set]?.find((one) => one.code === code)?.label ?? plain(code);
}

/** A code's word in the first of the sets that has it; of none of them it is read as it stands. */
export function wordIn(sets: readonly CodeSetName[], code: string): string {
  const set = sets.find((one) => shown.value[one]?.some((known) => known.code === code));
  return set === undefined ? plain(code) : word(set, code);
}

/** Why an incident ended as it did. */
export const endReason = (code: string): string => wordIn(["no_dispatch_reason", "cancel_reason", "unserved_reason"], code);

/** A role's word; one that isn't known here is read as it stands. */
export function roleWord(role: string): string {
  return known(t, `role_${role}`) ?? plain(role);
}

export const plain = (code: string): string => {
  const text = code.replaceAll("_", " ");
  return text.charAt(0).toUpperCase() + text.slice(1);
};

/** What a person may choose; what only the service itself says is a word, and no choice. */
export const choices = (set: CodeSetName): readonly Code[] => (shown.value[set] ?? []).filter((code) => !code.flags.includes("by_service"));
