import { area } from "../i18n.ts";
import en from "./en/follow-up.ts";

export const t = area(en, { es: () => import("./es/follow-up.ts"), vi: () => import("./vi/follow-up.ts") });
