// The team's phone: one thumb, rain, no signal.

import "../base.css";
import "./phone.css";
import { signal } from "@preact/signals";
import { render } from "preact";
import { Refusal, Unreachable } from "../api.ts";
import { followCalls } from "../calls.ts";
import { Icon } from "../components/Icon.tsx";
import { TeamMark } from "../components/Mark.tsx";
import { Note } from "../components/Note.tsx";
import { startLocale } from "../i18n.ts";
import { t as common } from "../messages/common.ts";
import { t } from "../messages/phone.ts";
import { keepShell } from "../offline.ts";
import { api, clock, goSignIn, openSession, session as current, type Session } from "../session.ts";
import { root } from "../start.tsx";
import { startTheme } from "../theme.ts";
import { keepTicking } from "../time.ts";
import { ClearDock, ClearSheet } from "./Clear.tsx";
import { CrewAlarms, Duress } from "./Duress.tsx";
import { Fault, Gone } from "./Fault.tsx";
import { changePerson, forgetAll, keepSession, keptSession, openKept, unsent } from "./kept.ts";
import { DeclineSheet, OfferDock, OfferScreen } from "./Offer.tsx";
import { Heard, Undo } from "./parts.tsx";
import { Phone, type Erased } from "./phone.ts";
import { resumePlace } from "./PlaceCard.tsx";
import { DangerSheet, MistakeSheet, NoteSheet, OtherSheet, PartnerSheet, RunDock, RunScreen, SceneClearedSheet, StageSheet } from "./Run.tsx";
import { EndShiftSheet, MoreSheet, OffShift, Position, UnavailableSheet, Waiting, WaitingDock } from "./Shift.tsx";
import { CallButtons, Told } from "./Told.tsx";
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
  const isHome = phone.screen.value === "home";
  return (
    <>
      <header class="top">
        <div class="who">
          <strong>{picture?.team.call_sign ?? phone.session.who.label}</strong>
          {picture && !isHome && (run !== null || phone.canSend.value) && <TeamMark status={run?.status ?? picture.team.status} />}
        </div>
        <button type="button" class="button plain touch" data-act="more" aria-label={t("menu")} onClick={() => (isHome ? phone.open("more") : phone.home())}>
          <Icon name={isHome ? "person" : "close"} />
        </button>
      </header>
      <Heard phone={phone} />
      <main>
        {phone.isSignedOut.value ? (
          <Note tone="alarm">
            <p>{t("session_over")}</p>
            <div class="row">
              <button type="button" class="button touch" onClick={goSignIn}>
                {common("sign_in_again")}
              </button>
              <CallButtons with911={true} />
            </div>
          </Note>
        ) : (
          !phone.canSend.value &&
          fresh.state !== "connecting" &&
          !(fresh.state === "stopped" && fresh.reason === "no_team") && (
            <Note tone="warn">
              <p>{t("out_of_reach")}</p>
              <div class="row">
                <CallButtons with911={true} />
              </div>
            </Note>
          )
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
        <Told phone={phone} />
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
  danger: DangerSheet,
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

function pause(ms: number): Promise<"away"> {
  return new Promise((resolve) => setTimeout(() => resolve("away"), ms));
}

/** The session is over: why, decides whether this phone still keeps what its crew needs. */
function signedOut(why: Refusal): void {
  if (isErased) return;
  // Ended by somebody, not run out by itself: the phone may be in other hands.
  if (why.facts["forget"] === true) void erase({ isTold: true, lost: unsent() });
  // It ran out, or the browser lost its secret at a kill: the crew goes on, signs in again, and can
  // still call for help. What is kept opens for nobody else.
  else if (phone === null) goSignIn();
}
let phone: Phone | null = null;
let isErased = false;

async function erase(how: Erased): Promise<void> {
  isErased = true;
  const ending = phone;
  phone = null;
  if (ending !== null) await ending.end();
  else await forgetAll();
  drawGone(how);
}

function drawGone(how: Erased): void {
  render(<Gone how={how} />, root());
}

/** Who works with this phone; without a network, who worked with it last. `null` = the session is over. */
async function whoever(): Promise<Session | null> {
  const kept = keptSession();
  const asked = openSession(signedOut);
  const isOther = (found: Session): boolean => kept !== null && kept.who.account_id !== found.who.account_id;
  asked.then(
    async (found) => {
      if (found === null) return;
      if (isOther(found)) await changePerson();
      keepSession(found);
      // The network told so late: what is on the screen is another's.
      if (isOther(found) && current.peek() === kept) location.reload();
    },
    () => undefined,
  );
  if (kept === null) return asked;
  const first = await Promise.race([asked.catch(() => "away" as const), navigator.onLine ? pause(PATIENCE_MS) : "away" as const]);
  if (first !== "away") return first !== null && isOther(first) ? asked.then(() => first) : first;
  api.county = kept.county;
  current.value = kept;
  return kept;
}

async function start(): Promise<void> {
  startTheme();
  await startLocale();
  followCalls();
  keepTicking(clock);
  const isLasting = await openKept();
  let session: Session | null;
  try {
    session = await whoever();
  } catch (error) {
    if (!(error instanceof Unreachable)) throw error;
    render(
      <main>
        <Note tone="warn">
          <p>{common("unreachable")}</p>
          <div class="row">
            <button class="button touch" type="button" onClick={() => location.reload()}>
              {common("try_again")}
            </button>
            <CallButtons with911={true} />
          </div>
        </Note>
      </main>,
      root(),
    );
    return;
  }
  if (session === null) return;
  void loadCodes();
  resumePlace(session);
  phone = await Phone.begin(session, isLasting, signedOut, drawGone);
  document.addEventListener("visibilitychange", () => {
    // A lock ends when the page is hidden.
    if (awake.peek() && document.visibilityState === "visible") void keepAwake(true);
  });
  render(
    <Fault>
      <App phone={phone} />
    </Fault>,
    root(),
  );
  void keepShell();
  // A browser short of room may drop what isn't asked to last.
  void navigator.storage?.persist?.();
}

void start();
