// Where labels stand beside their points so that none hides another: tried around the point, nearest
// first, the more important ones first. Pure: it knows pixels, not maps.

export interface Box {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

export interface Wanted {
  readonly id: string;
  /** The point, in pixels of the pane. */
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
  /** Larger ones choose their place first. */
  readonly weight: number;
  /** How far off its point it may stand: 0 beside it, and so many rings further. */
  readonly reach: number;
}

/** Top left corner of a label, relative to its point; `tried`: which of the places it is. */
export interface Placed {
  readonly dx: number;
  readonly dy: number;
  readonly tried: number;
  /** It stands so far off that a line must lead to it. */
  readonly isLed: boolean;
}

/** Half the size of a point's own mark, which no label may hide, and the gap beside it. */
const PIN = 5;
const GAP = 4;
/** Pixels between a point and a label that is led to it. */
const RINGS = [0, 16, 34, 54];
const SIDES: readonly (readonly [number, number])[] = [[0, -1], [0, 1], [1, 0], [-1, 0], [1, -1], [-1, -1], [1, 1], [-1, 1]];

const meet = (a: Box, b: Box): boolean => a.x < b.x + b.width && b.x < a.x + a.width && a.y < b.y + b.height && b.y < a.y + a.height;

function offset(wanted: Wanted, tried: number): readonly [number, number] {
  const [sx, sy] = SIDES[tried % SIDES.length] as readonly [number, number];
  const off = PIN + GAP + (RINGS[Math.floor(tried / SIDES.length)] ?? 0);
  const dx = sx === 0 ? -wanted.width / 2 : sx > 0 ? off : -off - wanted.width;
  const dy = sy === 0 ? -wanted.height / 2 : sy > 0 ? off : -off - wanted.height;
  return [dx, dy];
}

/**
 * Return a place for each label; one that is missing has none and shows its point alone.
 *
 * `pane`: labels stay inside. `before`: places of the last time, kept where they are still free, so
 * that labels don't jump while the map moves.
 */
export function place(all: readonly Wanted[], pane: { readonly width: number; readonly height: number }, before: ReadonlyMap<string, Placed>): Map<string, Placed> {
  const taken: Box[] = all.map((one) => ({ x: one.x - PIN, y: one.y - PIN, width: 2 * PIN, height: 2 * PIN }));
  const places = new Map<string, Placed>();
  const inOrder = [...all].sort((a, b) => b.weight - a.weight || a.id.localeCompare(b.id));
  for (const wanted of inOrder) {
    const isOutside = wanted.x < 0 || wanted.y < 0 || wanted.x > pane.width || wanted.y > pane.height;
    if (isOutside) continue;
    const last = before.get(wanted.id)?.tried;
    const tries = [...Array(SIDES.length * Math.min(RINGS.length, wanted.reach + 1)).keys()];
    if (last !== undefined && last < tries.length) tries.unshift(last);
    for (const tried of tries) {
      const [dx, dy] = offset(wanted, tried);
      const box = { x: wanted.x + dx, y: wanted.y + dy, width: wanted.width, height: wanted.height };
      const isInside = box.x >= 0 && box.y >= 0 && box.x + box.width <= pane.width && box.y + box.height <= pane.height;
      if (!isInside || taken.some((other) => meet(box, other))) continue;
      taken.push({ x: box.x - 1, y: box.y - 1, width: box.width + 2, height: box.height + 2 });
      places.set(wanted.id, { dx, dy, tried, isLed: tried >= SIDES.length });
      break;
    }
  }
  return places;
}
