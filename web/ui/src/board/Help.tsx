// The keys, shown on `?`; beside the work, never over it.

import { t } from "../messages/board.ts";
import type { Desk } from "./desk.ts";

export function Help({ desk }: { desk: Desk }) {
  const keys: readonly (readonly [string, string])[] = [
    ["J K ↓ ↑", t("key_move")],
    ["Enter", t("key_enter")],
    ["Esc", t("key_back")],
    ["N", t("key_new")],
    ["C", t("key_answer")],
    ["O", t("key_offer")],
    ["D", t("determine")],
    ["E", t("amend")],
    ["P", t("ask_partner")],
    ["B", t("note")],
    ["X", t("cancel_incident")],
    ["Z", t("close_incident")],
    ["A", t("key_acknowledge")],
    ["/", t("key_filter")],
    ["M", t("filter_mine")],
    ["W", t("filter_waiting")],
    ["R", t("key_refit")],
    ["S", t("key_sound")],
    ["Ctrl ↵", t("key_send")],
    ["Alt 1 2 3", t("key_acuity")],
    ["Y N U X", t("key_answers")],
  ];
  return (
    <aside class="panel help" aria-label={t("keys")}>
      <header class="line">
        <h2>{t("keys")}</h2>
        <button type="button" class="button plain" onClick={() => (desk.showsKeys.value = false)}>
          <kbd>?</kbd> {t("close_panel")}
        </button>
      </header>
      <dl>
        {keys.map(([key, what]) => (
          <div key={key} class="pairs">
            <dt>
              <kbd>{key}</kbd>
            </dt>
            <dd>{what}</dd>
          </div>
        ))}
      </dl>
    </aside>
  );
}
