import type { Catalog } from "../../i18n.ts";
import type en from "../en/wall.ts";

const es: Catalog<typeof en> = {
  title: "Pared",
  calls_ringing: { one: "llamada suena", other: "llamadas suenan" },
  waiting: { one: "incidente espera un equipo", other: "incidentes esperan un equipo" },
  open: { one: "abierto", other: "abiertos" },
  free: { one: "equipo libre", other: "equipos libres" },
  no_teams: "Ningún equipo está de turno.",
  nobody_has_it: "Nadie lo atiende",
  claimed: "Un equipo dice que está allí",
  age: "Abierto desde hace",
};
export default es;
