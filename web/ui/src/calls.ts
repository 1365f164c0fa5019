// Whom to call when a page can't help: the desk, and the public numbers that need no setting.
//
// The links stand in the page's own HTML, so that they work without any script. This only puts the
// desk's number before them, once the county has told it, and the words into the person's language.
// The desk's number is the county's public one: it is kept beside how the page looks.

import { effect, signal } from "@preact/signals";
import { t } from "./messages/common.ts";

const KEPT_UNDER = "crisis.desk_phone";

/** The desk's number as the county told it last; "" = it has told none. */
export const deskPhone = signal(localStorage.getItem(KEPT_UNDER) ?? "");

/** Keep what the county says now. */
export function hearDeskPhone(number: string): void {
  if (number === deskPhone.peek()) return;
  deskPhone.value = number;
  localStorage.setItem(KEPT_UNDER, number);
}

/** What a telephone dials. */
export const dial = (number: string): string => `tel:${number.replace(/[^+\d,;#*]/g, "")}`;

/** Keep the links of the page's HTML in step: words, and the desk first where it is known. */
export function followCalls(): void {
  const bar = document.querySelector("nav.whom-to-call");
  if (bar === null) return;
  const desk = bar.querySelector<HTMLAnchorElement>("[data-call=desk]");
  const [first, lifeline] = ["911", "988"].map((number) => bar.querySelector<HTMLAnchorElement>(`[data-call="${number}"]`));
  effect(() => {
    const number = deskPhone.value;
    bar.ariaLabel = t("calls");
    if (desk) {
      desk.hidden = number === "";
      desk.href = dial(number);
      desk.textContent = t("call_desk");
    }
    if (first) first.textContent = t("call_911");
    if (lifeline) {
      // Whoever has the desk needs no hotline in its place.
      lifeline.hidden = number !== "";
      lifeline.textContent = t("call_988");
    }
  });
}

/** Whom to call from a note: the desk; 911 where asked for, or where no desk's number is known. */
export function deviceCalls(with911: boolean): readonly { readonly key: "call_desk" | "call_911" | "call_988"; readonly href: string }[] {
  const number = deskPhone.value;
  const desk = number === "" ? [] : [{ key: "call_desk" as const, href: dial(number) }];
  const first = with911 ? [{ key: "call_911" as const, href: "tel:911" }] : [];
  const lifeline = desk.length + first.length === 0 ? [{ key: "call_988" as const, href: "tel:988" }] : [];
  return [...first, ...desk, ...lifeline];
}
