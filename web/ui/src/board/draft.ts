// What is being taken down from a caller. It lives in memory, apart from form and socket: a lost
// connection or a closed panel loses nothing, and what was sent already is not sent twice.

import { signal } from "@preact/signals";
import { newKey, Refusal, Unreachable, type Api } from "../api.ts";
import {
  amendIncident,
  determine,
  offerCall,
  openIncident,
  type Acuity,
  type Answer,
  type CallView,
  type HazardToldSent,
  type NeedSent,
  type OpenIncidentBody,
  type PartnerAdvice,
  type Point,
} from "../wire.ts";
import { warningsIn } from "./told.ts";

export interface Draft {
  /** The call on the line that it is taken from; `null` = one is recorded with it. */
  readonly callId: string | null;
  readonly channel: string;
  readonly referral: string;
  readonly callerName: string;
  readonly callback: string;
  readonly relation: string;
  readonly safeToCall: Answer;
  readonly safeToText: Answer;
  readonly address: string;
  readonly access: string;
  readonly point: string;
  readonly locationType: string | null;
  readonly concerns: readonly string[];
  readonly narrative: string;
  readonly screening: Readonly<Record<string, Answer>>;
  readonly acuity: Acuity | null;
  readonly needs: readonly NeedSent[];
  readonly hazards: readonly string[];
  /** Why a team goes: a code, and words. */
  readonly reason: string;
  readonly rationale: string;
  /** Whom to ask with the decision, before anything else. */
  readonly asksFirst: PartnerAdvice | null;
  readonly noDispatchReason: string | null;
  readonly handoffTo: string | null;
  /** What is done already, so that another try goes on from there. */
  readonly done: { readonly callId?: string; readonly incidentId?: string; readonly number?: number; readonly version?: number };
  readonly keys: { readonly call: string; readonly open: string; readonly decide: string };
}

const blank = (call: CallView | null): Draft => ({
  callId: call?.id ?? null,
  channel: call?.channel ?? "unknown",
  referral: call?.referral_source ?? "unknown",
  callerName: "",
  callback: "",
  relation: "unknown",
  safeToCall: "not_asked",
  safeToText: "not_asked",
  address: "",
  access: "",
  point: "",
  locationType: null,
  concerns: [],
  narrative: "",
  screening: {},
  acuity: null,
  needs: [],
  hazards: [],
  reason: "",
  rationale: "",
  asksFirst: null,
  noDispatchReason: null,
  handoffTo: null,
  done: {},
  keys: { call: newKey(), open: newKey(), decide: newKey() },
});

export const draft = signal<Draft>(blank(null));

export const edit = (part: Partial<Draft>): void => {
  draft.value = { ...draft.peek(), ...part };
};

const isEmpty = (one: Draft): boolean =>
  one.address === "" && one.narrative === "" && one.point === "" && one.acuity === null && one.callback === "" && one.callerName === "";

/** Begin one for a call; what was typed already is kept and joined to it. */
export function startDraft(call: CallView | null): void {
  const now = draft.peek();
  if (isEmpty(now)) draft.value = blank(call);
  else if (call !== null && now.done.incidentId === undefined) edit({ callId: call.id });
}

export function clearDraft(): void {
  draft.value = blank(null);
}

/** Read "38.58, -121.49"; `null` = that is no point. */
export function readPoint(text: string): Point | null {
  const found = /^\s*([+\-−]?\d{1,2}(?:\.\d+)?)\s*[, ;]\s*([+\-−]?\d{1,3}(?:\.\d+)?)\s*$/.exec(text);
  if (found === null) return null;
  const [lat, lon] = [found[1], found[2]].map((part) => Number((part ?? "").replace("−", "-")));
  if (lat === undefined || lon === undefined || Math.abs(lat) > 90 || Math.abs(lon) > 180) return null;
  // California lies west of Greenwich; the sign is left out when it is said aloud.
  return { lat_deg: lat, lon_deg: lon > 0 ? -lon : lon };
}

const given = (text: string): string | null => (text.trim() === "" ? null : text.trim());

export function openBody(one: Draft, callId: string | null): OpenIncidentBody {
  const hazards: HazardToldSent[] = one.hazards.map((code) => ({ code, source: "caller" }));
  return {
    call_id: callId,
    place: { address: given(one.address), access: given(one.access), point: readPoint(one.point), location_type: one.locationType },
    referral_source: one.referral,
    acuity: one.acuity,
    needs: one.needs,
    hazards,
    concerns: one.concerns,
    screening: one.screening,
    narrative: given(one.narrative),
  };
}

export type Decision = "dispatch" | "no_dispatch" | "later";

export interface Sent {
  readonly id: string;
  /** What the service warns of; it blocked nothing. */
  readonly warnings: readonly string[];
}

/**
 * Send it: the call where it isn't known yet, the incident, the decision; each once.
 *
 * Throws what the API throws; calling again goes on where it stopped.
 */
export async function send(api: Api, decision: Decision): Promise<Sent> {
  let now = draft.peek();
  let warnings: readonly string[] = [];
  // Opened by an earlier try: what was changed since goes with the decision.
  const isResumed = now.done.incidentId !== undefined;
  const step = async <A>(name: keyof Draft["keys"], run: (key: string) => Promise<A>): Promise<A> => {
    try {
      return await run(draft.peek().keys[name]);
    } catch (error) {
      // A refused act may be sent again with other words, and then needs another key.
      if (!(error instanceof Unreachable)) edit({ keys: { ...draft.peek().keys, [name]: newKey() } });
      // What colleagues changed meanwhile has now been seen: sent again, it is said over theirs.
      if (error instanceof Refusal && error.code === "stale_version") edit({ done: { ...draft.peek().done, version: Number(error.facts["version"]) } });
      throw error;
    }
  };
  if (now.callId === null && now.done.callId === undefined) {
    const caller = { name: given(now.callerName), callback: given(now.callback), relation: now.relation, safe_to_call: now.safeToCall, safe_to_text: now.safeToText };
    const body = { direction: "inbound", channel: now.channel, referral_source: now.referral, answered: true, caller } as const;
    const answer = await step("call", (key) => api.call(offerCall, { body, key }));
    edit({ done: { ...now.done, callId: String(answer.result["call_id"]) } });
    now = draft.peek();
  }
  if (now.done.incidentId === undefined) {
    const body = openBody(now, now.callId ?? now.done.callId ?? null);
    const answer = await step("open", (key) => api.call(openIncident, { body, key }));
    warnings = warningsIn(answer);
    edit({ done: { ...now.done, incidentId: String(answer.result["incident_id"]), number: Number(answer.result["number"]) } });
    now = draft.peek();
  }
  const incidentId = now.done.incidentId as string;
  const { place, acuity, needs, hazards, concerns, screening } = openBody(now, null);
  // As it was opened: what colleagues changed since is not overwritten.
  const changed = isResumed ? { version: now.done.version ?? 1, place: place ?? null, needs: needs ?? null, hazards: hazards ?? null, concerns: concerns ?? null, screening: screening ?? null } : {};
  const path = { incident_id: incidentId };
  if (decision === "later") {
    if (isResumed) warnings = warningsIn(await step("decide", (key) => api.call(amendIncident, { path, body: { acuity: acuity ?? null, ...changed }, key })));
  } else {
    const handoff = now.handoffTo === null ? null : { kind: now.handoffTo, handoff: true };
    const first = now.asksFirst === null ? null : { kind: now.asksFirst.kind, reason: now.asksFirst.reason, handoff: false };
    const body =
      decision === "dispatch"
        ? ({ decision, acuity: acuity ?? null, reason: now.reason || null, rationale: given(now.rationale), partner: first, ...changed } as const)
        : ({ decision, reason: now.noDispatchReason, partner: handoff ?? first, ...changed } as const);
    warnings = warningsIn(await step("decide", (key) => api.call(determine, { path, body, key })));
  }
  clearDraft();
  return { id: incidentId, warnings };
}
