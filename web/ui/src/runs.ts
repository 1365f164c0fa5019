// What a run's status means for the pages, off the table that the service itself decides by (`WAYS`).
// No other place names a status to decide something.

import { STATUS_WORDS, WAYS, type Stage, type Status } from "./wire.ts";

interface Reached {
  readonly milestones: Readonly<Record<string, string | undefined>>;
}

/** In the order of a run. */
const ofStage = (...stages: readonly Stage[]): readonly Status[] => STATUS_WORDS.filter((status) => stages.includes(WAYS[status].stage));

/** The team waits aside. */
export const ASIDE = STATUS_WORDS.find((status) => WAYS[status].is_aside) as Status;
/** What a run comes through; a call-off has acts of its own. */
export const STEPS = ofStage("coming", "there", "done");

export const isOver = (status: Status): boolean => WAYS[status].is_over;
/** On the way: it has not reached the scene. */
export const isComing = (status: Status): boolean => WAYS[status].stage === "coming";
/** It has neither cleared nor been called off. */
export const isAtWork = (status: Status): boolean => isComing(status) || WAYS[status].stage === "there";

/** Whether it has set out, by any status that says so. */
export const hasLeft = (run: Reached): boolean => STEPS.slice(1).some((status) => run.milestones[status] !== undefined);
/** When the team came, as it was told; `undefined` = it wasn't, whatever else was. */
export const arrivedAt = (run: Reached): string | undefined => run.milestones["on_scene" satisfies Status];
/** Whether the team was at the scene, by any status that says so. */
export const hasArrived = (run: Reached): boolean => ofStage("there").some((status) => run.milestones[status] !== undefined);
