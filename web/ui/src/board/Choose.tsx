// A code chosen from its set.

import type { Code, CodeSetName } from "../wire.ts";
import { choices } from "./codes.ts";
import { focusOnce } from "./focus.ts";

export interface ChooseProps {
  readonly label: string;
  readonly set: CodeSetName;
  readonly value: string;
  readonly onChange: (code: string) => void;
  /** What stands for none; left out = one is always chosen. */
  readonly empty?: string;
  readonly among?: (code: Code) => boolean;
  readonly focus?: boolean;
}

export function Choose({ label, set, value, onChange, empty, among, focus = false }: ChooseProps) {
  return (
    <select aria-label={label} value={value} {...(focus ? { ref: focusOnce } : {})} onChange={(event) => onChange(event.currentTarget.value)}>
      {empty !== undefined && <option value="">{empty}</option>}
      {choices(set)
        .filter((code) => among?.(code) ?? true)
        .map((code) => (
          <option key={code.code} value={code.code}>
            {code.label}
          </option>
        ))}
    </select>
  );
}
