// What a crew may say next, and what the screen shows of acts that the county hasn't shown yet.
//
// Pure: decides from the county's last word and the phone's outbox. Must not know the network.

import type { Entry } from "../outbox.ts";
import {
  acceptOffer,
  acknowledgeHazards,
  addNote,
  amendIncident,
  clearAssignment,
  completeObligation,
  declineOffer,
  endShift,
  exceptObligation,
  raiseDuress,
  recordAttempt,
  reportStatus,
  requestPartner,
  setDuty,
  startTeamShift,
  WAYS,
  type Duty,
  type RunView,
  type Status,
} from "../wire.ts";

/** So long what was tapped can be taken back, before anything of it is sent. */
export const HOLD_MS = 5000;

/** Everything that may wait on a phone. */
export const OPERATIONS = [
  acceptOffer,
  acknowledgeHazards,
  addNote,
  amendIncident,
  clearAssignment,
  completeObligation,
  declineOffer,
  endShift,
  exceptObligation,
  raiseDuress,
  recordAttempt,
  reportStatus,
  requestPartner,
  setDuty,
  startTeamShift,
] as const;

/** What else may be reported from here, beside the usual next one and what needs more to be said. */
export function others(status: Status): readonly Status[] {
  const { ahead, usual, needs } = WAYS[status];
  return ahead.filter((one) => one !== usual && needs[one] === undefined);
}

/** Whether an entry says something that the screen's picture of the county, as of `seq`, lacks. */
export function isAhead(entry: Entry, seq: number): boolean {
  if (entry.state === "received") return entry.seq === null || entry.seq > seq;
  return entry.state === "saved" || entry.state === "sending";
}

export interface ShownRun {
  readonly status: Status;
  /** What the county doesn't show yet; `null` = the status is the county's. */
  readonly ahead: Entry | null;
  /** Version of the incident that the crew has read, here or there. */
  readonly acknowledged: number;
}

/** The run as its crew has left it, whether or not the county knows yet. */
export function shownRun(run: RunView, entries: readonly Entry[], seq: number): ShownRun {
  let status = run.status;
  let ahead: Entry | null = null;
  let acknowledged = run.acknowledged;
  for (const entry of entries) {
    if (entry.path["assignment_id"] !== run.id || !isAhead(entry, seq)) continue;
    if (entry.operation === acknowledgeHazards.name) acknowledged = Math.max(acknowledged, Number(entry.what));
    if (entry.operation !== reportStatus.name && entry.operation !== clearAssignment.name) continue;
    status = entry.what as Status;
    ahead = entry;
  }
  return { status, ahead, acknowledged };
}

/** The team's duty as its crew has left it. */
export function shownDuty(duty: Duty, entries: readonly Entry[], seq: number): { duty: Duty; ahead: Entry | null } {
  let shown: { duty: Duty; ahead: Entry | null } = { duty, ahead: null };
  for (const entry of entries) {
    if (entry.operation === setDuty.name && isAhead(entry, seq)) {
      shown = { duty: entry.what.split(":")[0] as Duty, ahead: entry };
    }
  }
  return shown;
}

/** The newest entry about something, by the id in its path. */
export function newest(entries: readonly Entry[], operations: readonly { name: string }[], id: string): Entry | null {
  const names = operations.map((one) => one.name);
  return entries.findLast((one) => names.includes(one.operation) && Object.values(one.path).includes(id)) ?? null;
}
