// Choosing codes by typing: letters narrow the list, Enter takes the first, Backspace the last off.
// What was typed is meant: leaving the field, or sending the form from it, takes the first too.

import { useSignal } from "@preact/signals";
import { useId, useRef } from "preact/hooks";
import { t } from "../messages/board.ts";
import type { Code, CodeSetName } from "../wire.ts";
import { choices, word } from "./codes.ts";

const MOST = 9;

export interface PickProps {
  readonly label: string;
  readonly set: CodeSetName;
  readonly chosen: readonly string[];
  readonly onChange: (chosen: readonly string[]) => void;
  /** Several may be chosen. */
  readonly many?: boolean;
  readonly among?: (code: Code) => boolean;
  /** Codes that no team may lack; pressing a chosen one changes it. */
  readonly hard?: readonly string[];
  readonly onHard?: (code: string) => void;
  readonly focusRef?: (field: HTMLInputElement | null) => void;
}

/** The codes that the typed letters mean, those that begin with them first. */
export function matching(codes: readonly Code[], typed: string): readonly Code[] {
  const wanted = typed.trim().toLowerCase();
  if (wanted === "") return codes;
  const starts = (code: Code) => code.label.toLowerCase().startsWith(wanted) || code.code.startsWith(wanted);
  const parts = wanted.split(/\s+/);
  const holds = (code: Code) => parts.every((part) => code.label.toLowerCase().includes(part));
  return [...codes.filter(starts), ...codes.filter((code) => !starts(code) && holds(code))];
}

export function Pick({ label, set, chosen, onChange, many = false, among, hard, onHard, focusRef }: PickProps) {
  const id = useId();
  const typed = useSignal("");
  const isOpen = useSignal(false);
  const at = useSignal(0);
  const field = useRef<HTMLInputElement | null>(null);
  const all = choices(set).filter((code) => !chosen.includes(code.code) && (among?.(code) ?? true));
  const found = matching(all, typed.value).slice(0, typed.value === "" ? 60 : MOST);
  const first = found[Math.min(at.value, found.length - 1)];
  const put = (code: string) => {
    onChange(many ? [...chosen, code] : [code]);
    typed.value = "";
    at.value = 0;
    isOpen.value = false;
  };
  const take = (code: string) => {
    put(code);
    field.current?.focus();
  };
  const takeTyped = () => {
    if (typed.peek().trim() !== "" && first) put(first.code);
    isOpen.value = false;
  };
  const onKey = (event: KeyboardEvent) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) takeTyped();
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    switch (event.key) {
      case "ArrowDown":
      case "ArrowUp":
        isOpen.value = true;
        at.value = Math.max(0, Math.min(found.length - 1, at.value + (event.key === "ArrowDown" ? 1 : -1)));
        break;
      case "Enter":
        if (!isOpen.value || first === undefined) return;
        take(first.code);
        break;
      case "Backspace":
        if (typed.value !== "" || chosen.length === 0) return;
        onChange(chosen.slice(0, -1));
        break;
      case "Escape":
        if (!isOpen.value) return;
        isOpen.value = false;
        break;
      default:
        return;
    }
    event.preventDefault();
    event.stopPropagation();
  };
  return (
    <div class="field pick">
      <label for={id}>{label}</label>
      <div class="chosen">
        {chosen.map((code) => {
          const isHard = hard?.includes(code) ?? false;
          const name = word(set, code);
          return (
            <span key={code} class={`chip ${isHard ? "hard" : ""}`}>
              {onHard ? (
                <button type="button" class="link" aria-pressed={isHard} title={t("toggle_must")} onClick={() => onHard(code)}>
                  {isHard ? t("must_have", { need: name }) : name}
                </button>
              ) : (
                name
              )}
              <button type="button" class="link" aria-label={t("remove", { name })} onClick={() => onChange(chosen.filter((one) => one !== code))}>
                ×
              </button>
            </span>
          );
        })}
        <input
          id={id}
          ref={(element) => {
            field.current = element;
            focusRef?.(element);
          }}
          role="combobox"
          autocomplete="off"
          aria-autocomplete="list"
          aria-expanded={isOpen.value && found.length > 0}
          aria-controls={`${id}-list`}
          {...(isOpen.value && found.length > 0 ? { "aria-activedescendant": `${id}-${Math.min(at.value, found.length - 1)}` } : {})}
          aria-invalid={typed.value.trim() !== "" && found.length === 0}
          value={typed.value}
          placeholder={chosen.length === 0 ? t("type_to_choose") : ""}
          onInput={(event) => {
            typed.value = event.currentTarget.value;
            at.value = 0;
            isOpen.value = true;
          }}
          onClick={() => (isOpen.value = true)}
          onBlur={takeTyped}
          onKeyDown={onKey}
        />
      </div>
      {typed.value.trim() !== "" && found.length === 0 && <small class="warn-words">{t("no_match")}</small>}
      <ul id={`${id}-list`} role="listbox" aria-label={label} hidden={!isOpen.value || found.length === 0}>
        {found.map((code, index) => (
          <li
            key={code.code}
            id={`${id}-${index}`}
            role="option"
            aria-selected={index === Math.min(at.value, found.length - 1)}
            onPointerDown={(event) => {
              event.preventDefault();
              take(code.code);
            }}
          >
            {code.label}
          </li>
        ))}
      </ul>
    </div>
  );
}
