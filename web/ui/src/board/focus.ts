/** For `ref`: give a field the focus when it appears, and not each time it is drawn. */
export function focusOnce(field: HTMLElement | null): void {
  if (field === null || field.dataset["seen"] === "1") return;
  field.dataset["seen"] = "1";
  field.focus();
}
