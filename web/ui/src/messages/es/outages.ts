import type { Catalog } from "../../i18n.ts";
import type en from "../en/outages.ts";

const es: Catalog<typeof en> = {
  clock_off: "El reloj de este nodo está mal y no acepta nada. Envíe lo mismo otra vez.",
  cut_off: "Este nodo no recibe nada de la base de datos. Lo que ve puede ser viejo.",
  database_at_limit: "La base de datos llegó a uno de sus límites. No cambió nada; envíelo otra vez.",
  database_busy: "Todas las conexiones a la base de datos están en uso. No cambió nada; envíelo otra vez.",
  database_connection_lost: "Se perdió la conexión con la base de datos. Envíe lo mismo otra vez.",
  database_contended: "La base de datos está muy disputada. No cambió nada; envíelo otra vez.",
  database_damaged: "La base de datos no puede leer ni escribir sus archivos. No cambió nada.",
  database_full: "El disco de la base de datos está lleno. No cambió nada; un administrador debe hacer espacio.",
  database_locked: "Alguien tiene un bloqueo en la base de datos. No cambió nada; envíelo otra vez.",
  database_out_of_memory: "La base de datos se quedó sin memoria. No cambió nada; envíelo otra vez.",
  database_read_only: "La base de datos solo permite leer: no se encuentra un servidor primario. No cambió nada.",
  database_refused: "La base de datos rechaza al servicio. No cambió nada.",
  database_silent: "La base de datos no responde. Envíe lo mismo otra vez.",
  database_slow: "La base de datos tardó demasiado. No cambió nada; envíelo otra vez.",
  database_starting: "La base de datos está arrancando o deteniéndose. Envíe lo mismo otra vez.",
  database_stopping: "La base de datos cerró la conexión. Envíe lo mismo otra vez.",
  database_too_many_connections: "La base de datos no admite más conexiones. No cambió nada.",
  database_unreachable: "No se llega a ningún servidor de la base de datos. Envíe lo mismo otra vez.",
  schema_unusable: "La base de datos no está preparada para esta versión. No cambió nada.",
};
export default es;
