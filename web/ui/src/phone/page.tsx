// The team's phone: one thumb, rain, no signal.

import "../base.css";
import "./phone.css";
import { signal } from "@preact/signals";
import { render } from "preact";
import { Unreachable } from "../api.ts";
import { Icon } from "../components/Icon.tsx";
import { TeamMark } from "../components/Mark.tsx";
import { Note } from "../components/Note.tsx";
import { startLocale } from "../i18n.ts";
import { t as common } from "../messages/common.ts";
import { t } from "../messages/phone.ts";
import { keepShell } from "../offline.ts";
import { api, clock, goSignIn, openSession, session as current, type Session } from "../session.ts";
import { startTheme } from "../theme.ts";
import { keepTicking } from "../time.ts";
import { ClearDock, ClearSheet } from "./Clear.tsx";
import { CrewAlarms, Duress } from "./Duress.tsx";
import { keepSession, keptSession } from "./kept.ts";
import { DeclineSheet, OfferDock, OfferScreen } from "./Offer.tsx";
import { Heard, Refused, Undo } from "./parts.tsx";
import { Phone } from "./phone.ts";
import { MistakeSheet, NoteSheet, OtherSheet, PartnerSheet, RunDock, RunScreen, SceneClearedSheet, StageSheet } from "./Run.tsx";
import { EndShiftSheet, MoreSheet, OffShift, Position, UnavailableSheet, Waiting, WaitingDock } from "./Shift.tsx";
import { alertWords, loadCodes } from "./words.ts";

/** So long the network may take before the phone starts with what it remembers. */
const PATIENCE_MS = 2500;

const awake = signal(false);
let lock: WakeLockSentinel | null = null;
async function keepAwake(isOn: boolean): Promise<void> {
  awake.value = isOn;
  try {
    if (isOn) lock = await navigator.wakeLock.request("screen");
    else await lock?.release();
  } catch {
    // The device decides; without it the screen goes dark as ever.
    awake.value = false;
  }
}

function App({ phone }: { phone: Phone }) {
  const picture = phone.picture.value;
  const offer = phone.offer.value;
  const run = phone.run.value;
  const fresh = phone.live.freshness.value;
  const isSignedOut = fresh.state === "signed_out" || phone.outbox.standing.value === "signed_out";
  const isHome = phone.screen.value === "home";
  // What an offer's or a run's own place shows already isn't said twice.
  const refused = phone.unsettled.value.filter(
    (one) => one.state === "refused" && one.path["offer_id"] !== offer?.asked.id && one.operation !== "startTeamShift",
  );
  return (
    <>
      <header class="top">
        <div class="who">
          <strong>{picture?.team.call_sign ?? phone.session.who.label}</strong>
          {picture && !isHome && <TeamMark status={run?.status ?? picture.team.status} />}
        </div>
        <button type="button" class="button plain touch" data-act="more" aria-label={t("menu")} onClick={() => (isHome ? phone.open("more") : phone.home())}>
          <Icon name={isHome ? "person" : "close"} />
        </button>
      </header>
      <Heard phone={phone} />
      <main>
        {isSignedOut && (
          <Note tone="alarm">
            <p>{t("session_over")}</p>
            <button type="button" class="button touch" onClick={goSignIn}>
              {common("sign_in_again")}
            </button>
          </Note>
        )}
        {!phone.keeps.value && <Note tone="warn">{t("shelf_bad")}</Note>}
        {fresh.state === "stopped" && fresh.reason === "reload" && (
          <Note tone="alarm">
            <p>{common("fresh_reload")}</p>
            <button type="button" class="button touch" onClick={() => location.reload()}>
              {common("try_again")}
            </button>
          </Note>
        )}
        {fresh.state === "stopped" && fresh.reason !== "reload" && fresh.reason !== "no_team" && <Note tone="alarm">{common("fresh_stopped")}</Note>}
        {refused.map((entry) => (
          <Refused key={entry.key} phone={phone} entry={entry} />
        ))}
        <CrewAlarms phone={phone} />
        <Alerts phone={phone} />
        <Body phone={phone} />
      </main>
      <footer class="dock">
        <Undo phone={phone} />
        {phone.screen.value === "clear" && run && <ClearDock phone={phone} now={run} />}
        {isHome && (offer ? <OfferDock phone={phone} asked={offer.asked} /> : run ? <RunDock phone={phone} now={run} /> : <WaitingDock phone={phone} />)}
        <div class="under">
          <Duress phone={phone} />
          {isHome && run && !offer && (
            <button type="button" class="button touch" data-act="other" onClick={() => phone.open("other")}>
              {t("other")}
            </button>
          )}
          {!isHome && (
            <button type="button" class="button touch" data-act="back" onClick={() => phone.home()}>
              {t("back")}
            </button>
          )}
        </div>
      </footer>
    </>
  );
}

function Body({ phone }: { phone: Phone }) {
  const offer = phone.offer.value;
  const now = phone.run.value;
  switch (phone.screen.value) {
    case "more":
      return <MoreSheet phone={phone} awake={{ isOn: awake.value, set: (isOn) => void keepAwake(isOn) }} />;
    case "decline":
      if (offer) return <DeclineSheet phone={phone} asked={offer.asked} />;
      break;
    case "unavailable":
      if (phone.picture.value) return <UnavailableSheet phone={phone} />;
      break;
    case "end_shift":
      if (phone.picture.value) return <EndShiftSheet phone={phone} />;
      break;
    case "home":
      break;
    default:
      if (now) {
        const Screen = SCREENS[phone.screen.value];
        return <Screen phone={phone} now={now} />;
      }
  }
  if (offer) return <OfferScreen phone={phone} asked={offer.asked} incident={offer.incident} />;
  if (now) {
    return (
      <>
        <RunScreen phone={phone} now={now} />
        <Position phone={phone} />
      </>
    );
  }
  if (phone.picture.value) return <Waiting phone={phone} />;
  if (phone.isOffShift.value) return <OffShift phone={phone} />;
  return <p class="quiet">{common("fresh_connecting")}</p>;
}

const SCREENS = {
  other: OtherSheet,
  stage: StageSheet,
  scene_cleared: SceneClearedSheet,
  clear: ClearSheet,
  note: NoteSheet,
  partner: PartnerSheet,
  mistake: MistakeSheet,
} as const;

/** Notices of the county; the offer itself needs none, it fills the screen. Over a sheet only those that can't wait. */
function Alerts({ phone }: { phone: Phone }) {
  const isHome = phone.screen.value === "home";
  const shown = phone.live.alerts.value.filter((one) => one.template !== "offer" && (isHome || one.urgency === "now")).slice(0, 2);
  return (
    <>
      {shown.map((one) => (
        <div key={one.key} class={`note ${one.urgency === "now" ? "alarm" : "warn"}`} role="alert">
          <Icon name="bell" />
          <div class="grow">
            <p>{alertWords(one.template)}</p>
          </div>
          <button type="button" class="button touch" onClick={() => phone.live.dismiss(one)}>
            {t("dismiss")}
          </button>
        </div>
      ))}
    </>
  );
}

function pause(ms: number): Promise<null> {
  return new Promise((resolve) => setTimeout(() => resolve(null), ms));
}

/** Who works with this phone; without a network, who worked with it last. `null` = signing in. */
async function whoever(): Promise<Session | null> {
  const kept = keptSession();
  const asked = openSession();
  asked.then(
    (found) => {
      if (found === null) return;
      // Somebody else signed in on this phone, and the network told so late.
      if (kept !== null && current.peek()?.who.account_id !== found.who.account_id) location.reload();
      keepSession(found);
    },
    () => undefined,
  );
  if (kept === null) return asked;
  const first = await Promise.race([asked.then((found) => found ?? "sign_in").catch(() => null), navigator.onLine ? pause(PATIENCE_MS) : null]);
  if (first === "sign_in") return null;
  if (first !== null) return first;
  api.county = kept.county;
  current.value = kept;
  return kept;
}

async function start(): Promise<void> {
  const root = document.getElementById("app");
  if (root === null) throw new Error("the page has no #app");
  startTheme();
  await startLocale();
  keepTicking(clock);
  let session: Session | null;
  try {
    session = await whoever();
  } catch (error) {
    if (!(error instanceof Unreachable)) throw error;
    render(
      <main>
        <Note tone="warn">
          <p>{common("unreachable")}</p>
          <button class="button touch" type="button" onClick={() => location.reload()}>
            {common("try_again")}
          </button>
        </Note>
      </main>,
      root,
    );
    return;
  }
  if (session === null) return;
  void loadCodes();
  const phone = await Phone.begin(session);
  document.addEventListener("visibilitychange", () => {
    // A lock ends when the page is hidden.
    if (awake.peek() && document.visibilityState === "visible") void keepAwake(true);
  });
  render(<App phone={phone} />, root);
  void keepShell();
}

void start();
