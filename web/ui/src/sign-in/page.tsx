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

function SignIn() {
  const isSending = useSignal(false);
  const trouble = useSignal<string | null>(null);
  async function submit(form: HTMLFormElement) {
    const fields = new FormData(form);
    isSending.value = true;
    trouble.value = null;
    try {
      await api.call(postSession, {
        body: { username: String(fields.get("username")), password: String(fields.get("password")), mode: "cookie" },
      });
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
