// Where a team's drive was only taken to start: a time of arrival that rests on it says so.

import { t } from "../messages/board.ts";

export function Start({ by }: { by: string | null }) {
  if (by !== "base" && by !== "last_fix") return null;
  return <span class="warn-words">{t(by === "base" ? "eta_from_base" : "eta_from_parked")}</span>;
}
