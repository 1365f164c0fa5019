import type { Catalog } from "../../i18n.ts";
import type en from "../en/sign-in.ts";

const es: Catalog<typeof en> = {
  title: "Iniciar sesión",
  username: "Usuario",
  password: "Contraseña",
  submit: "Iniciar sesión",
  wrong: "El usuario o la contraseña no son correctos.",
  busy: "En este momento inicia sesión mucha gente. Se vuelve a intentar solo.",
  slow_down: { one: "Demasiados intentos. Espere {n} segundo.", other: "Demasiados intentos. Espere {n} segundos." },
};
export default es;
