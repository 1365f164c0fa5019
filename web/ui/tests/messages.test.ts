import assert from "node:assert/strict";
import { test } from "node:test";
import { fill, wanted } from "../src/i18n.ts";

test("a message counts in the grammar of its language", () => {
  const teams = { one: "{n} team", other: "{n} teams" };
  assert.equal(fill(teams, { n: 1 }, "en"), "1 team");
  assert.equal(fill(teams, { n: 1234 }, "en"), "1,234 teams");
  assert.equal(fill({ other: "{n} đội" }, { n: 1 }, "vi"), "1 đội");
});

test("the person's choice on the device counts before the browser's languages", () => {
  assert.equal(wanted(["vi-VN", "en"], null), "vi");
  assert.equal(wanted(["vi-VN", "en"], "es"), "es");
  assert.equal(wanted(["fr", "de"], null), "en");
});
