import type { Catalog } from "../../i18n.ts";
import type en from "../en/board.ts";

const es: Catalog<typeof en> = {
  title: "Tablero",
  incidents_open: { one: "{n} incidente abierto", other: "{n} incidentes abiertos" },
  teams_shown: { one: "{n} equipo", other: "{n} equipos" },
};
export default es;
