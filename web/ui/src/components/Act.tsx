// A button that does something: shows that it is under way, and in words why it wasn't done.

import { useSignal } from "@preact/signals";
import { useRef } from "preact/hooks";
import type { ComponentChildren } from "preact";
import { newKey, Unreachable } from "../api.ts";
import { t } from "../messages/common.ts";
import { Trouble } from "./Note.tsx";
import { useTrouble } from "./unread.ts";

export interface ActProps {
  /** Does it; gets the act's key, which stays the same while nobody is known to have answered. */
  readonly run: (key: string) => Promise<unknown>;
  readonly children: ComponentChildren;
  readonly class?: string;
  readonly disabled?: boolean;
}

export function Act({ run, children, class: kind = "", disabled = false }: ActProps) {
  const isRunning = useSignal(false);
  const trouble = useTrouble();
  const key = useRef(newKey());
  async function act() {
    if (isRunning.peek()) return;
    isRunning.value = true;
    trouble.value = null;
    try {
      await run(key.current);
      key.current = newKey();
    } catch (error) {
      trouble.value = error;
      // Not known whether it was done: pressed again, it must be the same act.
      if (!(error instanceof Unreachable)) key.current = newKey();
    } finally {
      isRunning.value = false;
    }
  }
  return (
    <>
      <button type="button" class={`button ${kind}`} disabled={disabled || isRunning.value} aria-busy={isRunning.value} onClick={() => void act()}>
        {isRunning.value ? t("sending") : children}
      </button>
      <Trouble trouble={trouble.value} />
    </>
  );
}
