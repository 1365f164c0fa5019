// The report's figures on the page: the same as in print and at the command line.

import assert from "node:assert/strict";
import { test } from "node:test";
import { minutesUp, percentText } from "../src/reports/figures.ts";

test("minutes are rounded up, so that a second too late never reads as the standard", () => {
  assert.equal(minutesUp(60 + 2 / 60), 60.1);
  assert.equal(minutesUp(60), 60);
  assert.equal(minutesUp(59.96), 60);
  assert.equal(minutesUp(38.11), 38.2);
  assert.equal(minutesUp(120.000_01), 120.1);
});

test("a rate is shown as it came", () => {
  assert.equal(percentText({ numerator: 2, denominator: 3, percent: 66.7 }), "66.7 %");
  assert.equal(percentText({ numerator: 9999, denominator: 10_000, percent: 99.9 }), "99.9 %");
});

test("every tenth from none to all reads on the page as at the command line and in files", () => {
  for (let tenths = 0; tenths <= 1000; tenths++) {
    const text = (tenths / 10).toFixed(1);
    assert.equal(percentText({ numerator: tenths, denominator: 1000, percent: Number(text) }), `${text} %`);
  }
});
