import { area } from "../i18n.ts";
import en from "./en/on-call.ts";

export const t = area(en, { es: () => import("./es/on-call.ts"), vi: () => import("./vi/on-call.ts") });
