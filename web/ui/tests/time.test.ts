import assert from "node:assert/strict";
import { test } from "node:test";
import { relative } from "../src/format.ts";
import { CountyClock, instant, minutesSeconds } from "../src/time.ts";

const BASE = instant("2026-03-02T08:00:00Z");
const text = (ms: number) => new Date(ms).toISOString();

test("county time goes on between two words of the server", () => {
  let mono = 0;
  const clock = new CountyClock(() => mono);
  clock.sync(text(BASE));
  mono = 4000;
  assert.equal(clock.now(), BASE + 4000);
});

test("jitter of a beat is not taken for another speed", () => {
  let mono = 0;
  const clock = new CountyClock(() => mono);
  clock.sync(text(BASE));
  mono = 10_400;
  clock.sync(text(BASE + 10_000));
  assert.equal(clock.speed, 1);
});

test("in a simulation county time runs as fast as the server says", () => {
  let mono = 0;
  const clock = new CountyClock(() => mono);
  clock.sync(text(BASE));
  mono = 10_000;
  clock.sync(text(BASE + 200_000));
  mono = 11_000;
  assert.equal(clock.speed, 20);
  assert.equal(clock.now(), BASE + 220_000);
});

test("a device that slept for an hour takes the hour for a leap, not for a speed", () => {
  let mono = 0;
  const clock = new CountyClock(() => mono);
  for (const second of [0, 10]) {
    mono = second * 1000;
    clock.sync(text(BASE + mono));
  }
  // Its counting stood still meanwhile.
  mono = 15_000;
  clock.sync(text(BASE + 15_000 + 3_600_000));
  mono = 20_000;
  assert.equal(clock.speed, 1);
  assert.equal(clock.now(), BASE + 20_000 + 3_600_000);
});

test("a device that fell asleep just after a word knows the time with the next one", () => {
  let mono = 0;
  const clock = new CountyClock(() => mono);
  clock.sync(text(BASE));
  mono = 800;
  clock.sync(text(BASE + 3_600_000));
  assert.equal(clock.now(), BASE + 3_600_000);
});

test("a speed that changed is followed once it lasts", () => {
  let mono = 0;
  let county = BASE;
  const clock = new CountyClock(() => mono);
  clock.sync(text(county));
  for (const rate of [1, 20, 20]) {
    mono += 10_000;
    county += 10_000 * rate;
    clock.sync(text(county));
  }
  assert.equal(clock.speed, 20);
});

test("timers show minutes and seconds, and a minus once they are over", () => {
  assert.equal(minutesSeconds(754_000), "12:34");
  assert.equal(minutesSeconds(3_754_000), "1:02:34");
  assert.equal(minutesSeconds(-61_000), "−1:01");
});

test("relative times count from the county's now", () => {
  assert.equal(relative(BASE - 180_000, BASE), "3 min. ago");
});
