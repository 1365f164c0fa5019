import { area } from "../i18n.ts";
import en from "./en/board.ts";

export const t = area(en, { es: () => import("./es/board.ts"), vi: () => import("./vi/board.ts") });
