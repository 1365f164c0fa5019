// What a phone has to say while nobody can hear it: kept on the device, in order, and never lost.
//
// Decides what is sent when, and says of each thing exactly how far it got. Things of one lane (an
// assignment) go one after the other; an alarm waits for nothing. The key is made when the person
// acts and stays, so that sending twice does it once. What is held back for a moment can be taken
// back: until then it stood on this phone and nowhere else, and nothing of it was ever sent.

import { signal, type ReadonlySignal } from "@preact/signals";
import { newKey, Refusal, type Api, type Operation } from "./api.ts";
import type { Answered, Problem } from "./wire.ts";

export type Progress =
  /** On this phone, and nowhere else. */
  | "saved"
  /** On its way; whether it arrived is not known. */
  | "sending"
  /** The county has it. */
  | "received"
  /** The county said no; `refusal` says why. */
  | "refused";

export interface Entry {
  /** The act's key. */
  readonly key: string;
  readonly operation: string;
  readonly path: Readonly<Record<string, string>>;
  /** Without when it happened and when it is sent; emptied once it was received, never before. */
  readonly body: Readonly<Record<string, unknown>>;
  /** Whose it is: never sent in another person's name. */
  readonly account: string;
  readonly county: number;
  readonly lane: string;
  readonly urgent: boolean;
  /** When it happened, by the device's clock. */
  readonly occurredAt: string;
  /** The same by the county's clock, as this device knew it; `null` = it didn't. For people to read. */
  readonly countyAt: string | null;
  /** Tells the order of entries. */
  readonly no: number;
  readonly state: Progress;
  readonly refusal: Problem | null;
  /** What the county warned of when it took it, until the person has read that. */
  readonly warnings: readonly Warning[];
  /** What the person did, as a word of the page's own: stays when the body is emptied. */
  readonly what: string;
  /** Up to where the county's log holds it; `null` = not received, or refused. */
  readonly seq: number | null;
  /** When the county's answer came, by the device's clock. */
  readonly answeredAt: string | null;
  /** Until then it isn't sent and may be taken back, by the device's clock; `null` = not held. */
  readonly heldUntil: string | null;
}

/** Something to know that blocked nothing: a stable code, and the county's sentence in English. */
export interface Warning {
  readonly code: string;
  readonly sentence: string;
}

/** Where entries are kept. */
export interface Shelf {
  load(): Promise<readonly Entry[]>;
  put(entry: Entry): Promise<void>;
  remove(key: string): Promise<void>;
}

type Command<P, B> = Operation<P, undefined, B, Answered>;

export interface OutboxOptions {
  readonly api: Pick<Api, "call">;
  readonly shelf: Shelf;
  readonly account: string;
  readonly county: number;
  /** Every operation that may stand in the outbox, by its name. */
  readonly operations: readonly Command<any, any>[];
  readonly deviceNow?: () => Date;
  readonly countyNow?: () => Date | null;
  readonly pause?: (ms: number) => Promise<void>;
  readonly random?: () => number;
}

const FIRST_PAUSE_MS = 1000;
const LONGEST_PAUSE_MS = 30_000;
/** So long other things wait for an alarm that is on its way. */
const ALARM_FIRST_MS = 2000;
/** Received entries stay in view, at most so many; refused ones, and warnings, until they are read. */
const DONE_KEPT = 30;

export class Outbox {
  private readonly options: Required<OutboxOptions>;
  private readonly byName: ReadonlyMap<string, Command<any, any>>;
  private readonly entriesSignal = signal<readonly Entry[]>([]);
  private readonly trouble = signal<"none" | "unreachable" | "signed_out">("none");
  private readonly forgetful = signal(false);
  /** Lanes that are being sent, and those that wait before the next try. */
  private readonly busy = new Set<string>();
  private readonly wakers = new Set<() => void>();
  /** Those who let an alarm go first. */
  private readonly behindAlarm = new Set<() => void>();
  private next = 1;

  constructor(options: OutboxOptions) {
    this.options = {
      deviceNow: () => new Date(),
      countyNow: () => null,
      pause: (ms) => new Promise((resolve) => setTimeout(resolve, ms)),
      random: Math.random,
      ...options,
    };
    this.byName = new Map(options.operations.map((one) => [one.name, one]));
  }

  /** Everything kept here, oldest first; this account's and county's only. */
  get entries(): ReadonlySignal<readonly Entry[]> {
    return this.entriesSignal;
  }

  /** Whether what waits would be lost if this device were switched off. */
  get forgets(): ReadonlySignal<boolean> {
    return this.forgetful;
  }

  /** Why nothing goes out at this moment. */
  get standing(): ReadonlySignal<"none" | "unreachable" | "signed_out"> {
    return this.trouble;
  }

  /** Take up what an earlier page left, and send it. */
  async start(): Promise<void> {
    const kept = await this.options.shelf.load();
    this.next = Math.max(0, ...kept.map((one) => one.no)) + 1;
    const mine = kept.filter((one) => one.account === this.options.account && one.county === this.options.county);
    // Of what was on its way nobody knows whether it arrived: it is sent again under its key.
    // Nobody took back what was held: the moment is over.
    this.entriesSignal.value = mine
      .map((one) => ({ ...BLANK, ...one, ...(one.state === "sending" ? { state: "saved" as const } : {}), heldUntil: null }))
      .sort((a, b) => a.no - b.no);
    this.send();
  }

  /**
   * Keep an act and send it as soon as somebody can hear it.
   *
   * `holdMs`: hold it back for so long, so that it may be taken back; going on in the same lane,
   * or `letGo`, ends that at once. Resolves with its entry's key once it is safe on the device, or
   * `forgets` says that it isn't.
   */
  async add<P extends Readonly<Record<string, string>> | undefined, B>(
    operation: Command<P, B>,
    given: { readonly path: P; readonly body: B; readonly lane: string; readonly urgent?: boolean; readonly what?: string; readonly holdMs?: number },
  ): Promise<string> {
    if (!this.byName.has(operation.name)) throw new Error(`${operation.name} isn't among the outbox's operations`);
    // Who goes on has made no mistake before.
    this.letGo((one) => one.lane === given.lane);
    const holdMs = given.urgent ? 0 : (given.holdMs ?? 0);
    const at = this.options.deviceNow();
    const entry: Entry = {
      key: newKey(),
      operation: operation.name,
      path: given.path ?? {},
      body: (given.body ?? {}) as Entry["body"],
      account: this.options.account,
      county: this.options.county,
      lane: given.lane,
      urgent: given.urgent ?? false,
      occurredAt: at.toISOString(),
      countyAt: this.options.countyNow()?.toISOString() ?? null,
      no: this.next++,
      state: "saved",
      refusal: null,
      warnings: [],
      what: given.what ?? "",
      seq: null,
      answeredAt: null,
      heldUntil: holdMs > 0 ? new Date(at.getTime() + holdMs).toISOString() : null,
    };
    const urgent = entry.urgent;
    // An alarm goes out even if the device can't keep it.
    const saved = this.options.shelf.put(entry);
    if (urgent) {
      this.entriesSignal.value = [...this.entriesSignal.peek(), entry];
      this.send();
      await saved.catch(() => undefined);
    } else {
      // A device that keeps nothing must not swallow what somebody did: it goes from memory.
      await saved.catch(() => (this.forgetful.value = true));
      this.entriesSignal.value = [...this.entriesSignal.peek(), entry];
      if (holdMs > 0) void this.options.pause(holdMs).then(() => this.letGo((one) => one.key === entry.key));
      this.send();
    }
    return entry.key;
  }

  /** Send what is held back, or those of it that `which` picks. */
  letGo(which: (entry: Entry) => boolean = () => true): void {
    const held = this.entriesSignal.peek().filter((one) => one.heldUntil !== null && which(one));
    if (held.length === 0) return;
    this.entriesSignal.value = this.entriesSignal.peek().map((one) => (held.includes(one) ? { ...one, heldUntil: null } : one));
    this.send();
  }

  /**
   * Take back what is still held: it never happened, and nobody was told of it.
   *
   * Resolves with whether it could be; if not, it is on its way.
   */
  async takeBack(key: string): Promise<boolean> {
    const entry = this.find(key);
    if (entry === undefined || entry.heldUntil === null) return false;
    this.entriesSignal.value = this.entriesSignal.peek().filter((one) => one.key !== key);
    try {
      await this.options.shelf.remove(key);
    } catch {
      if (this.forgetful.peek()) return true;
      // It would be sent after the next start: then rather now, and seen.
      const others = this.entriesSignal.peek();
      this.entriesSignal.value = [...others, { ...entry, heldUntil: null }].sort((a, b) => a.no - b.no);
      this.send();
      return false;
    }
    return true;
  }

  /** The network is back, or the person signed in: try at once. */
  wake(): void {
    for (const waker of [...this.wakers]) waker();
    this.send();
  }

  /** Take a received or refused entry out of view. */
  async dismiss(key: string): Promise<void> {
    const entry = this.find(key);
    if (entry === undefined || entry.state === "saved" || entry.state === "sending") return;
    this.entriesSignal.value = this.entriesSignal.peek().filter((one) => one.key !== key);
    await this.options.shelf.remove(key);
  }

  /** The person has read what it was warned of. */
  async heed(key: string): Promise<void> {
    const entry = this.find(key);
    if (entry !== undefined && entry.warnings.length > 0) await this.change({ ...entry, warnings: [] });
  }

  /**
   * Send once more what was refused, as it was typed and as of when it happened.
   *
   * It is another act: it gets a key of its own, and the refused one makes room for it.
   */
  async again(key: string): Promise<void> {
    const entry = this.find(key);
    if (entry === undefined || entry.state !== "refused") return;
    const anew: Entry = { ...entry, key: newKey(), no: this.next++, state: "saved", refusal: null, answeredAt: null };
    await this.options.shelf.put(anew).catch(() => (this.forgetful.value = true));
    this.entriesSignal.value = [...this.entriesSignal.peek(), anew];
    await this.dismiss(key);
    this.send();
  }

  private find(key: string): Entry | undefined {
    return this.entriesSignal.peek().find((one) => one.key === key);
  }

  private send(): void {
    const waiting = this.entriesSignal.peek().filter((one) => one.state === "saved" && one.heldUntil === null);
    // Alarms first, and each in a lane of its own: nothing that hangs may hold one up.
    for (const entry of [...waiting.filter((one) => one.urgent), ...waiting.filter((one) => !one.urgent)]) {
      const lane = entry.urgent ? `!${entry.key}` : entry.lane;
      if (this.busy.has(lane)) continue;
      this.busy.add(lane);
      void this.drain(lane, entry.key).finally(() => {
        this.busy.delete(lane);
        if (this.trouble.peek() !== "signed_out" && this.head(lane) !== undefined) this.send();
      });
    }
  }

  /** The oldest entry of a lane that must still go out. */
  private head(lane: string): Entry | undefined {
    return this.entriesSignal
      .peek()
      .find((one) => (one.state === "saved" || one.state === "sending") && one.heldUntil === null && (one.urgent ? `!${one.key}` : one.lane) === lane);
  }

  private async drain(lane: string, first: string): Promise<void> {
    let failures = 0;
    let entry = this.find(first);
    while (entry !== undefined) {
      if (!entry.urgent) await this.letAlarmsGo();
      await this.change({ ...entry, state: "sending" });
      try {
        const { seq, result } = await this.deliver(entry);
        this.trouble.value = "none";
        failures = 0;
        // What it said may be private and is now where it belongs.
        await this.change({ ...entry, state: "received", body: {}, seq, warnings: warningsIn(result), answeredAt: this.deviceTime() });
        await this.tidy();
      } catch (error) {
        if (error instanceof Refusal && error.status === 401) {
          this.trouble.value = "signed_out";
          await this.change({ ...entry, state: "saved" });
          if (entry.urgent) this.alarmTried();
          return;
        }
        if (error instanceof Refusal && error.status < 500 && error.status !== 429) {
          this.trouble.value = "none";
          await this.change({ ...entry, state: "refused", refusal: problemOf(error), answeredAt: this.deviceTime() });
        } else {
          this.trouble.value = "unreachable";
          await this.change({ ...entry, state: "saved" });
          if (entry.urgent) this.alarmTried();
          await this.rest(failures++);
        }
      }
      if (this.find(entry.key)?.state !== "saved" && entry.urgent) this.alarmTried();
      entry = this.head(lane);
    }
  }

  /** Wait until every alarm had its try; one that hangs holds the others up only so long. */
  private async letAlarmsGo(): Promise<void> {
    const waits = this.entriesSignal.peek().some((one) => one.urgent && (one.state === "saved" || one.state === "sending"));
    if (!waits) return;
    let go: () => void = () => undefined;
    const tried = new Promise<void>((resolve) => {
      go = resolve;
      this.behindAlarm.add(go);
    });
    await Promise.race([tried, this.options.pause(ALARM_FIRST_MS)]);
    this.behindAlarm.delete(go);
  }

  private alarmTried(): void {
    for (const go of [...this.behindAlarm]) go();
  }

  private deviceTime(): string {
    return this.options.deviceNow().toISOString();
  }

  private async deliver(entry: Entry): Promise<Answered> {
    const operation = this.byName.get(entry.operation);
    if (operation === undefined) {
      // Left by another version of the page: said to the person, not kept trying for ever.
      throw new Refusal({ type: "about:blank", title: "", status: 400, code: "unknown", detail: entry.operation, facts: {} });
    }
    const body = {
      ...entry.body,
      occurred_at: entry.occurredAt,
      // Of the sending, each time anew: tells by how much this device's clock is off.
      sent_at: this.deviceTime(),
    };
    const sent = operation as Operation<Readonly<Record<string, string>>, undefined, object, Answered>;
    return this.options.api.call(sent, { path: entry.path, body, key: entry.key });
  }

  private async rest(failures: number): Promise<void> {
    const most = Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** failures);
    let waker: () => void = () => undefined;
    const woken = new Promise<void>((resolve) => {
      waker = resolve;
      this.wakers.add(waker);
    });
    await Promise.race([this.options.pause(most * (0.5 + this.options.random() / 2)), woken]);
    this.wakers.delete(waker);
  }

  private async change(entry: Entry): Promise<void> {
    this.entriesSignal.value = this.entriesSignal.peek().map((one) => (one.key === entry.key ? entry : one));
    try {
      await this.options.shelf.put(entry);
    } catch {
      // The shelf then holds an older state, from which it is sent again under the same key.
    }
  }

  private async tidy(): Promise<void> {
    const done = this.entriesSignal.peek().filter((one) => one.state === "received" && one.warnings.length === 0);
    const old = done.slice(0, Math.max(0, done.length - DONE_KEPT));
    for (const entry of old) await this.dismiss(entry.key);
  }
}

/** What entries kept by an earlier version of the page lack. */
const BLANK = { what: "", countyAt: null, seq: null, answeredAt: null, heldUntil: null, warnings: [] as readonly Warning[] } as const;

function warningsIn(result: Readonly<Record<string, unknown>>): readonly Warning[] {
  const found = result["warnings"];
  if (!Array.isArray(found)) return [];
  return found.flatMap((one: Partial<Record<keyof Warning, unknown>>) => (typeof one.sentence === "string" ? [{ code: String(one.code), sentence: one.sentence }] : []));
}

function problemOf(refusal: Refusal): Problem {
  const { code, detail, facts, status } = refusal;
  return { type: "about:blank", title: "", code, detail, facts, status };
}

/** A shelf that forgets: for devices that refuse to keep anything, and for tests. */
export function memoryShelf(): Shelf {
  const held = new Map<string, Entry>();
  return {
    load: () => Promise.resolve([...held.values()]),
    put: (entry) => Promise.resolve(void held.set(entry.key, entry)),
    remove: (key) => Promise.resolve(void held.delete(key)),
  };
}
