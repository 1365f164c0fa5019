// What is typed in a form stays until it is sent: closing the form, another incident or another
// colleague's change doesn't take it away.

import { signal, type Signal } from "@preact/signals";

const all = new Map<string, Signal<unknown>>();

/** The value of a form's field, the same one each time the form is shown; `form`: its name and whose. */
export function kept<T>(form: string, first: T): Signal<T> {
  const known = all.get(form);
  if (known !== undefined) return known as Signal<T>;
  const made = signal(first);
  all.set(form, made as Signal<unknown>);
  return made;
}

/** It was sent: the next time the form begins anew. */
export function forget(form: string): void {
  all.delete(form);
}
