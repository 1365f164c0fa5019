// The keys, shown on `?`; beside the work, never over it.

import { t } from "../messages/board.ts";
import { t as say } from "../messages/desk.ts";
import type { Desk } from "./desk.ts";

type Keys = readonly (readonly [key: string, what: string])[];

export function Help({ desk }: { desk: Desk }) {
  const everywhere: Keys = [
    ["J K ↓ ↑", t("key_move")],
    ["Enter", t("key_enter")],
    ["Esc", t("key_back")],
    ["N", t("key_new")],
    ["C", t("key_answer")],
    ["A", t("key_acknowledge")],
    ["T", say("key_owed")],
    ["U", say("key_teams")],
    ["F", say("key_find")],
    ["Q", say("key_paper")],
    ["/", t("key_filter")],
    ["M", t("filter_mine")],
    ["W", t("filter_waiting")],
    ["R", t("key_refit")],
    ["S", t("key_sound")],
  ];
  const incident: Keys = [
    ["O", t("key_offer")],
    ["D", t("determine")],
    ["E", t("amend")],
    ["B", t("note")],
    ["9", t("key_ask_first")],
    ["P", t("ask_partner")],
    ["H", say("hand_over")],
    ["L", say("slots")],
    ["V", say("divert")],
    ["G", say("merge")],
    ["Y", say("split")],
    ["I", say("times")],
    ["1", say("ending")],
    ["2", say("owe")],
    ["3", say("reopen")],
    ["4", say("place_amend")],
    ["X", t("cancel_incident")],
    ["Z", t("close_incident")],
  ];
  const forms: Keys = [
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
      <div class="groups">
        <Group name={say("keys_everywhere")} keys={everywhere} />
        <div>
          <Group name={say("keys_incident")} keys={incident} />
          <Group name={say("keys_forms")} keys={forms} />
        </div>
      </div>
    </aside>
  );
}

function Group({ name, keys }: { name: string; keys: Keys }) {
  return (
    <section>
      <h3>{name}</h3>
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
    </section>
  );
}
