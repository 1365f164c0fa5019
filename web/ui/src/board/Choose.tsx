// A code chosen from its set; and acts that need one, which nobody has chosen before they do.

import { useSignal } from "@preact/signals";
import type { ComponentChildren } from "preact";
import { Act } from "../components/Act.tsx";
import type { Code, CodeSetName } from "../wire.ts";
import { choices } from "./codes.ts";
import { focusOnce } from "./focus.ts";

export interface ChooseProps {
  readonly label: string;
  readonly set: CodeSetName;
  readonly value: string;
  readonly onChange: (code: string) => void;
  /** What stands for none; left out = one must be chosen, and until then none is. */
  readonly empty?: string;
  readonly among?: (code: Code) => boolean;
  readonly focus?: boolean;
}

export function Choose({ label, set, value, onChange, empty, among, focus = false }: ChooseProps) {
  return (
    <select aria-label={label} value={value} {...(focus ? { ref: focusOnce } : {})} onChange={(event) => onChange(event.currentTarget.value)}>
      {(empty !== undefined || value === "") && <option value="">{empty ?? label}</option>}
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

export interface ChosenProps {
  readonly label: string;
  readonly set: CodeSetName;
  readonly run: (code: string, key: string) => Promise<unknown>;
  readonly children: ComponentChildren;
  readonly class?: string;
  readonly among?: (code: Code) => boolean;
  readonly focus?: boolean;
  /** Something else must be said first. */
  readonly disabled?: boolean;
}

/** An act and the code that it needs. */
export function Chosen({ label, set, run, children, class: kind = "", among, focus = false, disabled = false }: ChosenProps) {
  const code = useSignal("");
  return (
    <span class="pair">
      <Choose label={label} set={set} empty={label} value={code.value} focus={focus} {...(among === undefined ? {} : { among })} onChange={(chosen) => (code.value = chosen)} />
      <Act class={kind} disabled={disabled || code.value === ""} run={(key) => run(code.peek(), key)}>
        {children}
      </Act>
    </span>
  );
}
