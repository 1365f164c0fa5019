import { area } from "../i18n.ts";
import en from "./en/reports.ts";

export const t = area(en, { es: () => import("./es/reports.ts"), vi: () => import("./vi/reports.ts") });
