import assert from "node:assert/strict";
import { test } from "node:test";
import type { Entry } from "../src/outbox.ts";
import { isAhead, OPERATIONS, others, shownDuty, shownRun } from "../src/phone/acts.ts";
import { atLeast, begin, BLANK, encounters } from "../src/phone/ending.ts";
import { mapLink, metres, wind } from "../src/phone/place.ts";
import { mayGoAgain, needs911, saidIn } from "../src/phone/said.ts";
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
  warnings: [],
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

const ENDINGS: Record<string, Record<string, string>> = {
  medical_ed: { contacted: "must", transport: "must", destination: "must" },
  not_found: { contacted: "never", hold: "never", transport: "never", destination: "never", plan: "never" },
};

test("nothing is answered before it was asked", () => {
  const [told] = encounters([{ ...BLANK, disposition: "deceased" }], [], (code) => ({ code, flags: [], attributes: { hold: "never" } }));
  assert.equal(told?.contacted, null);
  assert.equal(told?.naloxone_given, "not_asked");
  assert.equal(told?.has_plan_to_notify, null);
});

test("of each person of whom something was said the county is told, by the one that it knows", () => {
  const draft = begin("run", 2);
  assert.equal(draft.people.length, 2);
  const people = [
    { ...BLANK, disposition: "medical_ed", transport: "ems", destination: " Highland ", hold: "w5150", law_enforcement: "standby", reports: ["child_abuse"] },
    BLANK,
    { ...BLANK, disposition: "not_found", noPlan: "declined", hold: "w5150", transport: "ems" },
  ];
  const told = encounters(people, ["first", "second"], (code) => ({ code, flags: [], attributes: ENDINGS[code] ?? {} }));
  assert.deepEqual(
    told.map((one) => [one.subject_id, one.disposition, one.contacted, one.transport, one.destination, one.hold, one.plan_exception, one.law_enforcement, one.mandated_reports]),
    [
      ["first", "medical_ed", true, "ems", "Highland", "w5150", null, "standby", ["child_abuse"]],
      [null, "not_found", false, null, null, null, null, null, []],
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

const REFUSED = { type: "", title: "", status: 409, code: "settled", detail: "", facts: {} };
const inWords = (set: string, code: string): string => `${set}:${code}`;

test("of every act that may wait on a phone, what was typed can be read again", () => {
  const typed: Readonly<Record<string, readonly [Record<string, unknown>, readonly string[]]>> = {
    acceptOffer: [{}, []],
    acknowledgeHazards: [{ version: 3 }, []],
    addNote: [{ text: "Kim took 40 mg." }, ["Kim took 40 mg."]],
    amendIncident: [{ add_hazards: [{ code: "weapon", source: "team" }] }, ["hazard:weapon"]],
    clearAssignment: [
      { encounters: [{ subject_id: "7f3a1f2e-0000-4000-8000-00000000dead", disposition: "medical_ed", transport: "ems", destination: "Highland", note: "Said no.", mandated_reports: ["child_abuse"] }], ready: true },
      ["disposition:medical_ed", "transport_mode:ems", "Highland", "Said no.", "mandated_report_kind:child_abuse"],
    ],
    completeObligation: [{ outcome: "done", mode: "onsite" }, []],
    declineOffer: [{ reason: "vehicle" }, ["decline_reason:vehicle"]],
    endShift: [{ reason: "early" }, ["shift_end_reason:early"]],
    exceptObligation: [{ reason: "declined" }, ["obligation_exception:declined"]],
    raiseDuress: [{ cause: "button", team_id: null }, []],
    recordAttempt: [{ mode: "telehealth_audio" }, []],
    reportStatus: [{ status: "staged", staging_reason: "weapon" }, ["staging_reason:weapon"]],
    requestPartner: [{ kind: "ems", reason: "medical" }, ["partner_kind:ems", "partner_reason:medical"]],
    setDuty: [{ duty: "unavailable", reason: "break" }, ["unavailable_reason:break"]],
    startTeamShift: [{ ends_at: "2026-03-02T20:00:00Z", crew: [{ responder_id: "7f3a1f2e-0000-4000-8000-00000000dead" }] }, []],
  };
  assert.deepEqual(OPERATIONS.map((one) => one.name).sort(), Object.keys(typed).sort());
  for (const [operation, [body, said]] of Object.entries(typed)) {
    assert.deepEqual(saidIn(entry(operation, "", "refused", { body, refusal: REFUSED }), inWords), said, operation);
  }
});

test("for every act that may wait on a phone there are words for its refusal, in each language", async () => {
  for (const language of ["en", "es", "vi"]) {
    const words = ((await import(`../src/messages/${language}/phone.ts`)) as { default: Record<string, unknown> }).default;
    for (const { name } of OPERATIONS) assert.ok(typeof words[`undone_${name}`] === "string" && typeof words[name === "reportStatus" ? "sent_title" : `act_${name}`] === "string", `${language} ${name}`);
  }
});

test("an offer that is gone isn't answered again, and a kept report isn't told twice", () => {
  const again = (operation: string, code = "settled") => mayGoAgain(entry(operation, "", "refused", { refusal: { ...REFUSED, code } }));
  assert.deepEqual([again("acceptOffer"), again("addNote"), again("reportStatus", "disputed")], [false, true, false]);
  assert.ok(needs911(entry("requestPartner", "ems", "refused")));
});
