// What a phone remembers so that it starts without a network: who works with it, and the last
// picture of the county. No names of people helped, addresses or exact places are ever in it.

import type { Session } from "../session.ts";
import type { ClockWord } from "../time.ts";
import type { DuressView, MemberView, ObligationView, ShiftView, TeamIncidentView, TeamView } from "../wire.ts";

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

const SESSION = "crisis.phone.session";
const PICTURE = "crisis.phone.picture";
const CREW = "crisis.phone.crew";
const CODES = "crisis.phone.codes";
const CLOCK = "crisis.phone.clock";
const CHECK_IN = "crisis.phone.check_in";

function read<T>(key: string): T | null {
  try {
    const text = localStorage.getItem(key);
    return text === null ? null : (JSON.parse(text) as T);
  } catch {
    return null;
  }
}

function write(key: string, value: unknown): void {
  try {
    localStorage.setItem(key, JSON.stringify(value));
  } catch {
    // A full device still works with what it hears.
  }
}

export const keptSession = (): Session | null => read<Session>(SESSION);
export const keepSession = (session: Session): void => write(SESSION, session);

interface Owned<T> {
  readonly account: string;
  readonly county: number;
  readonly value: T;
}
function own<T>(key: string, session: Session): T | null {
  const found = read<Owned<T>>(key);
  return found !== null && found.account === session.who.account_id && found.county === session.county ? found.value : null;
}
function keepOwn(key: string, session: Session, value: unknown): void {
  write(key, { account: session.who.account_id, county: session.county, value });
}

export const keptPicture = (session: Session): Picture | null => own<Picture>(PICTURE, session);
export const keepPicture = (session: Session, picture: Picture): void => keepOwn(PICTURE, session, picture);
export const forgetPicture = (): void => localStorage.removeItem(PICTURE);
export const keptCrew = (session: Session): LastCrew | null => own<LastCrew>(CREW, session);
export const keepCrew = (session: Session, crew: LastCrew): void => keepOwn(CREW, session, crew);

export const keptClock = (session: Session): ClockWord | null => own<ClockWord>(CLOCK, session);
export const keepClock = (session: Session, word: ClockWord): void => keepOwn(CLOCK, session, word);

/** A run's check-in, by which its crew answers also when it was missed and is in no picture any more. */
export interface CheckIn {
  readonly id: string;
  readonly assignment_id: string;
}
export const keptCheckIn = (session: Session): CheckIn | null => own<CheckIn>(CHECK_IN, session);
export const keepCheckIn = (session: Session, one: CheckIn): void => keepOwn(CHECK_IN, session, one);

/** Code set → code → label and flags, of the county's day; public words only. */
export type CodeBook = Readonly<Record<string, readonly { readonly code: string; readonly label: string; readonly flags: readonly string[] }[]>>;
export const keptCodes = (): CodeBook | null => read<CodeBook>(CODES);
export const keepCodes = (codes: CodeBook): void => write(CODES, codes);

/** Signing out leaves nothing behind but what has still to be sent. */
export function forgetAll(): void {
  for (const key of [SESSION, PICTURE, CREW, CLOCK, CHECK_IN]) localStorage.removeItem(key);
}
