import { known } from "../i18n.ts";
import { t } from "../messages/refusals.ts";
import type { Problem } from "../wire.ts";
import { outageSentence } from "./outages.ts";

/** Why the service said no, in the person's language; where no sentence is at hand, its own. */
export const refusalSentence = ({ code, detail, facts }: Pick<Problem, "code" | "detail" | "facts">): string =>
  known(t, code, facts) ?? outageSentence(code) ?? detail;
