import { area } from "../i18n.ts";
import en from "./en/sign-in.ts";

export const t = area(en, { es: () => import("./es/sign-in.ts"), vi: () => import("./vi/sign-in.ts") });
