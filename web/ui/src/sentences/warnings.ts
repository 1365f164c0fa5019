import { known } from "../i18n.ts";
import { t } from "../messages/warnings.ts";

/** What the service warns of, in the person's language; where no sentence is at hand, its own. */
export const warningSentence = (code: string, sentence: string): string => known(t, code) ?? sentence;
