// Who is signed in, in which county, and what they may open.

import { signal } from "@preact/signals";
import { Api, Refusal } from "./api.ts";
import { CountyClock } from "./time.ts";
import { forgetDevice } from "./vault.ts";
import { COUNTY_NAMES, deleteSession, getSession, postSessionTicket, type Role, type WhoAmI } from "./wire.ts";

export const api = new Api();
export const clock = new CountyClock();

/** Whether they hold one of the roles. */
export const holds = (session: Session, roles: readonly Role[]): boolean => roles.some((role) => session.roles.includes(role));

export interface Session {
  readonly who: WhoAmI;
  readonly county: number;
  readonly countyName: string;
  readonly roles: readonly Role[];
}

/** Set before the first screen of every page but sign-in. */
export const session = signal<Session | null>(null);

const COUNTY_KEPT_UNDER = "crisis.county";

/** Go to the sign-in page, and come back here after it. */
export function goSignIn(): void {
  if (location.pathname === "/sign-in") return;
  location.assign(`/sign-in?next=${encodeURIComponent(location.pathname + location.search)}`);
}

/** Where to go after signing in: a path of ours, never another site's. */
export function nextPath(search: string, origin: string): string {
  const wanted = new URLSearchParams(search).get("next") ?? "/";
  try {
    const url = new URL(wanted, origin);
    // A path that begins with two slashes is another host.
    return wanted.startsWith("/") && url.origin === origin ? url.pathname + url.search : "/";
  } catch {
    return "/";
  }
}

/**
 * Ask who is signed in; `null` = the browser is on its way to the sign-in page.
 *
 * `signedOut`: hears whenever the session turns out to be over, instead of going there.
 * With several counties: the query's `county`, else the one used last on this device, else the first.
 */
export async function openSession(signedOut: (why: Refusal) => void = goSignIn): Promise<Session | null> {
  api.onSignedOut = signedOut;
  once.onSignedOut = signedOut;
  let who: WhoAmI;
  try {
    who = await api.call(getSession, {});
  } catch (error) {
    if (error instanceof Refusal && error.status === 401) return null;
    throw error;
  }
  const named = Number(new URLSearchParams(location.search).get("county") ?? localStorage.getItem(COUNTY_KEPT_UNDER));
  const grant = who.grants.find((one) => one.county_id === named) ?? who.grants[0];
  const county = grant?.county_id ?? 0;
  api.county = grant ? county : null;
  localStorage.setItem(COUNTY_KEPT_UNDER, String(county));
  const opened = { who, county, countyName: COUNTY_NAMES[county] ?? String(county), roles: grant?.roles ?? [] };
  session.value = opened;
  return opened;
}

/** Sign out: nothing that a phone kept for its crew stays in this browser. */
export async function signOut(forget: () => Promise<void> = forgetDevice, next = "/sign-in"): Promise<void> {
  await api.call(deleteSession, {});
  await forget();
  location.assign(next);
}

/** The live client has pauses of its own between tries. */
const once = new Api({ tries: 1 });

/** A ticket for the live socket; `null` = the session has ended. */
export async function liveTicket(): Promise<string | null> {
  try {
    return (await once.call(postSessionTicket, {})).ticket;
  } catch (error) {
    if (error instanceof Refusal && error.status === 401) return null;
    throw error;
  }
}
