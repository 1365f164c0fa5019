// The county's code sets: the words behind codes, and what may be chosen.

import { signal } from "@preact/signals";
import { api } from "../session.ts";
import { getCodes, getPolicy, type Code, type CodeSetName, type Codes, type CountyPolicy } from "../wire.ts";

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

/** A code's word; one that isn't known (any more) is read as it stands. */
export function word(set: CodeSetName, code: string): string {
  return codes.value?.sets[set]?.codes.find((one) => one.code === code)?.label ?? plain(code);
}

export const plain = (code: string): string => {
  const text = code.replaceAll("_", " ");
  return text.charAt(0).toUpperCase() + text.slice(1);
};

export const choices = (set: CodeSetName): readonly Code[] => codes.value?.sets[set]?.codes ?? [];
