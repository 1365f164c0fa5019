// What a phone remembers so that it works without a network, and after being switched off: who works
// with it, the last picture of the county, the place of its run, and what was begun to be typed.
//
// Decides what is kept, for how long, and for whom. All of it lies encrypted in the vault, whose key
// is thrown away when the shift ends, on signing out, and when the county says that this device is to
// forget. Nothing but how the page looks and sounds is ever kept elsewhere.

import { signal, type Signal } from "@preact/signals";
import type { Entry, Shelf } from "../outbox.ts";
import type { Session } from "../session.ts";
import type { ClockWord } from "../time.ts";
import { deviceDisk, memoryDisk, Vault } from "../vault.ts";
import type { DuressView, MemberView, ObligationView, ShiftView, TeamIncidentView, TeamView } from "../wire.ts";
import type { At } from "./place.ts";

/** The county as this phone last heard it. */
export interface Picture {
  readonly seq: number;
  /** When it was heard, by this device's clock. */
  readonly heardAt: number;
  readonly team: TeamView;
  readonly incidents: readonly TeamIncidentView[];
  readonly obligations: readonly ObligationView[];
  readonly duress: readonly DuressView[];
}

/** The crew that last worked with this phone, to go on shift with again. */
export interface LastCrew {
  readonly team_id: string;
  readonly call_sign: string;
  readonly crew: readonly MemberView[];
  readonly planned: readonly ShiftView[];
}

/** The private part of an incident, as a crew opened it. */
export interface Opened {
  /** Incident and version that it is of. */
  readonly of: string;
  readonly point: At | null;
  readonly address: string | null;
  readonly access: string | null;
  readonly story: string | null;
  /** The people in crisis that are known of, and what they are called, if that is known. */
  readonly people: readonly { readonly id: string; readonly label: string; readonly name: string | null }[];
}

/** A run's check-in, by which its crew answers also when it was missed and is in no picture any more. */
export interface CheckIn {
  readonly id: string;
  readonly assignment_id: string;
}

/** Code set → code → label and flags, of the county's day. */
export type CodeBook = Readonly<Record<string, readonly { readonly code: string; readonly label: string; readonly flags: readonly string[]; readonly attributes?: Readonly<Record<string, string>> }[]>>;

const SESSION = "session";
const PICTURE = "picture";
const CREW = "crew";
const CODES = "codes";
const CLOCK = "clock";
const CHECK_IN = "check_in";
const PLACE = "place";
const DRAFT = "draft/";
const ENTRY = "entry/";

let vault: Vault | null = null;

/** Open what this phone keeps; before anything else. Resolves with whether it outlives the page. */
export async function openKept(): Promise<boolean> {
  let isLasting = true;
  try {
    vault = await Promise.race([Vault.open(deviceDisk()), tooLong()]);
  } catch {
    // Nothing may lie there readable: without encryption, or where the device doesn't answer, it is
    // kept in memory alone.
    isLasting = false;
    vault = await Vault.open(memoryDisk());
  }
  vault.onGone = () => location.reload();
  if (isLasting) await takeOver();
  return isLasting;
}

/** So long a device may take to open what it keeps: a page that waits for ever helps nobody. */
const OPENS_WITHIN_MS = 5000;
const tooLong = (): Promise<never> => new Promise((_, reject) => setTimeout(() => reject(new Error("no answer")), OPENS_WITHIN_MS));

function kept(): Vault {
  if (vault === null) throw new Error("nothing is kept before it was opened");
  return vault;
}

const keep = (name: string, value: unknown, isStrict = true): void =>
  // A full device still works with what it hears.
  void kept().write(name, value, isStrict).catch(() => undefined);
const drop = (name: string): void => void kept().drop(name).catch(() => undefined);

export const keptSession = (): Session | null => kept().read<Session>(SESSION);
export const keepSession = (session: Session): void => keep(SESSION, session);

interface Owned<T> {
  readonly account: string;
  readonly county: number;
  readonly value: T;
}
function own<T>(key: string, session: Session): T | null {
  const found = kept().read<Owned<T>>(key);
  return found !== null && found.account === session.who.account_id && found.county === session.county ? found.value : null;
}
function keepOwn(key: string, session: Session, value: unknown, isStrict = true): void {
  keep(key, { account: session.who.account_id, county: session.county, value }, isStrict);
}

export const keptPicture = (session: Session): Picture | null => own<Picture>(PICTURE, session);
export const keepPicture = (session: Session, picture: Picture): void => keepOwn(PICTURE, session, picture);
export const keptCrew = (session: Session): LastCrew | null => own<LastCrew>(CREW, session);
export const keepCrew = (session: Session, crew: LastCrew): void => keepOwn(CREW, session, crew);
export const keptPlace = (session: Session): Opened | null => own<Opened>(PLACE, session);
export const keepPlace = (session: Session, place: Opened): void => keepOwn(PLACE, session, place);
export const forgetPlace = (): void => drop(PLACE);
export const keptClock = (session: Session): ClockWord | null => own<ClockWord>(CLOCK, session);
// Written every few seconds: the last one may be lost.
export const keepClock = (session: Session, word: ClockWord): void => keepOwn(CLOCK, session, word, false);
export const keptCheckIn = (session: Session): CheckIn | null => own<CheckIn>(CHECK_IN, session);
export const keepCheckIn = (session: Session, one: CheckIn): void => keepOwn(CHECK_IN, session, one);
export const keptCodes = (): CodeBook | null => kept().read<CodeBook>(CODES);
export const keepCodes = (codes: CodeBook): void => keep(CODES, codes);

/** Where the outbox keeps what has to be sent. */
export function entryShelf(): Shelf {
  return {
    load: () => Promise.resolve(kept().names(ENTRY).flatMap((name) => kept().read<Entry>(name) ?? [])),
    put: (entry) => kept().write(ENTRY + entry.key, entry),
    remove: (key) => kept().drop(ENTRY + key),
  };
}

// Drafts

const drafts = new Map<string, Signal<unknown>>();

/**
 * What was typed into a form and not sent: kept as it is typed.
 *
 * `form`: its name; `about`: the id of what it is about. A draft that says what `blank` says is none.
 */
export function draft<T>(form: string, about: string, blank: T): Signal<T> {
  const name = `${DRAFT}${form}/${about}`;
  const known = drafts.get(name);
  if (known !== undefined) return known as Signal<T>;
  const made = signal<T>(kept().read<T>(name) ?? blank);
  drafts.set(name, made as Signal<unknown>);
  const none = JSON.stringify(blank);
  let before = made.peek();
  made.subscribe((value) => {
    if (value === before) return;
    before = value;
    if (JSON.stringify(value) === none) drop(name);
    else keep(name, value);
  });
  return made;
}

/** What was begun in a form about other things than `about`: left behind, and not sent. */
export function leftDrafts<T>(form: string, about: string | null): readonly { readonly about: string; readonly value: T }[] {
  const begin = `${DRAFT}${form}/`;
  return kept()
    .names(begin)
    .filter((name) => name !== begin + String(about))
    .flatMap((name) => {
      const value = kept().read<T>(name);
      return value === null ? [] : [{ about: name.slice(begin.length), value }];
    });
}

// Forgetting

/**
 * The shift is over: whatever it held is thrown away with its key.
 *
 * What has still to be sent, or to be read, stays under another key, and so does who works here.
 */
export async function endShift(): Promise<void> {
  drafts.clear();
  const stays = [SESSION, CREW, CODES, CLOCK];
  await kept().forget((name) => stays.includes(name) || isUnsettled(kept().read<Entry>(name), name));
}

/** Somebody else works with this phone now: all that stays is what was not sent yet. */
export async function changePerson(): Promise<void> {
  drafts.clear();
  await kept().forget((name) => name === CODES || isUnsettled(kept().read<Entry>(name), name));
}

/** Signed out, or told to forget: nothing stays. */
export async function forgetAll(): Promise<void> {
  drafts.clear();
  const before = kept();
  // What this page still holds goes nowhere any more, whatever it is about to write.
  vault = await Vault.open(memoryDisk());
  await before.forget();
}

/** How many acts the county hasn't received yet. */
export const unsent = (): number =>
  kept()
    .names(ENTRY)
    .filter((name) => ["saved", "sending"].includes(kept().read<Entry>(name)?.state ?? "")).length;

/** Whether anything of a shift is kept at all. */
export const holdsShift = (): boolean => kept().read(PICTURE) !== null || kept().read(PLACE) !== null || kept().names(DRAFT).length > 0;

function isUnsettled(entry: Entry | null, name: string): boolean {
  return entry !== null && name.startsWith(ENTRY) && (entry.state !== "received" || entry.warnings.length > 0);
}

// Earlier versions kept things readable: they are taken over or dropped, and then their places removed.

const EARLIER = ["session", "picture", "crew", "codes", "clock", "check_in"].map((name) => `crisis.phone.${name}`);
const EARLIER_OUTBOX = "crisis-outbox";

async function takeOver(): Promise<void> {
  for (const name of EARLIER) localStorage.removeItem(name);
  const known = (await indexedDB.databases?.().catch(() => [])) ?? [];
  if (!known.some((one) => one.name === EARLIER_OUTBOX)) return;
  try {
    for (const entry of await earlierEntries()) {
      if (entry.state !== "received") await kept().write(ENTRY + entry.key, entry);
    }
  } finally {
    indexedDB.deleteDatabase(EARLIER_OUTBOX);
  }
}

function earlierEntries(): Promise<readonly Entry[]> {
  return new Promise((resolve, reject) => {
    const opening = indexedDB.open(EARLIER_OUTBOX);
    opening.onerror = () => reject(opening.error ?? new Error("indexedDB"));
    opening.onsuccess = () => {
      const database = opening.result;
      if (!database.objectStoreNames.contains("entries")) {
        database.close();
        resolve([]);
        return;
      }
      const found = database.transaction("entries").objectStore("entries").getAll();
      found.onsuccess = () => {
        database.close();
        resolve(found.result as Entry[]);
      };
      found.onerror = () => reject(found.error ?? new Error("indexedDB"));
    };
  });
}
