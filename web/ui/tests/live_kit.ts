// A live client on a socket and timers that the test drives.

import { Live, type Socket } from "../src/live.ts";
import { CountyClock } from "../src/time.ts";

export class FakeSocket implements Socket {
  onopen: ((event: never) => void) | null = null;
  onmessage: ((event: { readonly data: unknown }) => void) | null = null;
  onclose: ((event: { readonly code: number; readonly reason: string }) => void) | null = null;
  readonly sent: Record<string, unknown>[] = [];
  closedWith: number | undefined;

  send(text: string): void {
    this.sent.push(JSON.parse(text) as Record<string, unknown>);
  }
  close(code?: number): void {
    this.closedWith = code;
  }
  say(frame: object): void {
    this.onmessage?.({ data: JSON.stringify(frame) });
  }
  end(code: number, reason = ""): void {
    this.onclose?.({ code, reason });
  }
}

interface Timer {
  readonly at: number;
  readonly run: () => void;
}

export const AT = "2026-03-02T08:00:00Z";

export class Stage {
  readonly sockets: FakeSocket[] = [];
  readonly pauses: number[] = [];
  ticket: () => Promise<string | null> = () => Promise.resolve("t");
  isOnline = true;
  now = 1_000_000;
  readonly live: Live<"desk">;
  private timers = new Map<number, Timer>();
  private nextTimer = 1;

  constructor() {
    this.live = new Live<"desk">({
      county: 6001,
      view: "desk",
      ticket: () => this.ticket(),
      clock: new CountyClock(() => this.now),
      open: () => {
        const socket = new FakeSocket();
        this.sockets.push(socket);
        return socket;
      },
      setTimer: (run, ms) => {
        // One second is the watch, not a pause before another try.
        if (ms !== 1000) this.pauses.push(ms);
        this.timers.set(this.nextTimer, { at: this.now + ms, run });
        return this.nextTimer++;
      },
      clearTimer: (timer) => this.timers.delete(timer),
      machineNow: () => this.now,
      random: () => 0.8,
      isOnline: () => this.isOnline,
    });
  }

  get socket(): FakeSocket {
    const last = this.sockets.at(-1);
    if (last === undefined) throw new Error("no socket was opened");
    return last;
  }

  /** Let promises run, and every timer that falls due within `ms`. */
  async pass(ms = 0): Promise<void> {
    const end = this.now + ms;
    await settle();
    for (;;) {
      const due = [...this.timers].filter(([, one]) => one.at <= end).sort((a, b) => a[1].at - b[1].at)[0];
      if (due === undefined) break;
      this.timers.delete(due[0]);
      this.now = Math.max(this.now, due[1].at);
      due[1].run();
      await settle();
    }
    this.now = end;
  }

  /** Start and bring it to its first snapshot. */
  async begin(seq = 10, up: readonly object[] = []): Promise<void> {
    this.live.start();
    await this.pass();
    this.open(seq);
    this.socket.say({ t: "snapshot", seq, mark: seq * 1000, up });
  }

  open(seq = 10): void {
    this.socket.onopen?.(undefined as never);
    this.socket.say({ t: "welcome", county: 6001, view: "desk", scope: null, epoch: "e1", seq, at: AT, beat_s: 10 });
  }
}

export async function settle(): Promise<void> {
  for (let turn = 0; turn < 20; turn++) await Promise.resolve();
}
