import assert from "node:assert/strict";
import { test } from "node:test";
import { left, relative, since } from "../src/format.ts";
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

test("an hour over the deadline is said in words that somebody reads at three in the morning", () => {
  const ago = (ms: number) => left(BASE - ms, BASE);
  assert.equal(ago(190_000), "−3:10");
  assert.equal(ago(3_600_000), "1 h 0 min over");
  assert.equal(ago(((48 * 60 + 48) * 60 + 59) * 1000), "2 d 0 h over");
  assert.equal(left(BASE + 727_000, BASE), "12:07");
  assert.equal(left(BASE + 100 * 60_000, BASE), "1 h 40 min");
  assert.equal(since(BASE - 25 * 3_600_000, BASE), "1 d 1 h");
});

test("what this device's clock showed is told in county time, also where the county runs faster", () => {
  let mono = 0;
  let device = BASE + 7_000_000;
  const clock = new CountyClock(() => mono, () => device);
  assert.equal(clock.ofDevice(device), device);
  clock.sync(text(BASE));
  mono += 10_000;
  device += 10_000;
  clock.sync(text(BASE + 200_000));
  assert.equal(clock.ofDevice(device), BASE + 200_000);
  assert.equal(clock.ofDevice(device - 3000), BASE + 140_000);
});

test("a page that starts without a network goes on with the county's time of the last one", () => {
  let mono = 0;
  let device = 5_000_000;
  const before = new CountyClock(() => mono, () => device);
  before.sync(text(BASE));
  mono = device = 10_000;
  before.sync(text(BASE + 200_000));
  const word = before.word();
  assert.ok(word);
  // The page is opened anew a minute later: its own counting begins at nothing.
  mono = 0;
  device += 60_000;
  const after = new CountyClock(() => mono, () => device);
  after.resume(word);
  assert.equal(after.now(), BASE + 200_000 + 60_000 * 20);
  // The first word of the server is a new start, and no measure of a speed.
  mono = 2000;
  after.sync(text(BASE + 5_000_000));
  assert.equal(after.now(), BASE + 5_000_000);
  assert.equal(after.speed, 20);
});
