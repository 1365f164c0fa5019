// What a row says, in words: for the row itself, its reader and the filter.

import { dangerWords, hazardCodes, type Endangered } from "../components/Danger.tsx";
import { t as common } from "../messages/common.ts";
import { t } from "../messages/board.ts";
import type { CellView, IncidentView } from "../wire.ts";
import { word } from "./codes.ts";

/** The middle of the ~1 km cell; the exact point isn't in a frame. */
export const cellWords = (cell: CellView): string => `${cell.lat.toFixed(2)}, ${cell.lon.toFixed(2)}`.replaceAll("-", "−");

export function placeWords(one: IncidentView): string {
  const parts = [[one.location_type, ...one.other_types].map((code) => word("location_type", code)).join(" / ")];
  if (one.area_class !== null) parts.push(word("area_class", one.area_class));
  parts.push(one.cell === null ? t("no_point") : cellWords(one.cell));
  return parts.join(" · ");
}

export const needWords = (one: IncidentView): string =>
  one.needs.map((need) => (need.hard ? t("must_have", { need: word("need", need.code) }) : word("need", need.code))).join(", ");

const hazard = (code: string): string => word("hazard", code);

/** The known hazards, and that the scene isn't known where it isn't. */
export const hazardWords = (one: Endangered): string =>
  [...hazardCodes(one).map(hazard), one.danger.scene_known ? "" : common("danger_scene_unknown")].filter((words) => words !== "").join(", ");

/** All that is known of danger and all that isn't, as it is told to a partner. */
export const dangerSentence = (one: IncidentView): string => dangerWords(one, hazard);

/** Everything that a filter may look for. */
export function rowWords(one: IncidentView): string {
  return [
    `#${one.number}`,
    common(`phase_${one.phase}`),
    one.acuity === null ? "" : common(`acuity_${one.acuity}`),
    placeWords(one),
    needWords(one),
    hazardWords(one),
    ...one.runs.map((run) => run.call_sign),
  ].join(" ");
}
