import assert from "node:assert/strict";
import { test } from "node:test";
import { place, type Placed, type Wanted } from "../src/map/labels.ts";

const pane = { width: 400, height: 300 };
const label = (id: string, x: number, y: number, weight = 0): Wanted => ({ id, x, y, width: 60, height: 18, weight, reach: 3 });
const boxes = (all: readonly Wanted[], places: ReadonlyMap<string, Placed>) =>
  all.flatMap((one) => {
    const found = places.get(one.id);
    return found ? [{ id: one.id, x: one.x + found.dx, y: one.y + found.dy, width: one.width, height: one.height }] : [];
  });

test("labels of points that lie together hide neither each other nor a point", () => {
  const all = Array.from({ length: 9 }, (_, n) => label(`t${n}`, 200 + (n % 3) * 6, 150 + Math.floor(n / 3) * 6));
  const placed = boxes(all, place(all, pane, new Map()));
  assert.equal(placed.length, 9);
  for (const a of placed) {
    for (const b of placed) {
      const meet = a.x < b.x + b.width && b.x < a.x + a.width && a.y < b.y + b.height && b.y < a.y + a.height;
      assert.ok(a.id === b.id || !meet, `${a.id} hides ${b.id}`);
    }
    for (const one of all) assert.ok(!(one.x > a.x && one.x < a.x + a.width && one.y > a.y && one.y < a.y + a.height), `${a.id} hides the point of ${one.id}`);
  }
});

test("the more important label takes the nearest place, and who finds none has none", () => {
  const all = [label("free", 200, 150), label("opened", 200, 150, 100), ...Array.from({ length: 60 }, (_, n) => label(`more${n}`, 200, 150))];
  const places = place(all, pane, new Map());
  assert.equal(places.get("opened")?.tried, 0);
  assert.ok(places.size < all.length);
});

test("a label keeps its place while it is free, and stays inside the pane", () => {
  const before = place([label("a", 200, 150), label("b", 203, 150)], pane, new Map());
  const after = place([label("a", 210, 160), label("b", 213, 160)], pane, before);
  assert.equal(after.get("b")?.tried, before.get("b")?.tried);
  const corner = label("corner", 2, 2);
  const [box] = boxes([corner], place([corner], pane, new Map()));
  assert.ok(box !== undefined && box.x >= 0 && box.y >= 0);
  assert.equal(place([label("gone", -20, 50)], pane, new Map()).size, 0);
});
