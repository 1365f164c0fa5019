// How soon, what the person needs, what endangers the team: the same fields wherever it is asked.

import { answerWord } from "../components/Asked.tsx";
import { Icon } from "../components/Icon.tsx";
import { ACUITY_LOOKS } from "../components/Mark.tsx";
import { t as common } from "../messages/common.ts";
import { t } from "../messages/board.ts";
import { ACUITY_WORDS, ANSWER_WORDS, type Acuity, type Answer, type NeedSent } from "../wire.ts";
import { choices } from "./codes.ts";
import type { Desk } from "./desk.ts";
import { Pick } from "./Pick.tsx";

export interface Assessment {
  readonly acuity: Acuity | null;
  readonly needs: readonly NeedSent[];
  readonly hazards: readonly string[];
}

/** Needs of codes: those chosen before keep whether they are a must, new ones are as their code says. */
export function needsOf(codes: readonly string[], before: readonly NeedSent[]): readonly NeedSent[] {
  const flags = new Map(choices("need").map((code) => [code.code, code.flags]));
  return codes.map((code) => before.find((one) => one.code === code) ?? { code, hard: flags.get(code)?.includes("hard") ?? false });
}

/** The needs, with the team that one of them is about; `null` = nobody knows which. */
export const aboutTeam = (needs: readonly NeedSent[], code: string, team: string | null): readonly NeedSent[] =>
  needs.map((one) => (one.code === code ? { ...one, team_id: team } : one));

const teamsOf = (desk: Desk) => [...desk.live.of("team").all.value.values()].sort((a, b) => a.call_sign.localeCompare(b.call_sign));

export function AcuityChoice({ value, name, onChange, focusRef }: { value: Acuity | null; name: string; onChange: (acuity: Acuity) => void; focusRef?: (field: HTMLInputElement | null) => void }) {
  return (
    <fieldset class="acuity">
      <legend>{t("acuity")}</legend>
      {ACUITY_WORDS.map((acuity, index) => {
        const [tone, shape, icon] = ACUITY_LOOKS[acuity];
        return (
          <label key={acuity} class={`mark tone-${tone} shape-${shape} ${value === acuity ? "chosen" : ""}`}>
            <input
              type="radio"
              name={name}
              value={acuity}
              checked={value === acuity}
              onChange={() => onChange(acuity)}
              {...(index === 0 && focusRef ? { ref: focusRef } : {})}
            />
            <Icon name={icon} />
            {common(`acuity_${acuity}`)} <kbd>Alt {index + 1}</kbd>
          </label>
        );
      })}
    </fieldset>
  );
}

/** Alt and a digit set the acuity from anywhere in a form. */
export function acuityOfKey(event: KeyboardEvent): Acuity | null {
  if (!event.altKey || event.ctrlKey || event.metaKey) return null;
  const digit = /^Digit([1-3])$/.exec(event.code)?.[1];
  return digit === undefined ? null : (ACUITY_WORDS[Number(digit) - 1] ?? null);
}

export function NeedsAndHazards({ desk, value, onChange }: { desk: Desk; value: Assessment; onChange: (part: Partial<Assessment>) => void }) {
  const namesTeam = (code: string) => choices("need").find((one) => one.code === code)?.attributes["ranking"] !== undefined;
  return (
    <>
      <Pick label={t("hazards")} set="hazard" many chosen={value.hazards} onChange={(hazards) => onChange({ hazards })} />
      <Pick
        label={t("needs")}
        set="need"
        many
        chosen={value.needs.map((one) => one.code)}
        hard={value.needs.filter((one) => one.hard).map((one) => one.code)}
        onChange={(codes) => onChange({ needs: needsOf(codes, value.needs) })}
        onHard={(code) => onChange({ needs: value.needs.map((one) => (one.code === code ? { ...one, hard: !one.hard } : one)) })}
      />
      {value.needs
        .filter((need) => namesTeam(need.code))
        .map((need) => (
          <label key={need.code} class="field">
            {t("known_team")}
            <select value={need.team_id ?? ""} onChange={(event) => onChange({ needs: aboutTeam(value.needs, need.code, event.currentTarget.value || null) })}>
              <option value="">{t("known_team_none")}</option>
              {teamsOf(desk).map((team) => (
                <option key={team.id} value={team.id}>
                  {team.call_sign}
                </option>
              ))}
            </select>
          </label>
        ))}
    </>
  );
}

/** The questions about danger and what was answered: a danger that is over is answered no here. */
export function DangerAnswers({ answers, onAnswer }: { answers: Readonly<Record<string, Answer>>; onAnswer: (item: string, given: Answer) => void }) {
  const denying = new Set(choices("hazard").map((hazard) => hazard.attributes["denied_by"]));
  const items = choices("risk_item").filter((item) => item.attributes["hazard"] !== undefined || item.flags.includes("scene_safety") || denying.has(item.code));
  return (
    <details class="danger-answers">
      <summary>{t("danger_questions")}</summary>
      <div class="three">
        {items.map((item) => (
          <label key={item.code} class="field">
            {item.label}
            <select value={answers[item.code] ?? "not_asked"} data-risk={item.code} onChange={(event) => onAnswer(item.code, event.currentTarget.value as Answer)}>
              {ANSWER_WORDS.map((one) => (
                <option key={one} value={one}>
                  {answerWord(one)}
                </option>
              ))}
            </select>
          </label>
        ))}
      </div>
    </details>
  );
}
