// Clocks that run with the county's time.

import { dateTime, left, relative, since } from "../format.ts";
import { clock } from "../session.ts";
import { instant } from "../time.ts";

/** Time until a deadline, negative once it has passed. */
export function Left({ until }: { until: string }) {
  const now = clock.second.value;
  const isLate = instant(until) < now;
  return (
    <time class={isLate ? "figures late" : "figures"} dateTime={until} title={dateTime(until)}>
      {left(until, now)}
    </time>
  );
}

/** Time since something happened, to the second. */
export function Since({ from }: { from: string }) {
  return (
    <time class="figures" dateTime={from} title={dateTime(from)}>
      {since(from, clock.second.value)}
    </time>
  );
}

/** "3 min. ago"; of what is past: a clock that lags behind makes no future of it. */
export function Ago({ at }: { at: string }) {
  const now = clock.second.value;
  return (
    <time dateTime={at} title={dateTime(at)}>
      {relative(Math.min(instant(at), now - 1000), now)}
    </time>
  );
}
