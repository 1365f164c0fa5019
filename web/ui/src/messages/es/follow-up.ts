import type { Catalog } from "../../i18n.ts";
import type en from "../en/follow-up.ts";

const es: Catalog<typeof en> = {
  title: "Seguimiento",
  none: "Ahora no se debe nada a nadie.",
  mine: "Suyos ({n})",
  free: "Aún de nadie ({n})",
  others: "De colegas ({n})",
  tries: { one: "un intento", other: "{n} intentos" },
  last_try: "el último {time}",
  take: "Hacerme cargo",
  no_incident: "No pertenece a ningún incidente.",
  settle: "Resultado",
  about: "Incidente {number}",
  ended: "Cómo terminó",
  not_recorded: "Sin registrar",
  no_records: "No se anotó nada de la persona.",
  note: "Nota",
  add_note: "Añadir la nota",
};
export default es;
