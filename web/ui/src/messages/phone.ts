import { area } from "../i18n.ts";
import en from "./en/phone.ts";

export const t = area(en, { es: () => import("./es/phone.ts"), vi: () => import("./vi/phone.ts") });
