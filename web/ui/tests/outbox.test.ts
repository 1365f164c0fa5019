import assert from "node:assert/strict";
import { test } from "node:test";
import { Refusal, Unreachable } from "../src/api.ts";
import { memoryShelf, Outbox, type Shelf } from "../src/outbox.ts";
import { raiseDuress, reportStatus } from "../src/wire.ts";
import { settle } from "./live_kit.ts";

interface Call {
  readonly name: string;
  readonly key: string;
  readonly body: Record<string, unknown>;
  readonly answer: (value: unknown) => void;
  readonly fail: (error: unknown) => void;
}

function phone(shelf: Shelf = memoryShelf(), account = "me") {
  const calls: Call[] = [];
  const pauses: (() => void)[] = [];
  let now = Date.parse("2026-03-02T08:00:00Z");
  const api = {
    call: (operation: { name: string }, given: { key?: string; body?: unknown }) =>
      new Promise((answer, fail) => {
        calls.push({ name: operation.name, key: given.key ?? "", body: given.body as Record<string, unknown>, answer, fail });
      }),
  };
  const outbox = new Outbox({
    api: api as never,
    shelf,
    account,
    county: 6001,
    operations: [reportStatus, raiseDuress],
    deviceNow: () => new Date((now += 1000)),
    pause: () => new Promise((over) => pauses.push(() => over(undefined))),
    random: () => 1,
  });
  return { outbox, calls, shelf, pauses };
}

const status = (assignment_id: string, word: "en_route" | "on_scene") => ({ path: { assignment_id }, body: { status: word }, lane: assignment_id });
const states = (outbox: Outbox) => outbox.entries.value.map((one) => one.state);
const refusal = (code: string, status = 409) => new Refusal({ type: "", title: "", status, code, detail: "No.", facts: {} });

test("what happened first is sent first, and says when it happened and when it was sent", async () => {
  const { outbox, calls } = phone();
  await outbox.start();
  await outbox.add(reportStatus, status("a", "en_route"));
  await outbox.add(reportStatus, status("a", "on_scene"));
  await settle();
  assert.deepEqual(calls.map((one) => one.body["status"]), ["en_route"]);
  assert.deepEqual(states(outbox), ["sending", "saved"]);
  const body = calls[0]?.body ?? {};
  assert.ok(String(body["occurred_at"]) < String(body["sent_at"]));
  calls[0]?.answer({ seq: 1, result: {} });
  await settle();
  assert.deepEqual(calls.map((one) => one.body["status"]), ["en_route", "on_scene"]);
  assert.deepEqual(states(outbox), ["received", "sending"]);
});

test("an alarm waits for nothing that hangs", async () => {
  const { outbox, calls } = phone();
  await outbox.start();
  await outbox.add(reportStatus, status("a", "en_route"));
  await outbox.add(raiseDuress, { path: undefined, body: {}, lane: "duress", urgent: true });
  await settle();
  assert.deepEqual(calls.map((one) => one.name), ["reportStatus", "raiseDuress"]);
});

test("an alarm goes out even if the device keeps nothing", async () => {
  const shelf = { ...memoryShelf(), put: () => Promise.reject(new Error("full")) };
  const { outbox, calls } = phone(shelf);
  await outbox.start();
  await outbox.add(raiseDuress, { path: undefined, body: {}, lane: "duress", urgent: true });
  await settle();
  assert.equal(calls.length, 1);
});

test("one assignment doesn't wait for another", async () => {
  const { outbox, calls } = phone();
  await outbox.start();
  await outbox.add(reportStatus, status("a", "en_route"));
  await outbox.add(reportStatus, status("b", "en_route"));
  await settle();
  assert.equal(calls.length, 2);
});

test("without an answer it stays saved, and goes again under the same key with a new sending time", async () => {
  const { outbox, calls } = phone();
  await outbox.start();
  await outbox.add(reportStatus, status("a", "en_route"));
  await settle();
  calls[0]?.fail(new Unreachable("network"));
  await settle();
  assert.deepEqual(states(outbox), ["saved"]);
  assert.equal(outbox.standing.value, "unreachable");
  outbox.wake();
  await settle();
  assert.equal(calls[1]?.key, calls[0]?.key);
  assert.equal(calls[1]?.body["occurred_at"], calls[0]?.body["occurred_at"]);
  assert.notEqual(calls[1]?.body["sent_at"], calls[0]?.body["sent_at"]);
});

test("what was refused says why, and the next goes on", async () => {
  const { outbox, calls } = phone();
  await outbox.start();
  await outbox.add(reportStatus, status("a", "en_route"));
  await outbox.add(reportStatus, status("a", "on_scene"));
  await settle();
  calls[0]?.fail(refusal("illegal_transition"));
  await settle();
  assert.deepEqual(states(outbox), ["refused", "sending"]);
  assert.equal(outbox.entries.value[0]?.refusal?.code, "illegal_transition");
});

test("a phone that was switched off in between sends what it had, and only its own person's", async () => {
  const shelf = memoryShelf();
  const before = phone(shelf);
  await before.outbox.start();
  await before.outbox.add(reportStatus, status("a", "en_route"));
  await settle();
  const other = phone(shelf, "somebody else");
  await other.outbox.start();
  await settle();
  assert.equal(other.calls.length, 0);
  const after = phone(shelf);
  await after.outbox.start();
  await settle();
  assert.equal(after.calls[0]?.key, before.calls[0]?.key);
});

test("signed out, everything stays until somebody signs in", async () => {
  const { outbox, calls } = phone();
  await outbox.start();
  await outbox.add(reportStatus, status("a", "en_route"));
  await settle();
  calls[0]?.fail(refusal("session_expired", 401));
  await settle();
  assert.deepEqual([states(outbox), outbox.standing.value], [["saved"], "signed_out"]);
  assert.equal(calls.length, 1);
});

test("what the county has is no longer kept on the phone", async () => {
  const { outbox, calls, shelf } = phone();
  await outbox.start();
  const key = await outbox.add(reportStatus, status("a", "en_route"));
  await settle();
  calls[0]?.answer({ seq: 1, result: {} });
  await settle();
  assert.deepEqual((await shelf.load())[0]?.body, {});
  await outbox.dismiss(key);
  assert.deepEqual(await shelf.load(), []);
});

test("once the network is back the alarm goes first, though it was raised last", async () => {
  const { outbox, calls } = phone();
  await outbox.start();
  await outbox.add(reportStatus, status("a", "en_route"));
  await outbox.add(reportStatus, status("b", "en_route"));
  await outbox.add(raiseDuress, { path: undefined, body: {}, lane: "duress", urgent: true });
  await settle();
  for (const call of calls.slice()) call.fail(new Unreachable("network"));
  await settle();
  const before = calls.length;
  outbox.wake();
  await settle();
  assert.deepEqual(calls.slice(before).map((one) => one.name), ["raiseDuress"]);
  calls[before]?.answer({ seq: 7, result: {} });
  await settle();
  assert.deepEqual(calls.slice(before).map((one) => one.name), ["raiseDuress", "reportStatus", "reportStatus"]);
});

test("what was received says up to where the county's log holds it, and still what it was", async () => {
  const { outbox, calls } = phone();
  await outbox.start();
  await outbox.add(reportStatus, { ...status("a", "en_route"), what: "en_route" });
  await settle();
  calls[0]?.answer({ seq: 12, result: {} });
  await settle();
  const [entry] = outbox.entries.value;
  assert.deepEqual([entry?.what, entry?.seq, entry?.body], ["en_route", 12, {}]);
});

test("a device that keeps nothing swallows nothing: it is sent from memory, and said so", async () => {
  const shelf = { ...memoryShelf(), put: () => Promise.reject(new Error("full")) };
  const { outbox, calls } = phone(shelf);
  await outbox.start();
  await outbox.add(reportStatus, status("a", "en_route"));
  await settle();
  assert.deepEqual([calls.length, outbox.forgets.value], [1, true]);
});

const held = (word: "en_route" | "on_scene") => ({ ...status("a", word), holdMs: 5000 });

test("what is held is sent once its moment is over, with the instant at which it was done", async () => {
  const { outbox, calls, pauses } = phone();
  await outbox.start();
  await outbox.add(reportStatus, held("en_route"));
  await settle();
  const at = outbox.entries.value[0]?.occurredAt;
  assert.deepEqual([calls.length, states(outbox)], [0, ["saved"]]);
  pauses[0]?.();
  await settle();
  assert.deepEqual([calls[0]?.body["occurred_at"], states(outbox)], [at, ["sending"]]);
});

test("what was taken back was never sent, and isn't after a restart", async () => {
  const { outbox, calls, pauses, shelf } = phone();
  await outbox.start();
  const key = await outbox.add(reportStatus, held("on_scene"));
  assert.equal(await outbox.takeBack(key), true);
  pauses[0]?.();
  outbox.wake();
  await settle();
  assert.deepEqual([calls.length, states(outbox), await shelf.load()], [0, [], []]);
});

test("what is on its way can't be taken back any more", async () => {
  const { outbox, calls } = phone();
  await outbox.start();
  const key = await outbox.add(reportStatus, held("on_scene"));
  outbox.letGo();
  await settle();
  assert.equal(await outbox.takeBack(key), false);
  assert.deepEqual([calls.length, states(outbox)], [1, ["sending"]]);
  calls[0]?.fail(new Unreachable("network"));
  await settle();
  // Nobody knows whether it arrived.
  assert.equal(await outbox.takeBack(key), false);
});

test("going on sends what is held, in order", async () => {
  const { outbox, calls } = phone();
  await outbox.start();
  await outbox.add(reportStatus, held("en_route"));
  await outbox.add(reportStatus, held("on_scene"));
  await settle();
  assert.deepEqual(calls.map((one) => one.body["status"]), ["en_route"]);
  calls[0]?.answer({ seq: 1, result: {} });
  await settle();
  assert.deepEqual(states(outbox), ["received", "saved"]);
  outbox.letGo();
  await settle();
  assert.deepEqual(calls.map((one) => one.body["status"]), ["en_route", "on_scene"]);
});

test("an alarm waits for nothing that is held, and what was held on a phone switched off is sent", async () => {
  const { outbox, calls, shelf } = phone();
  await outbox.start();
  await outbox.add(reportStatus, held("en_route"));
  await outbox.add(raiseDuress, { path: undefined, body: {}, lane: "duress", urgent: true, holdMs: 5000 });
  await settle();
  assert.deepEqual(calls.map((one) => one.name), ["raiseDuress"]);
  calls[0]?.answer({ seq: 1, result: {} });
  await settle();
  const after = phone(shelf);
  await after.outbox.start();
  await settle();
  assert.deepEqual(after.calls.map((one) => one.name), ["reportStatus"]);
});

test("a device that can't forget what was taken back sends it, and says so", async () => {
  const shelf = { ...memoryShelf(), remove: () => Promise.reject(new Error("broken")) };
  const { outbox, calls } = phone(shelf);
  await outbox.start();
  const key = await outbox.add(reportStatus, held("en_route"));
  assert.equal(await outbox.takeBack(key), false);
  await settle();
  assert.deepEqual([calls.length, states(outbox)], [1, ["sending"]]);
});

test("what was refused keeps what was typed, through a restart, until it was read", async () => {
  const shelf = memoryShelf();
  const before = phone(shelf);
  await before.outbox.start();
  const key = await before.outbox.add(reportStatus, { path: { assignment_id: "a" }, body: { status: "staged", staging_place: "behind the school" }, lane: "a" });
  await settle();
  before.calls[0]?.fail(refusal("settled"));
  await settle();
  const after = phone(shelf);
  await after.outbox.start();
  assert.deepEqual(after.outbox.entries.value[0]?.body, { status: "staged", staging_place: "behind the school" });
  await after.outbox.dismiss(key);
  assert.deepEqual(await shelf.load(), []);
});

test("what was refused goes again as another act, of the same instant", async () => {
  const { outbox, calls } = phone();
  await outbox.start();
  const key = await outbox.add(reportStatus, status("a", "en_route"));
  await settle();
  calls[0]?.fail(refusal("settled"));
  await settle();
  await outbox.again(key);
  await settle();
  assert.deepEqual(calls.map((one) => one.body["status"]), ["en_route", "en_route"]);
  assert.notEqual(calls[1]?.key, calls[0]?.key);
  assert.equal(calls[1]?.body["occurred_at"], calls[0]?.body["occurred_at"]);
  assert.deepEqual(states(outbox), ["sending"]);
});

test("what the county warned of stays until it was read, however much is said after it", async () => {
  const shelf = memoryShelf();
  const { outbox, calls } = phone(shelf);
  await outbox.start();
  const warned = { code: "plan_missing", sentence: "No safety plan is recorded." };
  const key = await outbox.add(reportStatus, status("a", "en_route"));
  await settle();
  calls[0]?.answer({ seq: 1, result: { warnings: [warned] } });
  await settle();
  for (let n = 1; n <= 40; n++) {
    await outbox.add(reportStatus, status("a", "on_scene"));
    await settle();
    calls[n]?.answer({ seq: n + 1, result: {} });
    await settle();
  }
  const again = phone(shelf);
  await again.outbox.start();
  assert.deepEqual(again.outbox.entries.value.find((one) => one.key === key)?.warnings, [warned]);
  await again.outbox.heed(key);
  assert.deepEqual(again.outbox.entries.value.find((one) => one.key === key)?.warnings, []);
});
