// One's own account: where it is signed in, and its password.

import "../base.css";
import "./account.css";
import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { Bar } from "../components/Bar.tsx";
import { Note, Trouble } from "../components/Note.tsx";
import { dateTime } from "../format.ts";
import { t as common } from "../messages/common.ts";
import { t } from "../messages/account.ts";
import { api, holds, type Session } from "../session.ts";
import { startPage } from "../start.tsx";
import {
  PAGE_ROLES,
  deleteSessionOne,
  deleteSessionOthers,
  getSessionAll,
  getSessionChannels,
  postSessionChannelsMail,
  postSessionChannelsMailCode,
  postSessionChannelsMailTest,
  postSessionPassword,
  type Channel,
  type OpenSession,
  type OwnChannels,
  type OwnSessions,
} from "../wire.ts";

function Account({ session }: { session: Session }) {
  return (
    <>
      <Bar session={session} />
      <main class="account">
        <h1>{t("title", { name: session.who.label })}</h1>
        <Pages session={session} />
        <Sessions />
        <Alarms />
        <Password />
      </main>
    </>
  );
}

/** Where one may go from here. */
function Pages({ session }: { session: Session }) {
  const own = Object.entries(PAGE_ROLES).filter(([, roles]) => holds(session, roles));
  return (
    <nav class="card" aria-label={t("pages")}>
      <h2>{t("pages")}</h2>
      <ul>
        {own.map(([path]) => (
          <li key={path}>
            <a href={path}>{t(`page_${path.slice(1)}` as "page_board")}</a>
          </li>
        ))}
      </ul>
    </nav>
  );
}

function Sessions() {
  const known = useSignal<OwnSessions | null>(null);
  const trouble = useSignal<unknown>(null);
  async function look(act?: () => Promise<unknown>): Promise<void> {
    trouble.value = null;
    try {
      await act?.();
      known.value = await api.call(getSessionAll, {});
    } catch (error) {
      trouble.value = error;
    }
  }
  useEffect(() => void look(), []);
  const others = known.value?.sessions.filter((one) => one.session_id !== known.value?.current) ?? [];
  return (
    <section class="card">
      <h2>{t("signed_in")}</h2>
      <p class="quiet">{t("signed_in_why")}</p>
      <Trouble trouble={trouble.value} />
      <ul class="sessions">
        {known.value?.sessions.map((one) => (
          <li key={one.session_id}>
            <Where one={one} />
            {one.session_id === known.value?.current ? (
              <span class="mark tone-free shape-round">{t("here")}</span>
            ) : (
              <button
                type="button"
                class="button"
                onClick={() => void look(() => api.call(deleteSessionOne, { path: { session_id: one.session_id } }))}
              >
                {t("end")}
              </button>
            )}
          </li>
        ))}
      </ul>
      {others.length > 0 && (
        <button type="button" class="button main" onClick={() => void look(() => api.call(deleteSessionOthers, {}))}>
          {t("end_others", { n: others.length })}
        </button>
      )}
    </section>
  );
}

function Where({ one }: { one: OpenSession }) {
  return (
    <div>
      <strong>{one.device || t(`purpose_${one.purpose}`)}</strong>
      <p class="quiet">
        {t("since", { began: dateTime(one.created_at), seen: dateTime(one.last_seen_at) })}
      </p>
    </div>
  );
}

function Alarms() {
  const known = useSignal<OwnChannels | null>(null);
  const trouble = useSignal<unknown>(null);
  async function act(run: () => Promise<OwnChannels>): Promise<void> {
    trouble.value = null;
    try {
      known.value = await run();
    } catch (error) {
      trouble.value = error;
    }
  }
  useEffect(() => void act(() => api.call(getSessionChannels, {})), []);
  const own = known.value?.channels.find((one) => one.kind === "mail");
  const canMail = known.value?.kinds.includes("mail") ?? false;
  return (
    <section class="card" id="alarms">
      <h2>{t("alarms")}</h2>
      <p class="quiet">{t("alarms_why")}</p>
      {known.value !== null && !canMail && <Note tone="warn">{t("alarms_none")}</Note>}
      <form
        onSubmit={(event) => {
          event.preventDefault();
          const address = String(new FormData(event.currentTarget).get("address"));
          void act(() => api.call(postSessionChannelsMail, { body: { address: address.trim() === "" ? null : address } }));
        }}
      >
        <label class="field">
          {t("mail")}
          <input key={own?.address} name="address" type="email" autocomplete="email" defaultValue={own?.address ?? ""} />
        </label>
        {own && <p class={own.failed_at !== null ? "alarm-words" : own.verified_at === null ? "warn-words" : "quiet"}>{state(own)}</p>}
        <button class="button" type="submit">
          {t("mail_keep")}
        </button>{" "}
        {own && (
          <button class="button main" type="button" disabled={!canMail} onClick={() => void act(() => api.call(postSessionChannelsMailTest, { body: {} }))}>
            {t("mail_test")}
          </button>
        )}
      </form>
      {own?.code_sent_at && (
        <form
          onSubmit={(event) => {
            event.preventDefault();
            const code = String(new FormData(event.currentTarget).get("code"));
            void act(() => api.call(postSessionChannelsMailCode, { body: { code } }));
          }}
        >
          <Note>{t("mail_sent")}</Note>
          <label class="field">
            {t("mail_code")}
            <input name="code" inputMode="numeric" autocomplete="one-time-code" required />
          </label>
          <button class="button main" type="submit">
            {t("mail_enter")}
          </button>
        </form>
      )}
      <Trouble trouble={trouble.value} />
    </section>
  );
}

function state(own: Channel): string {
  if (own.failed_at !== null) return t("mail_failed", { since: dateTime(own.failed_at) });
  return own.verified_at === null ? t("mail_untried") : t("mail_works");
}

function Password() {
  const isSending = useSignal(false);
  const trouble = useSignal<unknown>(null);
  const isDone = useSignal(false);
  async function submit(form: HTMLFormElement): Promise<void> {
    const fields = new FormData(form);
    isSending.value = true;
    trouble.value = null;
    isDone.value = false;
    try {
      await api.call(postSessionPassword, { body: { old: String(fields.get("old")), new: String(fields.get("new")) } });
      form.reset();
      isDone.value = true;
    } catch (error) {
      trouble.value = error;
    } finally {
      isSending.value = false;
    }
  }
  return (
    <section class="card">
      <h2>{t("password")}</h2>
      <p class="quiet">{t("password_why")}</p>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          void submit(event.currentTarget);
        }}
      >
        <label class="field">
          {t("old")}
          <input name="old" type="password" autocomplete="current-password" required />
        </label>
        <label class="field">
          {t("new")}
          <input name="new" type="password" autocomplete="new-password" minLength={12} required />
        </label>
        <Trouble trouble={trouble.value} />
        {isDone.value && <Note>{t("password_done")}</Note>}
        <button class="button main" type="submit" disabled={isSending.value}>
          {isSending.value ? common("sending") : t("set_password")}
        </button>
      </form>
    </section>
  );
}

void startPage((session) => <Account session={session} />);
