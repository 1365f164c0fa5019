import type { Catalog } from "../../i18n.ts";
import type en from "../en/account.ts";

const es: Catalog<typeof en> = {
  title: "Cuenta de {name}",
  signed_in: "Dónde tiene la sesión iniciada",
  signed_in_why: "Cierre lo que no reconozca, o un dispositivo que ya no tenga. La sesión se cierra en segundos.",
  here: "Esta página",
  end: "Cerrar esa sesión",
  end_others: { one: "Cerrar la otra sesión", other: "Cerrar las otras {n} sesiones" },
  since: "Iniciada {began}, usada por última vez {seen}",
  purpose_cookie: "Un navegador",
  purpose_bearer: "Un dispositivo",
  purpose_integration: "La clave de un sistema",
  alarms: "Alarmas",
  alarms_why: "A dónde se le envían las alarmas por correo cuando no está ante una pantalla. Dicen que algo le necesita, y nada privado.",
  alarms_none: "Este servicio no puede enviar correo: quien lo opera no ha nombrado un servidor.",
  mail: "Dirección de correo",
  mail_keep: "Guardar la dirección",
  mail_test: "Enviar una prueba",
  mail_sent: "Va una prueba en camino. Escriba el código que trae.",
  mail_code: "Código de la prueba",
  mail_enter: "Ha llegado",
  mail_works: "Probada: las alarmas le llegan ahí.",
  mail_untried: "Sin probar: envíe una prueba.",
  mail_failed: "No llega nada desde {since}.",
  password: "Contraseña",
  password_why:
    "Al menos 12 caracteres, y ninguna que use mucha gente: cuatro palabras sin relación entre sí sirven bien. Se cierra la sesión en todo lo demás.",
  old: "Contraseña actual",
  new: "Contraseña nueva",
  set_password: "Cambiar la contraseña",
  password_done: "La contraseña está cambiada.",
};
export default es;
