import assert from "node:assert/strict";
import { test } from "node:test";
import { fromLocal, lastTime, localTime, nextTime } from "../src/board/local.ts";
import { clearPaper, edit, enter, instants, lacking, paper } from "../src/board/paper.ts";
import { warningsIn } from "../src/board/told.ts";
import { Refusal, type Api } from "../src/api.ts";

const iso = (at: number | null) => (at === null ? null : new Date(at).toISOString());
const at = (text: string) => Date.parse(text);

test("a typed time is the county's, in summer and in winter", () => {
  assert.equal(iso(fromLocal("2026-07-01T03:05")), "2026-07-01T10:05:00.000Z");
  assert.equal(iso(fromLocal("2026-12-01T03:05")), "2026-12-01T11:05:00.000Z");
  assert.equal(localTime(at("2026-12-01T11:05:00Z")), "2026-12-01T03:05");
  assert.equal(fromLocal("tomorrow"), null);
});

test("of the hour that comes twice the first is meant, and one that is left out is read", () => {
  assert.equal(iso(fromLocal("2026-11-01T01:30")), "2026-11-01T08:30:00.000Z");
  assert.equal(iso(fromLocal("2026-03-08T02:30")), "2026-03-08T10:30:00.000Z");
});

test("what is told of is the latest such time, yesterday's before midnight has passed long", () => {
  const now = at("2026-12-02T08:10:00Z");
  assert.equal(iso(lastTime("00:05", now)), "2026-12-02T08:05:00.000Z");
  assert.equal(iso(lastTime("23:50", now)), "2026-12-02T07:50:00.000Z");
  assert.equal(lastTime("", now), null);
  // The day of 25 hours, late in the evening, and the one after that of 23, early in the morning.
  assert.equal(iso(lastTime("23:50", Date.parse("2026-11-02T07:30:00Z"))), "2026-11-01T06:50:00.000Z");
  assert.equal(iso(lastTime("23:50", Date.parse("2026-03-09T07:30:00Z"))), "2026-03-09T06:50:00.000Z");
});

test("what comes next is the next such time, past midnight too", () => {
  const after = at("2026-12-02T07:50:20Z");
  assert.equal(iso(nextTime("23:50", after)), "2026-12-02T07:50:20.000Z");
  assert.equal(iso(nextTime("00:20", after)), "2026-12-02T08:20:00.000Z");
});

test("a paper says what it lacks, and each of its times follows the one before", () => {
  clearPaper();
  edit({ number: "P1", received: "2026-12-01T23:50", acuity: "urgent", team: "t", decided: "23:55", accepted: "23:58", enRoute: "00:02" });
  assert.deepEqual(lacking(paper.value), ["why", "outcome"]);
  edit({ why: "power_outage", outcome: "team" });
  assert.deepEqual(lacking(paper.value), ["onScene", "cleared"]);
  assert.equal(iso(instants(paper.value).enRoute), "2026-12-02T08:02:00.000Z");
  edit({ outcome: "no_dispatch" });
  assert.deepEqual(lacking(paper.value), ["noDispatch"]);
  edit({ outcome: "unserved" });
  assert.deepEqual(lacking(paper.value), ["unserved"]);
  edit({ outcome: "no_dispatch", noDispatchReason: "resolved_by_phone" });
  assert.deepEqual(lacking(paper.value), []);
});

test("a paper that is refused half way goes on from there, and enters nothing twice", async () => {
  clearPaper();
  edit({ number: "P1", why: "system_outage", outcome: "team", received: "2026-12-01T20:00", acuity: "urgent", team: "t", decided: "20:05", accepted: "20:10", enRoute: "20:12", onScene: "20:30", cleared: "21:10" });
  const sent: string[] = [];
  let isBusy = true;
  const api = {
    call: async (operation: { name: string }) => {
      sent.push(operation.name);
      if (operation.name === "enterAssignment" && isBusy) throw new Refusal({ type: "", title: "", status: 409, code: "shift_unknown", detail: "", facts: {} });
      return { seq: 1, result: { incident_id: "i", number: 7, assignment_id: "a", warnings: operation.name === "enterAssignment" ? [{ sentence: "lacks" }] : [] } };
    },
  } as unknown as Api;
  await assert.rejects(enter(api, { contacted: false }), Refusal);
  assert.equal(paper.value.number, "P1");
  isBusy = false;
  const entered = await enter(api, { contacted: false });
  assert.deepEqual(entered, { id: "i", number: 7, paper: "P1", warnings: ["lacks"] });
  assert.deepEqual(sent, ["openIncident", "determine", "enterAssignment", "enterAssignment", "closeIncident"]);
  assert.equal(paper.value.number, "");
});

test("only warnings with words are told", () => {
  assert.deepEqual(warningsIn({ seq: 1, result: { warnings: [{ code: "x", sentence: "Read this." }, { code: "y" }] } }), ["Read this."]);
  assert.deepEqual(warningsIn({ seq: 1, result: {} }), []);
});
