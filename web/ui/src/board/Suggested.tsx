// What the screening suggests while the caller is on the line: whom to ask first, how soon, what the
// person needs. The service suggests, the dispatcher decides; each takes one press.

import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { Icon } from "../components/Icon.tsx";
import { t as common } from "../messages/common.ts";
import { t } from "../messages/board.ts";
import { api } from "../session.ts";
import { ACUITY_WORDS, postScreeningSuggestion, type Acuity, type NeedSent, type PartnerAdvice, type ScreeningBody, type Suggestion } from "../wire.ts";
import { needsOf } from "./Assess.tsx";
import { choices, word } from "./codes.ts";

const PAUSE_MS = 250;

/** Whether an answer that was given tells of a threat to life; known here too, should nobody answer. */
const threatens = (known: ScreeningBody): boolean =>
  choices("risk_item").some((item) => item.flags.includes("life_threat") && known.screening?.[item.code] === "yes") ||
  choices("hazard").some((hazard) => hazard.flags.includes("life_threat") && (known.hazards ?? []).includes(hazard.code));

const FALLBACK: PartnerAdvice = { kind: "psap_911", reason: "life_threat", is_life_threat: true, met_by: ["psap_911"] };

export interface SuggestedProps {
  readonly known: ScreeningBody;
  readonly acuity: Acuity | null;
  readonly needs: readonly NeedSent[];
  /** Whom the form asks already; `null` = nobody. */
  readonly asked: string | null;
  readonly take: (part: { acuity?: Acuity; needs?: readonly NeedSent[] }) => void;
  readonly ask: (advice: PartnerAdvice | null) => void;
}

export function Suggested({ known, acuity, needs, asked, take, ask }: SuggestedProps) {
  const found = useSignal<Suggestion | null>(null);
  const text = JSON.stringify(known);
  useEffect(() => {
    const over = new AbortController();
    const timer = setTimeout(() => {
      api
        .call(postScreeningSuggestion, { body: JSON.parse(text) as ScreeningBody, signal: over.signal })
        .then((answer) => (found.value = answer))
        .catch(() => undefined);
    }, PAUSE_MS);
    return () => {
      clearTimeout(timer);
      over.abort();
    };
  }, [text]);
  const partners = found.value?.partners ?? [];
  const first = partners.find((one) => one.is_life_threat) ?? (threatens(known) ? FALLBACK : undefined);
  const suggested = found.value?.acuity ?? null;
  const isBelow = suggested !== null && (acuity === null || ACUITY_WORDS.indexOf(suggested) < ACUITY_WORDS.indexOf(acuity));
  const missing = (found.value?.needs ?? []).filter((code) => !needs.some((need) => need.code === code));
  const others = partners.filter((one) => !one.is_life_threat);
  useEffect(() => {
    const onKey = (event: KeyboardEvent) => {
      if (first === undefined || !event.altKey || event.code !== "Digit9") return;
      event.preventDefault();
      ask(asked === first.kind ? null : first);
    };
    addEventListener("keydown", onKey);
    return () => removeEventListener("keydown", onKey);
  }, [first?.kind, asked]);
  if (first === undefined && !isBelow && missing.length === 0 && others.length === 0 && (found.value?.asks.length ?? 0) === 0) return null;
  return (
    <div class="suggested" role="group" aria-label={t("suggested")}>
      {first !== undefined && (
        <button type="button" class={`button ${asked === first.kind ? "" : "danger"}`} data-act="life-threat" aria-pressed={asked === first.kind} onClick={() => ask(asked === first.kind ? null : first)}>
          <Icon name="alarm" /> <span role="alert">{asked === first.kind ? t("asked_with_it", { who: word("partner_kind", first.kind) }) : t("ask_first", { who: word("partner_kind", first.kind) })}</span> <kbd>Alt 9</kbd>
        </button>
      )}
      {isBelow && suggested !== null && (
        <button type="button" class="button" data-act="take-acuity" onClick={() => take({ acuity: suggested })}>
          {t("suggests", { what: common(`acuity_${suggested}`) })}
        </button>
      )}
      {missing.map((code) => (
        <button key={code} type="button" class="button" data-act="take-need" onClick={() => take({ needs: needsOf([...needs.map((need) => need.code), code], needs) })}>
          {t("suggests", { what: word("need", code) })}
        </button>
      ))}
      {others.map((one) => (
        <button key={one.kind} type="button" class="button" aria-pressed={asked === one.kind} disabled={first !== undefined && asked === first.kind} onClick={() => ask(asked === one.kind ? null : one)}>
          {asked === one.kind ? t("asked_with_it", { who: word("partner_kind", one.kind) }) : t("proposes", { who: word("partner_kind", one.kind), why: word("partner_reason", one.reason) })}
        </button>
      ))}
      {(found.value?.asks ?? []).map((code) => (
        <p key={code} class="warn-words">
          {word("screening_ask", code)}
        </p>
      ))}
    </div>
  );
}
