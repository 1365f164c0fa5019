// Light or dark, and how much contrast: as on the device, or as the person chose on it.

import { signal } from "@preact/signals";
import { keepChoice, keptChoice } from "./choice.ts";

export const THEMES = ["device", "light", "dark", "light_contrast", "dark_contrast"] as const;
export type Theme = (typeof THEMES)[number];

export const theme = signal<Theme>("device");

export function setTheme(wanted: Theme): void {
  theme.value = wanted;
  const [scheme, contrast] = wanted.split("_");
  const { dataset } = document.documentElement;
  if (wanted === "device") delete dataset["theme"];
  else dataset["theme"] = scheme;
  if (contrast === undefined) delete dataset["contrast"];
  else dataset["contrast"] = "more";
  keepChoice("theme", wanted);
}

export function startTheme(): void {
  const kept = keptChoice("theme");
  setTheme(THEMES.find((one) => one === kept) ?? "device");
}
