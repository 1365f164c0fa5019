// What the person at the desk looks at: cursor, opened incident, filters. Kept in the URL where it
// should survive a reload or be sent to a colleague.

import { effect, signal } from "@preact/signals";
import type { Live } from "../live.ts";
import { holds, type Session } from "../session.ts";
import type { Answered, IncidentView, Role } from "../wire.ts";
import { byUrgency, passes, type Filter } from "./order.ts";
import { warningsIn } from "./told.ts";
import { rowWords } from "./words.ts";

export type Tool =
  | "none"
  | "determine"
  | "amend"
  | "place"
  | "partner"
  | "note"
  | "hand"
  | "slots"
  | "merge"
  | "split"
  | "divert"
  | "times"
  | "ending"
  | "owe"
  | "reopen"
  | "cancel"
  | "close";

/** What stands beside the list while no incident is open and no call is taken down. */
export type Side = "none" | "find" | "paper";

/** What the service answered an act with, beyond that it was done. */
export interface Told {
  readonly incident: string;
  readonly sentences: readonly string[];
}

export class Desk {
  readonly live: Live<"desk">;
  readonly session: Session;
  readonly account: string;
  readonly filter = signal<Filter>({ mine: false, waiting: false, text: "" });
  /** The row under the keyboard's cursor. */
  readonly cursor = signal<string | null>(null);
  /** The incident that is open beside the list. */
  readonly opened = signal<string | null>(null);
  readonly isTaking = signal(false);
  readonly showsKeys = signal(false);
  readonly tool = signal<Tool>("none");
  readonly side = signal<Side>("none");
  /** The team that is looked at among the teams. */
  readonly team = signal<string | null>(null);
  readonly told = signal<readonly Told[]>([]);
  /** Numbers of incidents that were looked up, by their ids. */
  private readonly numbers = new Map<string, number>();
  /** Whether anything was opened yet; before that the URL's incident waits for its frame. */
  private hasOpened = false;
  /** Counts "ask whom the screening proposes first" presses. */
  readonly askFirst = signal(0);
  /** Counts "offer the top" presses; the recommendations act on it. */
  readonly offerTop = signal(0);

  constructor(live: Live<"desk">, session: Session) {
    this.live = live;
    this.session = session;
    this.account = session.who.account_id;
    const query = new URLSearchParams(location.search);
    this.filter.value = { mine: query.get("mine") === "1", waiting: query.get("waiting") === "1", text: query.get("q") ?? "" };
    const wanted = Number(query.get("incident"));
    const end = effect(() => {
      const incidents = live.of("incident").all.value;
      if (live.freshness.value.state !== "live") return;
      const found = [...incidents.values()].find((one) => one.number === wanted);
      if (found && this.opened.peek() === null) this.open(found.id);
      queueMicrotask(() => end());
    });
    effect(() => this.keep());
  }

  private keep(): void {
    const { mine, waiting, text } = this.filter.value;
    const opened = this.opened.value;
    const url = new URL(location.href);
    const put = (name: string, value: string) => (value === "" ? url.searchParams.delete(name) : url.searchParams.set(name, value));
    put("mine", mine ? "1" : "");
    put("waiting", waiting ? "1" : "");
    put("q", text);
    // One that was opened just now comes with the next frame; it puts its number here then.
    const number = opened === null ? undefined : this.live.of("incident").at(opened).value?.number;
    if (number !== undefined) put("incident", String(number));
    else if (opened === null && this.hasOpened) put("incident", "");
    if (url.href !== location.href) history.replaceState(null, "", url);
  }

  /** An incident's number; `null` = it isn't known here. */
  numberOf(id: string): number | null {
    return this.incident(id)?.number ?? this.numbers.get(id) ?? null;
  }

  has(...roles: readonly Role[]): boolean {
    return holds(this.session, roles);
  }

  /** For `then` of an act on an incident: what it warns of stands over it until it is read. */
  heard(incident: string): (answer: Answered) => Answered {
    return (answer) => {
      this.warn(incident, warningsIn(answer));
      return answer;
    };
  }

  warn(incident: string, sentences: readonly string[]): void {
    if (sentences.length > 0) this.told.value = [...this.told.peek(), { incident, sentences }];
  }

  incident(id: string): IncidentView | undefined {
    return this.live.of("incident").all.peek().get(id);
  }

  callSign(team: string): string {
    return this.live.of("team").at(team).value?.call_sign ?? "?";
  }

  /** Whether somebody on the team's crew may write a hold; `null` = not known here. */
  mayHold(team: string): boolean | null {
    return this.live.of("team").at(team).value?.may_hold ?? null;
  }

  /** The incidents that the filters show, most urgent first. */
  wanted(): readonly IncidentView[] {
    const filter = this.filter.value;
    return [...this.live.of("incident").all.value.values()]
      .filter((one) => passes(one, filter, this.account, () => rowWords(one)))
      .sort(byUrgency);
  }

  /** `number`: of one that may not be on the board. */
  open(id: string, number?: number): void {
    if (number !== undefined) this.numbers.set(id, number);
    this.isTaking.value = false;
    this.cursor.value = id;
    if (this.opened.peek() !== id) this.tool.value = "none";
    this.hasOpened = true;
    this.opened.value = id;
  }

  take(): void {
    this.isTaking.value = true;
  }

  /** Show something else beside the list; what was open there is left. */
  show(side: Side): void {
    this.isTaking.value = false;
    this.tool.value = "none";
    this.opened.value = null;
    this.side.value = side;
  }

  /** One step back; what is typed in the intake form stays. */
  back(): void {
    if (this.showsKeys.peek()) this.showsKeys.value = false;
    else if (this.isTaking.peek()) this.isTaking.value = false;
    else if (this.tool.peek() !== "none") this.tool.value = "none";
    else if (this.opened.peek() !== null) this.opened.value = null;
    else if (this.side.peek() !== "none") this.side.value = "none";
    else this.team.value = null;
  }
}
