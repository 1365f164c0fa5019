import { area } from "../i18n.ts";
import en from "./en/wall.ts";

export const t = area(en, { es: () => import("./es/wall.ts"), vi: () => import("./vi/wall.ts") });
