import assert from "node:assert/strict";
import { test } from "node:test";
import type { Entry } from "../src/outbox.ts";
import { isAhead, others, shownDuty, shownRun } from "../src/phone/acts.ts";
import { atLeast, begin, BLANK, encounters } from "../src/phone/ending.ts";
import { mapLink, metres, wind } from "../src/phone/place.ts";
import type { RunView } from "../src/wire.ts";

const RUN = { id: "run", status: "en_route", acknowledged: 1 } as RunView;
let no = 0;
const entry = (operation: string, what: string, state: Entry["state"], more: Partial<Entry> = {}): Entry => ({
  key: String(++no),
  operation,
  path: { assignment_id: "run" },
  body: {},
  account: "me",
  county: 6001,
  lane: "run",
  urgent: false,
  occurredAt: "2026-03-02T08:00:00Z",
  countyAt: null,
  no,
  state,
  refusal: null,
  what,
  seq: null,
  answeredAt: null,
  heldUntil: null,
  ...more,
});

test("the screen shows what the crew said last, whether or not the county has heard it", () => {
  const said = [entry("reportStatus", "on_scene", "sending"), entry("reportStatus", "contact", "saved")];
  const shown = shownRun(RUN, said, 10);
  assert.deepEqual([shown.status, shown.ahead?.state], ["contact", "saved"]);
});

test("what was refused, or is another run's, shows nothing", () => {
  const said = [
    entry("reportStatus", "on_scene", "refused"),
    entry("reportStatus", "contact", "saved", { path: { assignment_id: "another" } }),
  ];
  assert.deepEqual(shownRun(RUN, said, 10), { status: "en_route", ahead: null, acknowledged: 1 });
});

test("between the county's answer and its picture the screen doesn't jump back", () => {
  const received = entry("reportStatus", "on_scene", "received", { seq: 12 });
  assert.equal(shownRun(RUN, [received], 11).status, "on_scene");
  // Later the desk may have set it otherwise: then the county's word counts.
  assert.equal(shownRun(RUN, [received], 12).status, "en_route");
  assert.equal(isAhead(received, 12), false);
});

test("hazards that were read without a network count as read here", () => {
  assert.equal(shownRun(RUN, [entry("acknowledgeHazards", "3", "saved")], 1).acknowledged, 3);
});

test("availability is shown as the crew left it", () => {
  const away = entry("setDuty", "unavailable:break", "saved", { path: { team_id: "t" } });
  assert.equal(shownDuty("available", [away], 1).duty, "unavailable");
  assert.equal(shownDuty("available", [], 1).ahead, null);
});

test("other statuses only lead forward, and leave out the usual next one", () => {
  assert.deepEqual(others("handed_off"), []);
  assert.deepEqual(others("on_scene"), ["assessed", "transporting", "at_destination", "handed_off"]);
  assert.ok(!others("staged").includes("on_scene"));
});

test("a place is so far away and in that direction", () => {
  const here = { lat: 38, lon: -121 };
  assert.ok(Math.abs(metres(here, { lat: 39, lon: -121 }) - 111_195) < 100);
  assert.equal(wind(here, { lat: 39, lon: -121 }), "n");
  assert.equal(wind(here, { lat: 38, lon: -122 }), "w");
  assert.equal(wind(here, { lat: 37.3, lon: -120.1 }), "se");
});

test("a map is opened in the way that the phone knows", () => {
  assert.equal(mapLink({ lat: 38.5, lon: -121.25 }, false), "geo:38.500000,-121.250000?q=38.500000,-121.250000");
  assert.equal(mapLink({ lat: 38.5, lon: -121.25 }, true), "maps:?daddr=38.500000,-121.250000");
});

test("of each person of whom something was said the county is told, by the one that it knows", () => {
  const draft = begin("run", 2);
  assert.equal(draft.people.length, 2);
  const people = [
    { ...BLANK, disposition: "medical_ed", transport: "ems", destination: " Highland ", hold: "w5150", law_enforcement: "standby", reports: ["child_abuse"] },
    BLANK,
    { ...BLANK, disposition: "not_found", contacted: false, plan: "", plan_exception: "declined" },
  ];
  const told = encounters(people, ["first", "second"], (code) => (code === "medical_ed" ? ["contacted", "transport"] : []));
  assert.deepEqual(
    told.map((one) => [one.subject_id, one.disposition, one.contacted, one.transport, one.destination, one.hold, one.plan_exception, one.law_enforcement, one.mandated_reports]),
    [
      ["first", "medical_ed", true, "ems", "Highland", null, null, "standby", ["child_abuse"]],
      [null, "not_found", false, null, null, null, "declined", null, []],
    ],
  );
});

test("an incident that knows of nobody yet still ends for somebody", () => {
  assert.equal(begin("run", 0).people.length, 1);
});

test("of whom the desk learnt meanwhile is asked too, and nothing said is lost", () => {
  const draft = { ...begin("run", 0), people: [{ ...BLANK, disposition: "medical_ed" }] };
  assert.deepEqual(atLeast(draft, 2).people.map((one) => one.disposition), ["medical_ed", ""]);
  assert.equal(atLeast(draft, 1), draft);
});
