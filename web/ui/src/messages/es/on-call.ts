import type { Catalog } from "../../i18n.ts";
import type en from "../en/on-call.ts";

const es: Catalog<typeof en> = {
  title: "De guardia",
  callers: "Llamadas que esperan",
  hint: "Se le llama cuando nadie del despacho responde. Marque lo que atiende: suena otra vez para otros cuando lo deja.",
  sound: "Sonido",
  mail_none: "No hay una dirección para que las alarmas le lleguen fuera de esta página.",
  mail_untried: "Su dirección no se ha probado: las alarmas quizá no le lleguen fuera de esta página.",
  mail_set: "Ponerla",
  waiting: { one: "Un incidente necesita a alguien", other: "{n} incidentes necesitan a alguien" },
  others: { one: "Hay uno más abierto", other: "Hay {n} más abiertos" },
  calm: "Nada espera a nadie ahora.",
  story: "Dónde, quién y qué",
  owner: "Responsable: {who}",
  write: "Nota",
  wrote: "Anotarlo",
  told: "Anotado.",
};
export default es;
