// The phone's state: what the county said last, what this phone has still to say, and which screen
// stands before the person. Must not know how it is drawn.

import { computed, effect, signal, type ReadonlySignal } from "@preact/signals";
import { Api, type Refusal } from "../api.ts";
import { Live, type Freshness } from "../live.ts";
import { Outbox, type Entry } from "../outbox.ts";
import { hearDeskPhone } from "../calls.ts";
import { api, clock, liveTicket, type Session } from "../session.ts";
import { CountyClock, instant, type Instant } from "../time.ts";
import { clearAssignment, deleteSession, getMyShifts, getPolicy, startTeamShift, type MyShift, type TeamIncidentView } from "../wire.ts";
import { isAhead, OPERATIONS, shownDuty, shownRun } from "./acts.ts";
import { Bell } from "./bell.ts";
import {
  endShift,
  entryShelf,
  forgetAll,
  forgetPlace,
  holdsShift,
  keepCheckIn,
  keepClock,
  keepCrew,
  keepPicture,
  keptCheckIn,
  keptClock,
  keptCrew,
  keptPicture,
  type CheckIn,
  type LastCrew,
  type Picture,
} from "./kept.ts";
import { Tracker } from "./position.ts";

export type Screen =
  | "home"
  | "decline"
  | "other"
  | "stage"
  | "scene_cleared"
  | "clear"
  | "unavailable"
  | "note"
  | "partner"
  | "danger"
  | "mistake"
  | "end_shift"
  | "more";

/** While off shift the phone asks so often whether a shift was begun for it. */
const LOOK_EVERY_MS = 15_000;
/** A check-in rings so long before it is due. */
const REMIND_MS = 60_000;

/** So long the county may be silent before nothing is promised any more. */
const HEARD_WITHIN_MS = 30_000;
/** So long after its shift a phone that heard nothing more still keeps what it needs for a run. */
const OVERTIME_MS = 12 * 3_600_000;

/** How often at most the county's clock is kept on the device. */
const KEEP_CLOCK_MS = 5000;

/** Passes on to the pages' clock, and notes that the county was heard. */
class HeardClock extends CountyClock {
  private readonly heard: () => void;
  constructor(heard: () => void) {
    super();
    this.heard = heard;
  }
  override sync(at: string): void {
    clock.sync(at);
    this.heard();
  }
}

/** What a phone says once it has forgotten everything. */
export interface Erased {
  /** Whether the county had it done, or its person. */
  readonly isTold: boolean;
  /** How many acts were not received before. */
  readonly lost: number;
}

export class Phone {
  readonly session: Session;
  readonly live: Live<"team">;
  readonly outbox: Outbox;
  readonly bell = new Bell();
  readonly tracker: Tracker;
  readonly screen = signal<Screen>("home");
  /** A status that may have been a mistake. */
  readonly mistaken = signal<Entry | null>(null);
  /** Whether what waits survives a restart of this phone. */
  readonly keeps: ReadonlySignal<boolean>;
  /** When the county was last heard, by this device's clock; `null` = never. */
  readonly heardAt = signal<number | null>(null);
  /** The same in county time; `null` = this page hasn't heard it yet. */
  readonly heardCounty = signal<Instant | null>(null);
  /** This device's clock, each second. */
  readonly deviceNow = signal(Date.now());
  readonly lastCrew = signal<LastCrew | null>(null);
  /** Own shifts that can be begun, soonest first; `null` = not heard yet. */
  readonly planned = signal<readonly MyShift[] | null>(null);
  /** The check-in that this crew was asked for last. */
  readonly checkIn = signal<CheckIn | null>(null);
  private readonly kept = signal<Picture | null>(null);

  private readonly erased: (how: Erased) => void;

  private constructor(session: Session, isLasting: boolean, signedOut: (why: Refusal) => void, erased: (how: Erased) => void) {
    this.session = session;
    this.erased = erased;
    // One try at a time: the outbox itself knows when to try again, and says so.
    const sender = new Api({ tries: 1 });
    sender.county = api.county;
    sender.onSignedOut = signedOut;
    this.outbox = new Outbox({
      api: sender,
      shelf: entryShelf(),
      account: session.who.account_id,
      county: session.county,
      operations: OPERATIONS,
      countyNow: () => (clock.isSet ? new Date(clock.now()) : null),
    });
    this.tracker = new Tracker(sender, clock);
    this.live = new Live<"team">({
      county: session.county,
      view: "team",
      ticket: async () => {
        const ticket = await liveTicket();
        this.hear();
        return ticket;
      },
      clock: new HeardClock(() => this.hear()),
    });
    // What this phone shows without a network is in the county's time too.
    const word = keptClock(session);
    if (word !== null) clock.resume(word);
    this.checkIn.value = keptCheckIn(session);
    this.kept.value = keptPicture(session);
    this.letLapse();
    this.heardAt.value = this.kept.value?.heardAt ?? null;
    this.lastCrew.value = keptCrew(session);
    this.keeps = computed(() => isLasting && !this.outbox.forgets.value);
  }

  /** `isLasting`: what is kept outlives the page. `signedOut`: hears why the session is over; `erased`: that nothing is left. */
  static async begin(session: Session, isLasting: boolean, signedOut: (why: Refusal) => void, erased: (how: Erased) => void): Promise<Phone> {
    const phone = new Phone(session, isLasting, signedOut, erased);
    await phone.outbox.start();
    phone.listen();
    phone.live.start();
    return phone;
  }

  get fresh(): Freshness {
    return this.live.freshness.value;
  }

  /** The county as far as this phone knows; `null` = the team of nobody, or never heard. */
  readonly picture: ReadonlySignal<Picture | null> = computed(() => {
    const fresh = this.live.freshness.value;
    if (fresh.state === "stopped" && fresh.reason === "no_team") return null;
    const team = [...this.live.of("team").all.value.values()][0];
    if (team === undefined) return this.live.seq.value > 0 ? null : this.kept.value;
    if (team.duty === "off_shift") return null;
    return {
      seq: this.live.seq.value,
      heardAt: this.heardAt.peek() ?? Date.now(),
      team,
      incidents: [...this.live.of("incident").all.value.values()],
      obligations: [...this.live.of("obligation").all.value.values()],
      duress: [...this.live.of("duress").all.value.values()],
    };
  });

  /** Whether it is known that nobody is on shift here: then a shift can be begun. */
  readonly isOffShift = computed(() => {
    if (this.picture.value !== null) return false;
    const fresh = this.live.freshness.value;
    return this.live.seq.value > 0 || (fresh.state === "stopped" && fresh.reason === "no_team") || this.lastCrew.value !== null;
  });

  readonly run = computed(() => {
    const picture = this.picture.value;
    const going = picture?.team.run ?? null;
    if (picture === null || going === null) return null;
    const incident = picture.incidents.find((one) => one.id === going.incident_id);
    const run = incident?.runs.find((one) => one.id === going.id);
    if (incident === undefined || run === undefined) return null;
    const shown = shownRun(run, this.outbox.entries.value, picture.seq);
    return { incident, run, ...shown };
  });

  readonly offer = computed(() => {
    const picture = this.picture.value;
    const asked = picture?.team.offer ?? null;
    if (picture === null || asked === null || picture.team.run !== null) return null;
    const incident: TeamIncidentView | null = picture.incidents.find((one) => one.id === asked.incident_id) ?? null;
    return { asked, incident };
  });

  readonly duty = computed(() => {
    const picture = this.picture.value;
    return picture === null ? null : shownDuty(picture.team.duty, this.outbox.entries.value, picture.seq);
  });

  /** Whether the session is over: it still calls for help, and does nothing else. */
  readonly isSignedOut = computed(() => this.live.freshness.value.state === "signed_out" || this.outbox.standing.value === "signed_out");

  /** Whether what is said here goes out now, and an offer comes in. */
  readonly canSend = computed(() => {
    const heard = this.heardAt.value;
    const isRecent = heard !== null && Math.abs(this.deviceNow.value - heard) < HEARD_WITHIN_MS;
    return this.live.freshness.value.state === "live" && isRecent && this.outbox.standing.value === "none";
  });

  /** Newest alarm of this phone that is still open, here or there. */
  readonly alarm = computed((): Entry | null => {
    const picture = this.picture.value;
    const raised = this.outbox.entries.value.findLast((one) => one.operation === "raiseDuress") ?? null;
    if (raised === null || raised.state === "refused") return raised;
    if (isAhead(raised, picture?.seq ?? 0)) return raised;
    return null;
  });

  /** Go to the first screen. */
  home(): void {
    this.screen.value = "home";
    scrollTo(0, 0);
  }

  open(screen: Screen): void {
    // Who looks at the settings may sign out next: nothing may be held back then.
    if (screen === "more") this.outbox.letGo();
    this.screen.value = screen;
    scrollTo(0, 0);
  }

  openMistake(entry: Entry): void {
    this.mistaken.value = entry;
    this.open("mistake");
  }

  /** Make undone what was tapped a moment ago; if it is on its way already, it stays. */
  async takeBack(entry: Entry): Promise<void> {
    const isBack = await this.outbox.takeBack(entry.key);
    // What was filled in is still there.
    if (isBack && entry.operation === clearAssignment.name) this.open("clear");
  }

  /** Listen and send no more. */
  private stop(): void {
    this.live.stop();
    this.tracker.follow(null);
    this.bell.stop();
  }

  /** The session was ended by its person: nothing stays here. */
  async end(): Promise<void> {
    this.stop();
    await forgetAll();
  }

  /** Forget everything, with or without a network; the session ends too where it can be told. */
  async erase(): Promise<void> {
    const lost = this.outbox.entries.peek().filter((one) => one.state === "saved" || one.state === "sending").length;
    await this.end();
    this.erased({ isTold: false, lost });
    await api.call(deleteSession, {}).catch(() => undefined);
  }

  private hear(): void {
    const now = Date.now();
    this.heardAt.value = now;
    if (clock.isSet) this.heardCounty.value = clock.now();
    const word = clock.word();
    if (word === null || Math.abs(now - this.clockKeptAt) < KEEP_CLOCK_MS) return;
    this.clockKeptAt = now;
    keepClock(this.session, word);
  }
  private clockKeptAt = 0;

  private listen(): void {
    setInterval(() => {
      this.deviceNow.value = Date.now();
      this.tracker.tick();
    }, 1000);
    setInterval(() => {
      this.lookForShift();
      this.letLapse();
    }, LOOK_EVERY_MS);
    const wake = (): void => {
      this.live.wake();
      this.lookForShift();
      this.outbox.wake();
      this.tracker.tick();
    };
    addEventListener("online", wake);
    addEventListener("offline", () => this.live.lost());
    document.addEventListener("visibilitychange", () => {
      if (document.visibilityState === "visible") wake();
      // In a pocket nobody takes anything back, and its clocks may stand still.
      else this.outbox.letGo();
    });
    for (const kind of ["pointerdown", "keydown"] as const) addEventListener(kind, () => this.live.here(), { passive: true });
    addEventListener("pagehide", () => this.live.stop());
    addEventListener("pageshow", (event) => {
      if (event.persisted) this.live.start();
    });
    effect(() => {
      // The socket came through: what waits needn't wait for its own next try.
      if (this.live.freshness.value.state === "live") {
        this.hear();
        this.outbox.wake();
      }
    });
    effect(() => this.remember());
    effect(() => this.rememberCheckIn());
    effect(() => this.tracker.follow(this.trackedTeam()));
    effect(() => {
      // Nothing may give away somebody who has just called for help.
      this.bell.isHushed = this.alarm.value !== null || (this.picture.value?.duress.length ?? 0) > 0;
    });
    effect(() => this.ringFor());
    effect(() => this.remindOf());
    this.live.onAlert((alert) => {
      if (alert.urgency === "now" && alert.template !== "offer") this.bell.once();
    });
    effect(() => {
      // Each look for a begun shift ends here again when there is none.
      const { state } = this.fresh;
      if (this.isOffShift.value && (state === "stopped" || state === "live")) void this.askForPlanned();
    });
    this.restartAfterShiftStart();
    void this.tellTime();
  }

  /** Somebody else may have begun the shift: off shift no socket says so. */
  private lookForShift(): void {
    const fresh = this.live.freshness.peek();
    if (fresh.state === "stopped" && fresh.reason === "no_team" && document.visibilityState === "visible") this.live.start();
  }

  /** Whose position may be told: nobody's once the shift is over, as far as this phone can know. */
  private trackedTeam(): string | null {
    const team = this.picture.value?.team;
    if (team === undefined || team.duty === "off_shift") return null;
    const isLive = this.live.freshness.value.state === "live";
    const isPast = team.shift_ends_at !== null && instant(team.shift_ends_at) < clock.second.value;
    return !isLive && isPast && team.run === null ? null : team.id;
  }

  /** One ring for each check-in that is nearly due. */
  private remindOf(): void {
    const now = clock.second.value;
    for (const one of this.picture.value?.obligations ?? []) {
      if (one.kind !== "check_in" || one.state !== "due" || this.reminded.has(one.id)) continue;
      if (instant(one.due_at) - now > REMIND_MS) continue;
      this.reminded.add(one.id);
      this.bell.once();
    }
  }
  private readonly reminded = new Set<string>();

  private rememberCheckIn(): void {
    // While an alarm for a missed one is open, that one is meant, whatever is owed since.
    if ((this.picture.value?.duress ?? []).some((one) => one.cause === "missed_check_in" && one.state !== "resolved")) return;
    const newest = (this.picture.value?.obligations ?? [])
      .filter((one) => one.kind === "check_in" && one.assignment_id !== null)
      .sort((a, b) => a.arose_at.localeCompare(b.arose_at))
      .at(-1);
    if (newest === undefined || newest.assignment_id === null || newest.id === this.checkIn.peek()?.id) return;
    this.checkIn.value = { id: newest.id, assignment_id: newest.assignment_id };
    keepCheckIn(this.session, this.checkIn.value);
  }

  /** Off shift no socket tells the county's time; a shift's end is set by it. */
  private async tellTime(): Promise<void> {
    try {
      const { now, policy } = await api.call(getPolicy, {});
      clock.sync(now);
      hearDeskPhone(policy.desk_phone);
      this.hear();
    } catch {
      // Then this device's own clock serves until the county is heard.
    }
  }

  /** Off shift no socket tells what is planned either. */
  private async askForPlanned(): Promise<void> {
    try {
      const { shifts } = await api.call(getMyShifts, {});
      this.planned.value = shifts.filter((one) => one.started_at === null);
    } catch {
      // What was heard before stays; the server judges what is begun.
    }
  }

  private remember(): void {
    const picture = this.picture.value;
    const fresh = this.live.freshness.value;
    if (fresh.state === "stopped") {
      // Nobody is on shift here, or this person's rights ended; not where the page is merely too old.
      if (fresh.reason !== "reload") this.shiftIsOver();
      return;
    }
    if (fresh.state === "connecting" || this.live.seq.value === 0) return;
    if (picture === null) return this.shiftIsOver();
    keepPicture(this.session, picture);
    if (picture.team.run === null) forgetPlace();
    const { team } = picture;
    if (team.crew.length === 0) return;
    const planned = [...this.live.of("shift").all.value.values()].filter((one) => one.started_at === null);
    const crew = { team_id: team.id, call_sign: team.call_sign, crew: team.crew, planned };
    this.lastCrew.value = crew;
    keepCrew(this.session, crew);
  }

  /** What the shift held on this phone goes with its key. */
  private shiftIsOver(): void {
    if (!holdsShift()) return;
    this.kept.value = null;
    void endShift();
  }

  /** Nobody told this phone that its shift is over, and long ago it must have been. */
  private letLapse(): void {
    const ends = this.kept.peek()?.team.shift_ends_at ?? null;
    const isHeard = this.live.freshness.peek().state === "live";
    if (!isHeard && ends !== null && clock.isSet && clock.now() - instant(ends) > OVERTIME_MS) this.shiftIsOver();
  }

  private ringFor(): void {
    const asked = this.offer.value?.asked ?? null;
    const answered =
      asked !== null && this.outbox.entries.value.some((one) => one.path["offer_id"] === asked.id && one.state !== "refused");
    const isOver = asked !== null && clock.isSet && instant(asked.expires_at) <= clock.second.value;
    if (asked !== null && !answered && !isOver) {
      if (this.rungFor !== asked.id) {
        this.rungFor = asked.id;
        // Whatever was open: the offer comes before it.
        this.home();
      }
      this.bell.ring();
    } else this.bell.stop();
  }
  private rungFor: string | null = null;

  private restartAfterShiftStart(): void {
    const seen = new Set(this.outbox.entries.peek().map((one) => (one.state === "received" ? one.key : "")));
    effect(() => {
      for (const one of this.outbox.entries.value) {
        if (one.operation !== startTeamShift.name || one.state !== "received" || seen.has(one.key)) continue;
        seen.add(one.key);
        this.kept.value = null;
        this.live.start();
      }
    });
  }
}
