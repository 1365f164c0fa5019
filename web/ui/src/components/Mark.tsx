// A status: always word, icon, shape and colour together. The tables are total: a new word on the
// wire that has no row here doesn't compile.

import { t } from "../messages/common.ts";
import type { Acuity, Phase, TeamStatus } from "../wire.ts";
import { Icon, type IconName } from "./Icon.tsx";

export type Tone = "free" | "asked" | "going" | "scene" | "away" | "warn" | "alarm";
export type MarkShape = "round" | "square" | "cut" | "dashed" | "thick";
export type Look = readonly [tone: Tone, shape: MarkShape, icon: IconName];

export const TEAM_LOOKS: Readonly<Record<TeamStatus, Look>> = {
  available: ["free", "round", "check"],
  ready: ["free", "round", "check"],
  offered: ["asked", "dashed", "question"],
  accepted: ["going", "square", "hand"],
  en_route: ["going", "cut", "car"],
  staged: ["going", "dashed", "pause"],
  on_scene: ["scene", "square", "pin"],
  contact: ["scene", "square", "person"],
  assessed: ["scene", "square", "flag"],
  transporting: ["scene", "cut", "car"],
  at_destination: ["scene", "cut", "home"],
  handed_off: ["away", "square", "swap"],
  cleared: ["away", "square", "check"],
  diverted: ["away", "square", "swap"],
  cancelled: ["away", "square", "close"],
  unavailable: ["away", "dashed", "minus"],
  ending: ["away", "dashed", "clock"],
  off_shift: ["away", "round", "moon"],
};

export const PHASE_LOOKS: Readonly<Record<Phase, Look>> = {
  received: ["warn", "dashed", "phone"],
  screening: ["warn", "square", "question"],
  waiting: ["alarm", "thick", "clock"],
  offered: ["asked", "dashed", "question"],
  assigned: ["going", "square", "hand"],
  responding: ["going", "cut", "car"],
  on_scene: ["scene", "square", "pin"],
  cleared: ["away", "square", "check"],
  closed: ["away", "round", "check"],
  cancelled: ["away", "square", "close"],
  merged: ["away", "square", "swap"],
};

export const ACUITY_LOOKS: Readonly<Record<Acuity, Look>> = {
  emergent: ["alarm", "thick", "alarm"],
  urgent: ["warn", "square", "bolt"],
  routine: ["away", "round", "minus"],
};

export function Mark({ look, children }: { look: Look; children: string }) {
  const [tone, shape, icon] = look;
  return (
    <span class={`mark tone-${tone} shape-${shape}`}>
      <Icon name={icon} />
      {children}
    </span>
  );
}

export const TeamMark = ({ status }: { status: TeamStatus }) => (
  <Mark look={TEAM_LOOKS[status]}>{t(`team_${status}`)}</Mark>
);
export const PhaseMark = ({ phase }: { phase: Phase }) => (
  <Mark look={PHASE_LOOKS[phase]}>{t(`phase_${phase}`)}</Mark>
);
export const AcuityMark = ({ acuity }: { acuity: Acuity }) => (
  <Mark look={ACUITY_LOOKS[acuity]}>{t(`acuity_${acuity}`)}</Mark>
);
