// What a person chose on this device: kept for the pages, and told in a cookie to those that the
// server writes, so that they are drawn right from their first byte.

type Choice = "locale" | "theme";

const A_YEAR_S = 365 * 24 * 3600;

export function keepChoice(name: Choice, value: string): void {
  localStorage.setItem(`crisis.${name}`, value);
  tell(name, value);
}

/** What was chosen; `null` = nothing yet. */
export function keptChoice(name: Choice): string | null {
  const value = localStorage.getItem(`crisis.${name}`);
  if (value !== null) tell(name, value);
  return value;
}

function tell(name: Choice, value: string): void {
  const secure = location.protocol === "https:" ? "; secure" : "";
  document.cookie = `crisis_${name}=${encodeURIComponent(value)}; path=/; max-age=${A_YEAR_S}; samesite=lax${secure}`;
}
