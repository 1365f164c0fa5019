import assert from "node:assert/strict";
import { test } from "node:test";
import { effect } from "@preact/signals";
import { AT, Stage } from "./live_kit.ts";

const team = (id: string, more: object = {}) => ({ k: "team", id, call_sign: id, agency_id: "a", duty: "available", status: "available", ...more });
const incident = (id: string) => ({ k: "incident", id, number: 1, phase: "waiting", state: "open", version: 1, received_at: AT });

test("it says hello with a ticket and shows the snapshot with every field", async () => {
  const stage = new Stage();
  await stage.begin(10, [team("b1"), incident("i1")]);
  assert.deepEqual(stage.socket.sent[0], { t: "hello", county: 6001, view: "desk", ticket: "t" });
  assert.equal(stage.live.freshness.value.state, "live");
  assert.deepEqual(stage.live.of("incident").all.value.get("i1")?.offers, []);
  assert.equal(stage.live.of("team").all.value.get("b1")?.overtime, false);
});

test("changes replace and remove, and tell only the rows that they touch", async () => {
  const stage = new Stage();
  await stage.begin(10, [team("b1"), team("b2")]);
  const drawn: string[] = [];
  effect(() => void drawn.push(`b1 ${stage.live.of("team").at("b1").value?.status}`));
  effect(() => void drawn.push(`b2 ${stage.live.of("team").at("b2").value?.status}`));
  stage.socket.say({ t: "changes", seq: 11, mark: 11000, prev: 10, up: [team("b1", { status: "offered" })], rm: [] });
  stage.socket.say({ t: "changes", seq: 12, mark: 12000, prev: 11, up: [], rm: [["team", "b2"], ["incident", "unknown"]] });
  assert.deepEqual(drawn, ["b1 available", "b2 available", "b1 offered", "b2 undefined"]);
  assert.equal(stage.live.seq.value, 12);
});

test("a gap is never shown: it begins anew", async () => {
  const stage = new Stage();
  await stage.begin(10, [team("b1")]);
  stage.socket.say({ t: "changes", seq: 13, mark: 13000, prev: 12, up: [team("b1", { status: "offered" })], rm: [] });
  assert.equal(stage.live.of("team").all.value.get("b1")?.status, "available");
  assert.equal(stage.live.freshness.value.state, "stale");
  await stage.pass(1);
  stage.open(13);
  assert.equal("last_seq" in (stage.socket.sent[0] ?? {}), false);
  assert.equal(stage.sockets.length, 2);
});

test("what the client knows already may come again", async () => {
  const stage = new Stage();
  await stage.begin(10);
  stage.socket.say({ t: "beat", seq: 20, mark: 20000, at: AT, age_s: 0.2, trouble: "" });
  stage.socket.say({ t: "changes", seq: 21, mark: 21000, prev: 15, up: [team("b1")], rm: [] });
  assert.equal(stage.live.freshness.value.state, "live");
  assert.equal(stage.live.of("team").all.value.size, 1);
});

test("after a restart of the server it resumes from the last beat", async () => {
  const stage = new Stage();
  await stage.begin(10);
  stage.socket.say({ t: "beat", seq: 17, mark: 17000, at: AT, age_s: 0.2, trouble: "" });
  stage.socket.end(1012);
  assert.equal(stage.live.freshness.value.state, "stale");
  await stage.pass(1000);
  stage.open(17);
  const hello = stage.socket.sent[0];
  assert.deepEqual([hello?.["epoch"], hello?.["last_seq"], hello?.["mark"]], ["e1", 17, 17000]);
  stage.socket.say({ t: "changes", seq: 17, mark: 17000, prev: 17, up: [], rm: [] });
  assert.equal(stage.live.freshness.value.state, "live");
});

test("a node that hears nothing of its database is not live, and says since when", async () => {
  const stage = new Stage();
  await stage.begin(10);
  stage.now += 20_000;
  stage.socket.say({ t: "beat", seq: 10, mark: 10000, at: AT, age_s: 6.5, trouble: "database_silent" });
  assert.deepEqual(stage.live.freshness.value, { state: "stale", since: stage.now - 6500 });
  assert.equal(stage.live.trouble.value, "database_silent");
  stage.socket.say({ t: "beat", seq: 10, mark: 10000, at: AT, age_s: 0.4, trouble: "" });
  assert.equal(stage.live.freshness.value.state, "live");
  assert.equal(stage.live.trouble.value, "");
});

test("pauses between tries grow to fifteen seconds and are drawn by lot", async () => {
  const stage = new Stage();
  await stage.begin();
  for (let turn = 0; turn < 8; turn++) {
    stage.socket.end(1006);
    await stage.pass(16_000);
  }
  const longest = stage.pauses.map((pause) => Math.round(pause / 0.85));
  assert.deepEqual(longest, [500, 1000, 2000, 4000, 8000, 15_000, 15_000, 15_000]);
});

test("too slow once: again at once; twice without a word between: with a pause", async () => {
  const stage = new Stage();
  await stage.begin();
  stage.socket.end(4409);
  await stage.pass(0);
  stage.socket.end(4409);
  assert.equal(stage.pauses[0], 0);
  assert.ok((stage.pauses[1] ?? 0) >= 500);
});

test("4401 ends at signing in, 4403 at the reason, and neither tries again", async () => {
  for (const [code, reason, state] of [
    [4401, "", "signed_out"],
    [4403, "no_team", "stopped"],
    [4400, "", "stopped"],
  ] as const) {
    const stage = new Stage();
    await stage.begin();
    stage.socket.end(code, reason);
    await stage.pass(60_000);
    assert.equal(stage.live.freshness.value.state, state);
    assert.equal(stage.sockets.length, 1);
  }
});

test("no ticket means signed out; nobody to ask means trying again", async () => {
  const stage = new Stage();
  stage.ticket = () => Promise.reject(new Error("network"));
  stage.live.start();
  const states = [stage.live.freshness.value.state];
  await stage.pass(400);
  states.push(stage.live.freshness.value.state);
  assert.deepEqual(states, ["connecting", "stale"]);
  stage.ticket = () => Promise.resolve(null);
  await stage.pass(1000);
  assert.equal(stage.live.freshness.value.state, "signed_out");
});

test("after 25 silent seconds the board is stale since the last word, and connects again", async () => {
  const stage = new Stage();
  await stage.begin();
  const heard = stage.now;
  await stage.pass(24_000);
  assert.equal(stage.live.freshness.value.state, "live");
  await stage.pass(2_500);
  assert.deepEqual(stage.live.freshness.value, { state: "stale", since: heard });
  await stage.pass(1000);
  assert.equal(stage.sockets.length, 2);
});

test("a late word of an old connection is not heard", async () => {
  const stage = new Stage();
  await stage.begin(10);
  const old = stage.socket;
  old.end(1006);
  await stage.pass(1000);
  old.say({ t: "snapshot", seq: 99, up: [team("ghost")] });
  assert.equal(stage.live.of("team").all.value.size, 0);
});

test("without a network it says so, and tries at once when that is back", async () => {
  const stage = new Stage();
  await stage.begin();
  stage.isOnline = false;
  stage.socket.end(1006);
  assert.equal(stage.live.freshness.value.state, "offline");
  stage.isOnline = true;
  stage.live.wake();
  await stage.pass(0);
  assert.equal(stage.sockets.length, 2);
});

test("the same alert again is one alert and rings once", async () => {
  const stage = new Stage();
  await stage.begin();
  let rings = 0;
  stage.live.onAlert(() => rings++);
  const alert = { t: "alert", template: "offer", number: 7, urgency: "now", at: AT, key: "k1" };
  stage.socket.say(alert);
  stage.socket.say(alert);
  assert.equal(rings, 1);
  assert.equal(stage.live.alerts.value.length, 1);
});

test("a team that goes off shift leaves the map", async () => {
  const stage = new Stage();
  await stage.begin(10, [team("b1")]);
  stage.socket.say({ t: "fixes", at: AT, f: [["b1", 38.5, -121.4, 12, AT, null]] });
  assert.equal(stage.live.fixes.all.value.get("b1")?.accuracy_m, 12);
  stage.socket.say({ t: "changes", seq: 11, mark: 11000, prev: 10, up: [team("b1", { duty: "off_shift", status: "off_shift" })], rm: [] });
  assert.equal(stage.live.fixes.all.value.size, 0);
});

test("signs of life go out at most each minute", async () => {
  const stage = new Stage();
  await stage.begin();
  stage.live.here();
  stage.live.here();
  assert.equal(stage.socket.sent.filter((one) => one["t"] === "here").length, 1);
});

test("it can be started again after it was stopped for want of a team", async () => {
  const stage = new Stage();
  await stage.begin();
  stage.socket.end(4403, "no_team");
  stage.live.start();
  await stage.pass(0);
  assert.equal(stage.sockets.length, 2);
});

test("begun without a network it says so at once", () => {
  const stage = new Stage();
  stage.isOnline = false;
  stage.live.start();
  assert.equal(stage.live.freshness.value.state, "offline");
});
