// How far and in which direction something lies, and what a phone's map opens.

export interface At {
  readonly lat: number;
  readonly lon: number;
}

const EARTH_M = 6_371_009;
const rad = (degrees: number): number => (degrees * Math.PI) / 180;

/** Metres as the crow flies. */
export function metres(a: At, b: At): number {
  const h =
    Math.sin(rad(b.lat - a.lat) / 2) ** 2 +
    Math.cos(rad(a.lat)) * Math.cos(rad(b.lat)) * Math.sin(rad(b.lon - a.lon) / 2) ** 2;
  return 2 * EARTH_M * Math.asin(Math.min(1, Math.sqrt(h)));
}

export const WINDS = ["n", "ne", "e", "se", "s", "sw", "w", "nw"] as const;

/** Of eight winds, the one that leads from a to b. */
export function wind(a: At, b: At): (typeof WINDS)[number] {
  const east = (b.lon - a.lon) * Math.cos(rad((a.lat + b.lat) / 2));
  const turn = Math.atan2(east, b.lat - a.lat) / (2 * Math.PI);
  return WINDS[(Math.round(turn * 8) + 8) % 8] ?? "n";
}

/** An address that the phone's own map application opens; Apple's devices know no geo: links. */
export function mapLink({ lat, lon }: At, isApple = /iPhone|iPad/.test(navigator.userAgent)): string {
  const at = `${lat.toFixed(6)},${lon.toFixed(6)}`;
  return isApple ? `maps:?daddr=${at}` : `geo:${at}?q=${at}`;
}
