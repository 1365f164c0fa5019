// The live client: one socket, one view of one county, kept true across whatever happens to it.
//
// Decides when to connect again and what to resume from, and how fresh what it shows is. Must not
// know what any page does with it. Everything from outside (socket, ticket, timers) is handed in.

import { batch, signal, type ReadonlySignal, type Signal } from "@preact/signals";
import { complete } from "./shape.ts";
import { CountyClock } from "./time.ts";
import { SHOWN, type AlertFrame, type EntityKind, type Frame, type HelloMessage, type RoleClass, type Shown } from "./wire.ts";

/** How true the screen is. Instants are this machine's (`Date.now()`); `clock.ofDevice` tells them in county time. */
export type Freshness =
  /** The first try is under way. */
  | { readonly state: "connecting" }
  | { readonly state: "live" }
  /** Nothing was heard since then, if ever; connecting again by itself. */
  | { readonly state: "stale"; readonly since: number }
  /** The device has no network. */
  | { readonly state: "offline"; readonly since: number }
  /** The session has ended: sign in again. */
  | { readonly state: "signed_out" }
  /** The view is closed to this account, for a refusal's code; or the page is too old. */
  | { readonly state: "stopped"; readonly reason: string };

export interface Fix {
  readonly team_id: string;
  readonly lat: number;
  readonly lon: number;
  readonly accuracy_m: number | null;
  readonly fixed_at: string;
  readonly heading_deg: number | null;
}

export type Kinds<V extends RoleClass> = Extract<keyof Shown[V], string>;

/** Things of one kind by id; rows may follow a single one. */
export class Things<T> {
  private readonly allSignal = signal<ReadonlyMap<string, T>>(new Map());
  private readonly one = new Map<string, Signal<T | undefined>>();
  private draft: Map<string, T> | null = null;

  /** All of them; a new map whenever one changes. */
  get all(): ReadonlySignal<ReadonlyMap<string, T>> {
    return this.allSignal;
  }

  /** One of them, for a row that is drawn anew only when this one changes. */
  at(id: string): ReadonlySignal<T | undefined> {
    let found = this.one.get(id);
    if (found === undefined) {
      found = signal(this.allSignal.peek().get(id));
      this.one.set(id, found);
    }
    return found;
  }

  /** For the live client. */
  put(id: string, thing: T): void {
    this.draft ??= new Map(this.allSignal.peek());
    this.draft.set(id, thing);
  }

  drop(id: string): void {
    this.draft ??= new Map(this.allSignal.peek());
    this.draft.delete(id);
  }

  clear(): void {
    this.draft = new Map();
  }

  /** Show what was put and dropped; within a batch. */
  show(): void {
    const now = this.draft;
    if (now === null) return;
    this.draft = null;
    this.allSignal.value = now;
    for (const [id, follower] of this.one) follower.value = now.get(id);
  }
}

/** What of a WebSocket is used. */
export interface Socket {
  onopen: ((event: never) => void) | null;
  onmessage: ((event: { readonly data: unknown }) => void) | null;
  onclose: ((event: { readonly code: number; readonly reason: string }) => void) | null;
  send(text: string): void;
  close(code?: number): void;
}

export interface LiveOptions<V extends RoleClass> {
  readonly county: number;
  readonly view: V;
  /** Gets a one-use ticket; `null` = the session has ended. Throws where nobody answers. */
  readonly ticket: () => Promise<string | null>;
  readonly clock: CountyClock;
  readonly open?: () => Socket;
  readonly setTimer?: (run: () => void, ms: number) => unknown;
  readonly clearTimer?: (timer: never) => void;
  readonly machineNow?: () => number;
  readonly random?: () => number;
  readonly isOnline?: () => boolean;
}

const SIGN_IN = 4401;
const STOP = 4403;
const NOT_UNDERSTOOD = 4400;
const TOO_SLOW = 4409;
const DONE = 1000;
/** Ours: the server's frames have a gap, or it is silent. */
const GAP = 4900;
const SILENT = 4901;

const FIRST_PAUSE_MS = 500;
const LONGEST_PAUSE_MS = 15_000;
/** Beats that may be missing until the screen counts as stale. */
const BEATS = 2.5;
/** The person's sign of life goes out at most so often. */
const HERE_EVERY_MS = 60_000;
const ALERTS_KEPT = 50;
/** Seconds without news of its database after which a node's board isn't the present any more. */
const OLD_S = 4;

export class Live<V extends RoleClass> {
  readonly clock: CountyClock;
  readonly county: number;
  readonly view: V;
  private readonly options: Required<LiveOptions<V>>;
  private readonly kinds = new Map<string, Things<unknown>>();
  private readonly freshnessSignal = signal<Freshness>({ state: "connecting" });
  private readonly alertsSignal = signal<readonly AlertFrame[]>([]);
  private readonly scopeSignal = signal<string | null>(null);
  private readonly seqSignal = signal(0);
  private readonly troubleSignal = signal("");
  private readonly listeners = new Set<(alert: AlertFrame) => void>();

  /** Newest position of each team. */
  readonly fixes = new Things<Fix>();

  private socket: Socket | null = null;
  /** Counts connections, so that a late word of an old one is not heard. */
  private turn = 0;
  private epoch: string | null = null;
  private lastSeq: number | null = null;
  /** What tells the event at `lastSeq` from that of a restored database's history. */
  private mark = 0;
  private failures = 0;
  private beatMs = 10_000;
  private heardAt: number;
  private retry: unknown = null;
  private watch: unknown = null;
  private hereAt = -Infinity;
  private isRunning = false;

  constructor(options: LiveOptions<V>) {
    this.options = {
      open: () => new WebSocket(socketUrl()) as unknown as Socket,
      setTimer: (run, ms) => setTimeout(run, ms),
      clearTimer: (timer) => clearTimeout(timer),
      machineNow: Date.now,
      random: Math.random,
      isOnline: () => navigator.onLine,
      ...options,
    };
    this.clock = options.clock;
    this.county = options.county;
    this.view = options.view;
    this.heardAt = this.options.machineNow();
    for (const kind of Object.keys(SHOWN[options.view])) this.kinds.set(kind, new Things());
  }

  /** The things of one kind that the view shows. */
  of<K extends Kinds<V>>(kind: K): Things<Shown[V][K]> {
    return this.kinds.get(kind) as Things<Shown[V][K]>;
  }

  get freshness(): ReadonlySignal<Freshness> {
    return this.freshnessSignal;
  }

  /** Notices that nobody has dismissed, newest first. */
  get alerts(): ReadonlySignal<readonly AlertFrame[]> {
    return this.alertsSignal;
  }

  /** The agency or team that the view ends at; `null` = the county. */
  get scope(): ReadonlySignal<string | null> {
    return this.scopeSignal;
  }

  /** Up to where the county's log is shown. */
  get seq(): ReadonlySignal<number> {
    return this.seqSignal;
  }

  /** Name of the outage that keeps the service from taking anything; "" = none that is known. */
  get trouble(): ReadonlySignal<string> {
    return this.troubleSignal;
  }

  /** Hear each new alert once, for its sound; returns what ends it. */
  onAlert(listener: (alert: AlertFrame) => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  dismiss(alert: AlertFrame): void {
    this.alertsSignal.value = this.alertsSignal.peek().filter((one) => one !== alert);
  }

  /** Connect, and stay so until `stop`. */
  start(): void {
    if (this.isRunning) return;
    this.isRunning = true;
    this.heardAt = this.options.machineNow();
    if (!this.options.isOnline()) this.worsen();
    this.look();
    void this.connect();
  }

  /** Say goodbye. */
  stop(): void {
    this.isRunning = false;
    this.turn++;
    this.cancel();
    if (this.watch !== null) this.options.clearTimer(this.watch as never);
    this.watch = null;
    const socket = this.socket;
    this.socket = null;
    if (socket !== null) {
      trySend(socket, { t: "bye" });
      socket.close(DONE);
    }
  }

  /** The person did something: keeps the session alive. */
  here(): void {
    const now = this.options.machineNow();
    if (this.socket === null || now - this.hereAt < HERE_EVERY_MS) return;
    this.hereAt = now;
    trySend(this.socket, { t: "here" });
  }

  /** The network came back, or the page is seen again: don't wait for the next try. */
  wake(): void {
    if (!this.isRunning) return;
    this.judge();
    if (this.socket === null && this.retry !== null) {
      this.failures = 0;
      this.cancel();
      void this.connect();
    }
  }

  /** The device has lost its network. */
  lost(): void {
    if (this.isRunning) this.worsen();
  }

  private async connect(): Promise<void> {
    const turn = ++this.turn;
    let ticket: string | null;
    try {
      ticket = await this.options.ticket();
    } catch {
      if (turn === this.turn) this.again();
      return;
    }
    if (turn !== this.turn) return;
    if (ticket === null) {
      this.end({ state: "signed_out" });
      return;
    }
    let socket: Socket;
    try {
      socket = this.options.open();
    } catch {
      this.again();
      return;
    }
    this.socket = socket;
    this.heardAt = this.options.machineNow();
    socket.onopen = () => {
      if (turn === this.turn) trySend(socket, this.hello(ticket));
    };
    socket.onmessage = (event) => {
      if (turn === this.turn) this.hear(String(event.data));
    };
    socket.onclose = (event) => {
      if (turn === this.turn) this.closed(event.code, event.reason);
    };
  }

  private hello(ticket: string): HelloMessage {
    const resumes = this.epoch !== null && this.lastSeq !== null;
    return {
      t: "hello",
      county: this.county,
      view: this.view,
      ticket,
      ...(resumes ? { epoch: this.epoch, last_seq: this.lastSeq, mark: this.mark } : {}),
    };
  }

  private hear(text: string): void {
    this.heardAt = this.options.machineNow();
    const frame = JSON.parse(text) as Frame;
    switch (frame.t) {
      case "welcome":
        this.epoch = frame.epoch;
        this.beatMs = frame.beat_s * 1000;
        this.scopeSignal.value = frame.scope;
        this.clock.sync(frame.at);
        return;
      case "snapshot":
        batch(() => {
          for (const things of this.kinds.values()) things.clear();
          this.fixes.clear();
          this.apply(frame.up, []);
          this.reached(frame.seq, frame.mark);
        });
        return;
      case "changes":
        if (this.lastSeq === null || frame.prev > this.lastSeq) {
          // A hole in what this screen knows: never shown as if it were whole.
          this.forget();
          this.drop(GAP);
          return;
        }
        batch(() => {
          this.apply(frame.up, frame.rm);
          this.reached(frame.seq, frame.mark);
        });
        return;
      case "fixes":
        batch(() => {
          for (const [team_id, lat, lon, accuracy_m, fixed_at, heading_deg] of frame.f) {
            this.fixes.put(team_id, { team_id, lat, lon, accuracy_m, fixed_at, heading_deg });
          }
          this.fixes.show();
        });
        return;
      case "beat":
        this.clock.sync(frame.at);
        this.troubleSignal.value = frame.trouble;
        // Only a screen that has its snapshot can be said to be up to date, and only as far as its node is.
        if (frame.age_s > OLD_S) this.set({ state: "stale", since: this.heardAt - frame.age_s * 1000 });
        else if (this.lastSeq !== null && frame.seq >= this.lastSeq) this.reached(frame.seq, frame.mark);
        return;
      case "alert":
        this.alert(frame);
        return;
      case "pong":
        this.clock.sync(frame.at);
        return;
    }
  }

  private apply(up: readonly unknown[], rm: readonly (readonly [EntityKind, string])[]): void {
    const shapes = SHOWN[this.view];
    for (const raw of up) {
      const { k, id } = raw as { k: string; id: string };
      const thing = complete(raw, shapes[k] ?? null);
      this.kinds.get(k)?.put(id, thing);
      // Staff are shown on the map only while they are on shift.
      if (k === "team" && (thing as { duty?: string }).duty === "off_shift") this.fixes.drop(id);
    }
    for (const [k, id] of rm) {
      this.kinds.get(k)?.drop(id);
      if (k === "team") this.fixes.drop(id);
    }
    for (const things of this.kinds.values()) things.show();
    this.fixes.show();
  }

  private reached(seq: number, mark: number): void {
    this.lastSeq = seq;
    this.mark = mark;
    this.seqSignal.value = seq;
    this.failures = 0;
    if (this.freshnessSignal.peek().state !== "live") this.freshnessSignal.value = { state: "live" };
  }

  private alert(frame: AlertFrame): void {
    const known = this.alertsSignal.peek();
    const isAgain = frame.key !== "" && known.some((one) => one.key === frame.key);
    const others = frame.key === "" ? known : known.filter((one) => one.key !== frame.key);
    this.alertsSignal.value = [frame, ...others].slice(0, ALERTS_KEPT);
    if (!isAgain) for (const listener of this.listeners) listener(frame);
  }

  private closed(code: number, reason: string): void {
    this.socket = null;
    switch (code) {
      case SIGN_IN:
        this.end({ state: "signed_out" });
        return;
      case STOP:
        this.end({ state: "stopped", reason: reason || "view_not_yours" });
        return;
      case NOT_UNDERSTOOD:
        this.end({ state: "stopped", reason: "reload" });
        return;
      case TOO_SLOW:
      case GAP:
        // At once, but not in a circle.
        this.again(this.failures === 0 ? 0 : undefined);
        return;
      default:
        this.again();
    }
  }

  private drop(code: number): void {
    const socket = this.socket;
    this.turn++;
    socket?.close(code);
    this.closed(code, "");
  }

  private forget(): void {
    this.epoch = null;
    this.lastSeq = null;
  }

  /** Connect again after a random pause; `ms`: after that one. */
  private again(ms?: number): void {
    if (!this.isRunning) return;
    this.socket = null;
    this.worsen();
    const most = Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** this.failures);
    this.failures++;
    this.cancel();
    const pause = ms ?? most * (0.25 + 0.75 * this.options.random());
    this.retry = this.options.setTimer(() => {
      this.retry = null;
      void this.connect();
    }, pause);
  }

  private cancel(): void {
    if (this.retry !== null) this.options.clearTimer(this.retry as never);
    this.retry = null;
  }

  private worsen(): void {
    const before = this.freshnessSignal.peek();
    const since = before.state === "stale" || before.state === "offline" ? before.since : this.heardAt;
    if (!this.options.isOnline()) this.set({ state: "offline", since });
    else this.set({ state: "stale", since });
  }

  private set(now: Freshness): void {
    const before = this.freshnessSignal.peek();
    if (before.state !== now.state) this.freshnessSignal.value = now;
  }

  private end(how: Freshness): void {
    this.isRunning = false;
    this.turn++;
    this.cancel();
    if (this.watch !== null) this.options.clearTimer(this.watch as never);
    this.watch = null;
    this.socket = null;
    this.freshnessSignal.value = how;
  }

  /** Look each second whether the server still speaks. */
  private look(): void {
    this.watch = this.options.setTimer(() => {
      this.judge();
      if (this.isRunning) this.look();
    }, 1000);
  }

  private judge(): void {
    if (this.socket === null) return;
    if (this.options.machineNow() - this.heardAt > BEATS * this.beatMs) this.drop(SILENT);
  }
}

function trySend(socket: Socket, message: object): void {
  try {
    socket.send(JSON.stringify(message));
  } catch {
    // It is closing; what follows is decided when it has closed.
  }
}

function socketUrl(): string {
  const url = new URL("/api/v1/live", location.href);
  url.protocol = url.protocol === "https:" ? "wss:" : "ws:";
  return url.href;
}
