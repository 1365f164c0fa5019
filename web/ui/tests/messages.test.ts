import assert from "node:assert/strict";
import { readdirSync } from "node:fs";
import { test } from "node:test";
import { fill, wanted, type Message } from "../src/i18n.ts";

const folder = new URL("../src/messages/", import.meta.url);
const areas = readdirSync(new URL("en/", folder));
const catalog = async (language: string, area: string) =>
  (await import(new URL(`${language}/${area}`, folder).href)).default as Record<string, Message>;
const placesOf = (message: Message) => {
  const text = typeof message === "string" ? message : message.other;
  return [...text.matchAll(/\{(\w+)\}/g)].map((found) => found[1]).sort();
};

for (const language of ["es", "vi"]) {
  for (const area of areas) {
    test(`${language} says everything that English says in ${area}, with the same places`, async () => {
      const english = await catalog("en", area);
      const other = await catalog(language, area);
      assert.deepEqual(Object.keys(other).sort(), Object.keys(english).sort());
      for (const [key, message] of Object.entries(english)) {
        assert.deepEqual(placesOf(other[key] as Message), placesOf(message), key);
      }
    });
  }
}

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
