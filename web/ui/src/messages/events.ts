import { area } from "../i18n.ts";
import en from "./en/events.ts";

export const t = area(en, { es: () => import("./es/events.ts"), vi: () => import("./vi/events.ts") });
