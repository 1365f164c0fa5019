// What a person must know: quiet, warning or alarm. Alarms are read aloud at once.

import type { ComponentChildren } from "preact";
import { Refusal } from "../api.ts";
import { t } from "../messages/common.ts";
import { refusalSentence } from "../sentences/refusals.ts";
import { Icon } from "./Icon.tsx";

export function Note({ tone = "quiet", children }: { tone?: "quiet" | "warn" | "alarm"; children: ComponentChildren }) {
  return (
    <div class={`note ${tone}`} role={tone === "alarm" ? "alert" : "status"}>
      {tone !== "quiet" && <Icon name="alarm" />}
      <div>{children}</div>
    </div>
  );
}

/** What went wrong with an act, in words. */
export function words(trouble: unknown): string {
  return trouble instanceof Refusal ? t("refused", { detail: refusalSentence(trouble) }) : t("unreachable");
}

export function Trouble({ trouble }: { trouble: unknown }) {
  return trouble === null || trouble === undefined ? null : <Note tone="warn">{words(trouble)}</Note>;
}
