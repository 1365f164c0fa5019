// Words, in the person's language. English is the source: its keys are the type of all others.
//
// Each area (common, board, phone, …) has a catalog per language, and `t` from `area`. English
// comes with the page; the others are fetched before the first screen is drawn.

import { computed, signal } from "@preact/signals";
import { keepChoice, keptChoice } from "./choice.ts";
import { NAMES } from "./messages/languages.ts";

export { NAMES };
export type Locale = keyof typeof NAMES;
export const LOCALES = Object.keys(NAMES) as Locale[];

/** One message: text with {places}, or texts by plural category, chosen by the place {n}. */
export type Message = string | Plural;
export interface Plural {
  readonly one?: string;
  readonly other: string;
}

/** What every translation of a catalog must be: the same keys, plural where English is. */
export type Catalog<English> = {
  readonly [K in keyof English]: English[K] extends string ? string : Plural;
};

type PlacesIn<S> = S extends `${string}{${infer Name}}${infer Rest}` ? Name | PlacesIn<Rest> : never;
type Places<M> = M extends string ? PlacesIn<M> : M extends Plural ? "n" | PlacesIn<M["other"]> : never;
type Values<M> = [Places<M>] extends [never]
  ? []
  : [values: { readonly [K in Places<M>]: K extends "n" ? number : string | number }];

export type Translate<English> = <K extends keyof English>(key: K, ...values: Values<English[K]>) => string;

type Loaded = Readonly<Record<string, Message>>;
type Loader = () => Promise<{ readonly default: Loaded }>;

interface Area {
  readonly load: Readonly<Record<Exclude<Locale, "en">, Loader>>;
  readonly texts: Partial<Record<Locale, Loaded>>;
}

const areas: Area[] = [];
const chosen = signal<Locale>("en");

/** The language in use. */
export const locale = computed(() => chosen.value);

/** Register an area's catalogs and return its `t`; call it once, at the top of a module. */
export function area<const English extends Readonly<Record<string, Message>>>(
  english: English,
  load: Readonly<Record<Exclude<Locale, "en">, () => Promise<{ readonly default: Catalog<English> }>>>,
): Translate<English> {
  const made: Area = { load: load as unknown as Area["load"], texts: { en: english } };
  areas.push(made);
  return (key, ...values) => {
    const name = key as string;
    const language = chosen.value;
    const message = made.texts[language]?.[name] ?? english[name];
    return fill(message ?? name, values[0], language);
  };
}

/** What an area says under a key that is put together; `null` = it has no such message, or a place of it isn't given. */
export function known(t: (key: never, ...values: never) => string, key: string, values?: Readonly<Record<string, unknown>>): string | null {
  const said = (t as (key: string, values: unknown) => string)(key, values);
  return said === key || /\{\w+\}/.test(said) ? null : said;
}

/** Put values into a message's places. */
export function fill(message: Message, values: Readonly<Record<string, unknown>> | undefined, language: Locale): string {
  let text: string;
  if (typeof message === "string") text = message;
  else {
    const category = new Intl.PluralRules(language).select(Number(values?.["n"] ?? 0));
    text = (category === "one" ? message.one : undefined) ?? message.other;
  }
  if (values === undefined) return text;
  return text.replace(/\{(\w+)\}/g, (place, name: string) => {
    const value = values[name];
    if (value === undefined) return place;
    return typeof value === "number" ? numbers(value, language) : String(value);
  });
}

function numbers(value: number, language: Locale): string {
  return new Intl.NumberFormat(language).format(value);
}

/** Which language the person wants: their own choice on this device, else the browser's. */
export function wanted(languages: readonly string[], kept: string | null): Locale {
  for (const language of [kept ?? "", ...languages]) {
    const found = LOCALES.find((one) => language.toLowerCase().split("-")[0] === one);
    if (found) return found;
  }
  return "en";
}

/** Fetch the language's catalogs and use them. Without a network what is there stays in use. */
export async function useLocale(language: Locale, keep = false): Promise<void> {
  if (keep) keepChoice("locale", language);
  if (language !== "en") {
    try {
      await Promise.all(
        areas.map(async (one) => {
          one.texts[language] ??= (await one.load[language]()).default;
        }),
      );
    } catch {
      return;
    }
  }
  chosen.value = language;
  document.documentElement.lang = language;
}

/** Use the language that the person wants; before the first screen. */
export function startLocale(): Promise<void> {
  return useLocale(wanted(navigator.languages, keptChoice("locale")));
}
