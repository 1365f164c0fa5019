import { area } from "../i18n.ts";
import en from "./en/account.ts";

export const t = area(en, { es: () => import("./es/account.ts"), vi: () => import("./vi/account.ts") });
