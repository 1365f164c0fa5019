import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { test } from "node:test";
import { h } from "preact";
import "../src/fields.ts";

test("whatever a person types into, on any page, the browser writes down nowhere", () => {
  for (const field of ["input", "textarea", "select"]) assert.equal((h(field, null).props as { autocomplete?: string }).autocomplete, "off");
  assert.equal((h("input", { autocomplete: "username" } as object).props as { autocomplete?: string }).autocomplete, "username");
  assert.equal("autocomplete" in h("button", null).props, false);
});

test("every page begins where that is set", () => {
  const src = new URL("../src/", import.meta.url);
  assert.match(readFileSync(new URL("start.tsx", src), "utf8"), /^import "\.\/fields\.ts";$/m);
  for (const page of readdirSync(src, { withFileTypes: true }).filter((one) => one.isDirectory())) {
    let source: string;
    try {
      source = readFileSync(new URL(`${page.name}/page.tsx`, src), "utf8");
    } catch {
      continue;
    }
    // The administration's pages are written by the server; its script draws no field.
    if (page.name !== "admin") assert.match(source, /from "\.\.\/start\.tsx"/, page.name);
  }
});
