// A question with its four answers; until somebody answers it was not asked, and says so.

import { t } from "../messages/common.ts";
import { ANSWER_WORDS, type Answer } from "../wire.ts";

export const answerWord = (answer: Answer): string => t(`answer_${answer}`);

export function Asked({ name, value, change, disabled = false }: { name: string; value: Answer; change: (answer: Answer) => void; disabled?: boolean }) {
  return (
    <label class="field">
      {name}
      <select autocomplete="off" value={value} disabled={disabled} onChange={(event) => change(event.currentTarget.value as Answer)}>
        {[...ANSWER_WORDS].reverse().map((answer) => (
          <option key={answer} value={answer}>
            {answerWord(answer)}
          </option>
        ))}
      </select>
    </label>
  );
}
