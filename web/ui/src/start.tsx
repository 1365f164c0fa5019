// How every page begins: language, appearance, session, live client; then its first screen.

import "./fields.ts";
import { render, type ComponentChildren } from "preact";
import { Live } from "./live.ts";
import { startLocale } from "./i18n.ts";
import { t } from "./messages/common.ts";
import { clock, goSignIn, liveTicket, openSession, type Session } from "./session.ts";
import { startTheme } from "./theme.ts";
import { keepTicking } from "./time.ts";
import type { RoleClass } from "./wire.ts";
import { Note } from "./components/Note.tsx";

/** Where a page is drawn. */
export function root(): HTMLElement {
  const found = document.getElementById("app");
  if (found === null) throw new Error("the page has no #app");
  // What stands there is for pages that never come so far.
  found.querySelector(".boot")?.remove();
  return found;
}

/** Begin a page that needs nobody signed in. */
export async function startOpenPage(draw: () => ComponentChildren): Promise<void> {
  startTheme();
  await startLocale();
  render(draw(), root());
}

/** Begin a page of somebody signed in. */
export async function startPage(draw: (session: Session) => ComponentChildren): Promise<void> {
  startTheme();
  await startLocale();
  keepTicking(clock);
  try {
    const session = await openSession();
    if (session !== null) render(draw(session), root());
  } catch {
    render(
      <main>
        <Note tone="warn">
          <p>{t("unreachable")}</p>
          <button class="button" type="button" onClick={() => location.reload()}>
            {t("try_again")}
          </button>
        </Note>
      </main>,
      root(),
    );
  }
}

/** Follow a view for as long as the page is open. */
export function followLive<V extends RoleClass>(session: Session, view: V): Live<V> {
  const live = new Live<V>({ county: session.county, view, ticket: liveTicket, clock });
  live.freshness.subscribe((now) => {
    if (now.state === "signed_out") goSignIn();
  });
  addEventListener("online", () => live.wake());
  addEventListener("offline", () => live.lost());
  document.addEventListener("visibilitychange", () => {
    if (document.visibilityState === "visible") live.wake();
  });
  for (const kind of ["pointerdown", "keydown"] as const) {
    addEventListener(kind, () => live.here(), { passive: true });
  }
  // A page kept for the back button holds no socket.
  addEventListener("pagehide", () => live.stop());
  addEventListener("pageshow", (event) => {
    if (event.persisted) live.start();
  });
  live.start();
  return live;
}
