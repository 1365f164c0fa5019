// Signing in: with a cookie, which no script can read.

import "../base.css";
import "./sign-in.css";
import { useSignal } from "@preact/signals";
import { Refusal } from "../api.ts";
import { LanguageChoice, ThemeChoice } from "../components/Bar.tsx";
import { Note, words } from "../components/Note.tsx";
import { t as common } from "../messages/common.ts";
import { t } from "../messages/sign-in.ts";
import { api, nextPath } from "../session.ts";
import { startOpenPage } from "../start.tsx";
import { postSession } from "../wire.ts";

/** How long a crowd is waited out, milliseconds; the form says so. */
const CROWD_MS = 120_000;

function SignIn() {
  const isSending = useSignal(false);
  const trouble = useSignal<string | null>(null);
  async function submit(form: HTMLFormElement) {
    const fields = new FormData(form);
    isSending.value = true;
    trouble.value = null;
    const body = { username: String(fields.get("username")), password: String(fields.get("password")), mode: "cookie", device: deviceName(navigator.userAgent) } as const;
    const until = Date.now() + CROWD_MS;
    try {
      while (!(await isIn(body, until))) trouble.value = t("busy");
      location.replace(nextPath(location.search, location.origin));
    } catch (error) {
      isSending.value = false;
      trouble.value = told(error);
    }
  }
  return (
    <main class="sign-in">
      <form
        class="card"
        onSubmit={(event) => {
          event.preventDefault();
          void submit(event.currentTarget);
        }}
      >
        <p class="quiet">{common("product")}</p>
        <h1>{t("title")}</h1>
        {trouble.value !== null && <Note tone="alarm">{trouble.value}</Note>}
        <label class="field">
          {t("username")}
          <input name="username" autocomplete="username" autocapitalize="none" spellcheck={false} required ref={focus} />
        </label>
        <label class="field">
          {t("password")}
          <input name="password" type="password" autocomplete="current-password" required />
        </label>
        <button class="button main touch" type="submit" disabled={isSending.value}>
          {isSending.value ? common("sending") : t("submit")}
        </button>
      </form>
      <footer>
        <LanguageChoice />
        <ThemeChoice />
      </footer>
    </main>
  );
}

/** How the person's own list of sessions tells this browser from their others. */
function deviceName(agent: string): string {
  const found = (names: readonly (readonly [RegExp, string])[]): string => names.find(([sign]) => sign.test(agent))?.[1] ?? "";
  const browser = found([[/Edg\//, "Edge"], [/Firefox\//, "Firefox"], [/Chrome\//, "Chrome"], [/Safari\//, "Safari"]]);
  const system = found([[/Android/, "Android"], [/iPhone|iPad/, "iOS"], [/Windows/, "Windows"], [/Mac OS X/, "macOS"], [/Linux/, "Linux"]]);
  return [browser, system].filter((part) => part !== "").join(", ");
}

/** Try once; `false` = there was a crowd, and it is waited for a moment. */
async function isIn(body: { username: string; password: string; mode: "cookie"; device: string }, until: number): Promise<boolean> {
  try {
    await api.call(postSession, { body });
    return true;
  } catch (error) {
    if (!(error instanceof Refusal) || error.code !== "sign_in_busy" || Date.now() > until) throw error;
    const pause = Number(error.facts["retry_after_s"] ?? 1) * 1000;
    await new Promise((resolve) => setTimeout(resolve, pause * (0.5 + Math.random())));
    return false;
  }
}

function focus(field: HTMLInputElement | null): void {
  field?.focus();
}

function told(error: unknown): string {
  if (!(error instanceof Refusal)) return words(error);
  if (error.code === "bad_credentials") return t("wrong");
  const wait = error.facts["retry_after_s"];
  return typeof wait === "number" ? t("slow_down", { n: Math.ceil(wait) }) : words(error);
}

void startOpenPage(() => <SignIn />);
