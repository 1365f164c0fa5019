// What of the rules in force nobody has verified: quiet, on every page, and never out of sight.

import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { known } from "../i18n.ts";
import { t } from "../messages/common.ts";
import { api } from "../session.ts";
import { getRules, type RulesNow } from "../wire.ts";

/** A standard's name, in words; of one that isn't known here its own. */
export function standardWords(name: string): string {
  return known(t, `standard_${name.replaceAll(".", "_")}`) ?? name;
}

export function Unverified() {
  const rules = useSignal<RulesNow | null>(null);
  useEffect(() => {
    // Without an answer nothing is said: the page works, and asks again when it is opened anew.
    api.call(getRules, {}).then(
      (now) => (rules.value = now),
      () => undefined,
    );
  }, []);
  const open = rules.value?.unverified ?? [];
  if (rules.value === null || open.length === 0) return null;
  const facts = open.filter((one) => one.kind === "standards");
  const sets = open.filter((one) => one.kind === "codes");
  return (
    <details class="unverified">
      <summary class="button plain">{t("rules_unverified", { n: facts.length })}</summary>
      <div class="card" tabIndex={0} role="group" aria-label={t("rules_unverified", { n: facts.length })}>
        <p>{t("rules_unverified_means", { standards: rules.value.standards, zones: rules.value.zones, n: sets.length })}</p>
        <ul>
          {facts.map((one) => (
            <li key={one.name}>
              <b>{standardWords(one.name)}</b> <span class="quiet">{one.source}</span>
            </li>
          ))}
        </ul>
      </div>
    </details>
  );
}
