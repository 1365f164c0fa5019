import { known } from "../i18n.ts";
import { t } from "../messages/reasons.ts";
import type { Reason } from "../wire.ts";

/** What speaks against a team, in the person's language; `inWords`: what the reason is about. */
export const reasonSentence = ({ code, subject, sentence }: Reason, inWords: (code: string) => string): string =>
  known(t, code, { subject: subject === null ? "—" : inWords(subject) }) ?? sentence;
