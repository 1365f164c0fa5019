import assert from "node:assert/strict";
import { test } from "node:test";
import { formOf, onTop, toldBy } from "../src/board/telling.ts";
import type { IncidentView } from "../src/wire.ts";

const VIEW = {
  version: 3,
  acuity: "urgent",
  needs: [{ code: "youth", hard: false, team_id: null }],
  hazards: [
    { code: "animals", source: "caller", noted_at: null },
    { code: "weapon", source: "screening", noted_at: null },
  ],
} as unknown as IncidentView;

test("a form that was left as it was seen changes nothing", () => {
  assert.deepEqual(toldBy(formOf(VIEW)), { version: 3, add_needs: [], remove_needs: [], add_hazards: [], remove_hazards: [], screening: null });
});

test("only what was changed is sent, item by item", () => {
  const form = formOf(VIEW);
  const now = { acuity: "emergent" as const, needs: [{ code: "peer", hard: true, team_id: null }], hazards: ["needles"] };
  const told = toldBy({ ...form, now, answers: { weapon_on_scene: "no" } });
  assert.equal(told.acuity, "emergent");
  assert.deepEqual([told.add_needs, told.remove_needs], [[{ code: "peer", hard: true, team_id: null }], ["youth"]]);
  assert.deepEqual([told.add_hazards, told.remove_hazards], [[{ code: "needles", source: "dispatcher" }], ["animals"]]);
  assert.deepEqual(told.screening, { weapon_on_scene: "no" });
});

test("on top of what others changed only one's own changes stay", () => {
  const form = { ...formOf(VIEW), now: { ...formOf(VIEW).now, hazards: ["animals", "needles"] } };
  const theirs = { ...VIEW, version: 4, acuity: "emergent", hazards: [...VIEW.hazards, { code: "drug_lab", source: "team", noted_at: null }] } as unknown as IncidentView;
  const again = onTop(form, theirs);
  assert.equal(again.version, 4);
  assert.equal(again.now.acuity, "emergent");
  assert.deepEqual(again.now.hazards, ["animals", "drug_lab", "needles"]);
  assert.deepEqual(toldBy(again).add_hazards, [{ code: "needles", source: "dispatcher" }]);
});
