import assert from "node:assert/strict";
import { test } from "node:test";
import { Unreachable, type Api } from "../src/api.ts";
import { draft, edit, readPoint, send } from "../src/board/draft.ts";
import { byUrgency, held, passes, phaseSince } from "../src/board/order.ts";
import type { IncidentView } from "../src/wire.ts";

const at = (minute: number) => `2026-03-02T03:${String(minute).padStart(2, "0")}:00Z`;
const incident = (number: number, part: Partial<IncidentView> = {}): IncidentView =>
  ({
    k: "incident", id: `id${number}`, number, phase: "waiting", state: "determined", acuity: "urgent", needs: [], hazards: [], cell: null,
    received_at: at(0), due_at: at(40), first_on_scene_at: null, ended_at: null, waiting_since: at(0), owner: null, pending_owner: null, offers: [], runs: [], ...part,
  }) as unknown as IncidentView;
const sorted = (...all: IncidentView[]) => all.sort(byUrgency).map((one) => one.number);

test("the least time to the deadline stands first, then acuity, then age", () => {
  assert.deepEqual(sorted(incident(1, { due_at: at(50) }), incident(2, { due_at: at(5) })), [2, 1]);
  assert.deepEqual(sorted(incident(1), incident(2, { acuity: "emergent" })), [2, 1]);
  assert.deepEqual(sorted(incident(1, { received_at: at(9) }), incident(2, { received_at: at(3) })), [2, 1]);
});

test("stopped clocks stand below running ones and what nobody has decided, what has ended last", () => {
  const stopped = incident(1, { first_on_scene_at: at(1), due_at: at(2) });
  const ended = incident(2, { ended_at: at(1), due_at: at(1) });
  const undecided = incident(3, { due_at: null, acuity: null });
  assert.deepEqual(sorted(stopped, ended, undecided, incident(4)), [4, 3, 1, 2]);
});

test("nothing above the row under the cursor comes or goes while it is held", () => {
  assert.deepEqual(held(["a", "b", "c"], ["new", "a", "b", "c"], "b"), ["a", "b", "new", "c"]);
  assert.deepEqual(held(["a", "b", "c"], ["b", "c"], "b"), ["a", "b", "c"]);
  assert.deepEqual(held(["a", "b", "c"], ["c", "b", "a"], "b"), ["a", "b", "c"]);
  assert.deepEqual(held(["a", "b"], ["new", "a", "b"], null), ["new", "a", "b"]);
  assert.deepEqual(held(["a", "b"], ["new", "a"], "b"), ["new", "a"]);
});

test("time in phase counts from the newest offer or run", () => {
  const offers = [at(3), at(7)].map((offered_at) => ({ offered_at }));
  assert.equal(phaseSince(incident(1, { phase: "offered", offers: offers as never })), at(7));
  assert.equal(phaseSince(incident(1, { phase: "waiting", waiting_since: at(4) })), at(4));
});

test("a filter for what waits keeps what nobody has decided yet", () => {
  const waiting = { mine: false, waiting: true, text: "" };
  const words = () => "#1 Waiting for a team Home";
  assert.ok(passes(incident(1, { due_at: null, waiting_since: null }), waiting, "me", words));
  assert.ok(!passes(incident(1, { waiting_since: null }), waiting, "me", words));
  assert.ok(passes(incident(1), { mine: false, waiting: false, text: "home WAIT" }, "me", words));
  assert.ok(!passes(incident(1, { owner: "you" }), { mine: true, waiting: false, text: "" }, "me", words));
});

test("a point reads as it is typed or said, with or without the sign of the west", () => {
  assert.deepEqual(readPoint("38.58, -121.49"), { lat_deg: 38.58, lon_deg: -121.49 });
  assert.deepEqual(readPoint(" 38.58 121.49 "), { lat_deg: 38.58, lon_deg: -121.49 });
  assert.equal(readPoint("901 P St"), null);
  assert.equal(readPoint("98.5, -121"), null);
});

test("a try that nobody answered goes on with the same keys, and repeats nothing that is done", async () => {
  const sent: [string, string | undefined][] = [];
  let isDown = true;
  const api = {
    call: async (operation: { name: string }, given: { key?: string }) => {
      sent.push([operation.name, given.key]);
      if (operation.name === "determine" && isDown) throw new Unreachable("down");
      return { seq: 1, result: { call_id: "c", incident_id: "i", number: 7 } };
    },
  } as unknown as Api;
  edit({ address: "901 P St", acuity: "urgent" });
  await assert.rejects(send(api, "dispatch"), Unreachable);
  assert.equal(draft.value.address, "901 P St");
  isDown = false;
  assert.equal((await send(api, "dispatch")).id, "i");

  assert.deepEqual(sent.map(([name]) => name), ["offerCall", "openIncident", "determine", "determine"]);
  assert.equal(sent[2]?.[1], sent[3]?.[1]);
  assert.equal(draft.value.address, "");
});
