// What endangers whoever goes, in words: the same sentences for desk and crew.

import { time } from "../format.ts";
import { t } from "../messages/common.ts";
import type { DangerView, HazardView } from "../wire.ts";
import { Icon } from "./Icon.tsx";

/** What an incident says of danger, in every view of it. */
export interface Endangered {
  readonly hazards: readonly HazardView[];
  readonly danger: DangerView;
}
type Word = (code: string) => string;

const listed = (codes: readonly string[], word: Word): string => codes.map(word).join(", ");

/** The known hazards, each once. */
export const hazardCodes = (one: Endangered): readonly string[] => [...new Set(one.hazards.map((hazard) => hazard.code))];

/** What isn't known; that no hazard is known is said only where everything was asked. */
export function openWords({ danger }: Endangered, word: Word): readonly string[] {
  if (danger.is_clear) return [t("danger_clear")];
  return [
    danger.scene_known ? "" : t("danger_scene_unknown"),
    danger.unknown.length === 0 ? "" : t("danger_unknown", { what: listed(danger.unknown, word) }),
    danger.not_asked.length === 0 ? "" : t("danger_not_asked", { what: listed(danger.not_asked, word) }),
  ].filter((words) => words !== "");
}

/** The statement in one breath: what is told to a partner, or read aloud. */
export const dangerWords = (one: Endangered, word: Word): string =>
  [listed(hazardCodes(one), word), ...openWords(one, word)].filter((words) => words !== "").join(". ");

/** Who said so of one hazard, and since when it is known. */
function said(one: Endangered, code: string, source: Word): string {
  return one.hazards
    .filter((hazard) => hazard.code === code)
    .map((hazard) => [hazard.source === "screening" ? t("danger_answered") : source(hazard.source), hazard.noted_at === null ? "" : time(hazard.noted_at)].filter((part) => part !== "").join(" "))
    .join(", ");
}

/** The whole statement. `source`: who said so, in words; absent = not shown. */
export function Danger({ one, title, word, source }: { one: Endangered; title: string; word: Word; source?: Word }) {
  const codes = hazardCodes(one);
  const open = openWords(one, word).map((words) => (
    <p key={words} class={words === t("danger_scene_unknown") ? "scene-unknown" : "quiet"}>
      {words}
    </p>
  ));
  if (codes.length === 0) return <section class="danger" data-danger={one.danger.is_clear ? "clear" : "open"}>{open}</section>;
  return (
    <section class="danger hazards tone-alarm" data-danger="known">
      <h2>
        <Icon name="alarm" />
        {title}
      </h2>
      <ul>
        {codes.map((code) => (
          <li key={code}>
            {word(code)}
            {source && <small> · {said(one, code, source)}</small>}
          </li>
        ))}
      </ul>
      {open}
    </section>
  );
}
