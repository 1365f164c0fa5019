// The bar over every page: where one is, how true the screen is, who is signed in.

import type { ComponentChildren } from "preact";
import { timeSeconds } from "../format.ts";
import { LOCALES, locale, NAMES, useLocale, type Locale } from "../i18n.ts";
import type { Freshness as State } from "../live.ts";
import { t } from "../messages/common.ts";
import { clock, holds, signOut, type Session } from "../session.ts";
import { setTheme, theme, THEMES, type Theme } from "../theme.ts";
import { PAGE_ROLES } from "../wire.ts";
import { Icon, type IconName } from "./Icon.tsx";
import { UnreadNotices } from "./Unread.tsx";
import { Unverified } from "./Rules.tsx";

/** `showsUnread`: the page has no place of its own for it. */
export function Bar({ session, fresh, showsUnread = true, children }: { session: Session; fresh?: State; showsUnread?: boolean; children?: ComponentChildren }) {
  return (
    <header class="bar">
      <span class="name">{t("county_named", { county: session.countyName })}</span>
      {fresh && <Fresh state={fresh} />}
      {clock.isSet && <time class="figures quiet">{timeSeconds(clock.second.value)}</time>}
      <div class="grow">{children}</div>
      <Unverified />
      <LanguageChoice />
      <ThemeChoice />
      {holds(session, PAGE_ROLES["/on-call"]) && location.pathname !== "/on-call" && <a href="/on-call">{t("on_call")}</a>}
      <a class="quiet" href="/account" title={t("account")}>
        {session.who.label}
      </a>
      <button type="button" class="button plain" onClick={() => void signOut()}>
        {t("sign_out")}
      </button>
      {showsUnread && <UnreadNotices />}
    </header>
  );
}

/** How true the screen is; spoken when it changes. */
export function Fresh({ state }: { state: State }) {
  const [tone, icon, text] = told(state);
  return (
    <span class={`mark tone-${tone} shape-${tone === "free" ? "round" : "thick"}`} role="status" data-fresh={state.state}>
      <Icon name={icon} />
      {text}
    </span>
  );
}

function told(state: State): [string, IconName, string] {
  switch (state.state) {
    case "connecting":
      return ["away", "clock", t("fresh_connecting")];
    case "live":
      return ["free", "pulse", t("fresh_live")];
    case "stale":
      return ["alarm", "link_off", t("fresh_stale", { time: timeSeconds(clock.ofDevice(state.since)) })];
    case "offline":
      return ["alarm", "link_off", t("fresh_offline", { time: timeSeconds(clock.ofDevice(state.since)) })];
    case "signed_out":
      return ["alarm", "person", t("fresh_signed_out")];
    case "stopped":
      if (state.reason === "no_team") return ["warn", "person", t("fresh_no_team")];
      if (state.reason === "reload") return ["alarm", "swap", t("fresh_reload")];
      return ["alarm", "close", t("fresh_stopped")];
  }
}

export function LanguageChoice() {
  return (
    <label>
      <span class="said">{t("language")}</span>
      <select class="button plain" value={locale.value} onChange={(event) => void useLocale(event.currentTarget.value as Locale, true)}>
        {LOCALES.map((one) => (
          <option key={one} value={one} lang={one}>
            {NAMES[one]}
          </option>
        ))}
      </select>
    </label>
  );
}

export function ThemeChoice() {
  return (
    <label>
      <span class="said">{t("theme")}</span>
      <select class="button plain" value={theme.value} onChange={(event) => setTheme(event.currentTarget.value as Theme)}>
        {THEMES.map((one) => (
          <option key={one} value={one}>
            {t(`theme_${one}`)}
          </option>
        ))}
      </select>
    </label>
  );
}
