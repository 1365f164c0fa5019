import { area } from "../i18n.ts";
import en from "./en/common.ts";

/** Words that every page uses. */
export const t = area(en, { es: () => import("./es/common.ts"), vi: () => import("./vi/common.ts") });
