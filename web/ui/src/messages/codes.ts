import { area } from "../i18n.ts";
import en from "./en/codes.ts";

export const t = area(en, { es: () => import("./es/codes.ts"), vi: () => import("./vi/codes.ts") });
