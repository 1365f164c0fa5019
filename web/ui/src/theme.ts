// Light or dark: as on the device, or as the person chose on it.

import { signal } from "@preact/signals";

export const THEMES = ["device", "light", "dark"] as const;
export type Theme = (typeof THEMES)[number];

const KEPT_UNDER = "crisis.theme";
export const theme = signal<Theme>("device");

export function setTheme(wanted: Theme): void {
  theme.value = wanted;
  if (wanted === "device") delete document.documentElement.dataset["theme"];
  else document.documentElement.dataset["theme"] = wanted;
  localStorage.setItem(KEPT_UNDER, wanted);
}

export function startTheme(): void {
  const kept = localStorage.getItem(KEPT_UNDER);
  setTheme(THEMES.find((one) => one === kept) ?? "device");
}
