import { area } from "../i18n.ts";
import en from "./en/desk.ts";

export const t = area(en, { es: () => import("./es/desk.ts"), vi: () => import("./vi/desk.ts") });
