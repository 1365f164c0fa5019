// What the service warns of, by its stable codes. In English its own sentence is shown, which knows more.
const es = {
  call_open: "Todavía hay alguien en la línea.",
  deadline_passed: "El plazo de respuesta ya pasó; el reloj nunca se detuvo.",
  teams_stay_called_off: "Los equipos cancelados no lo saben: pregunte a uno de nuevo.",
  contradicts_end: "La salida terminó sin que nadie llegara a la persona; ahora consta una llegada.",
  crew_assumed: "No se conoce ningún turno de entonces: se supone que fueron quienes están ahora en el equipo.",
  crew_no_longer_valid: "Un equipo en camino ya no es válido para este incidente tal como se conoce ahora.",
  deadline_moved: "Por el lugar tal como se conoce ahora, el plazo de respuesta es otro.",
  destination_missing: "No está anotado quién recibió a la persona.",
  encounter_missing: "No está anotado cómo terminó el encuentro.",
  excluded_setting: "En este tipo de lugar no hay beneficio móvil de Medi-Cal: la respuesta no se cobra ni cuenta en sus tiempos.",
  follow_up_by_hand: "Alguien debe darle seguimiento.",
  hold_missing: "No está anotado el tipo de retención.",
  location_unknown: "El lugar no se conoce con exactitud: vale la clase del condado y no hay tiempos de viaje.",
  newer_version: "El incidente cambió desde entonces; léalo de nuevo.",
  obligation_moved: "Algo pendiente vence ahora a otra hora.",
  on_scene_missing: "Diga cuándo llegó el equipo; el plazo sigue corriendo.",
  others_on_it: "Otro equipo también va: déjelo ayudar o retírelo.",
  plan_missing: "No está anotado ni un plan de seguridad ni por qué no lo hay.",
  reason_unusual: "Es un motivo poco común en esta etapa.",
  run_ended: "Para la central esta salida ya había terminado. Se le avisa de lo que usted reporta, y decide.",
  settled: "El incidente ya está resuelto.",
  team_out: "No se puede enviar al equipo: márquelo como no disponible.",
  time_not_believed: "La hora indicada no puede ser correcta, como cuando el reloj del teléfono está mal: cuenta como ahora.",
  transport_missing: "No está anotado el modo de traslado.",
  danger_contradicts: "Un peligro anotado contradice un “no” de la evaluación: vale el peligro. Si ya pasó, quite el peligro y responda “no” a la vez.",
  hazard_screened: "El peligro sigue: la evaluación dice que sí. Si ya pasó, responda “no”.",
  unseen_kept: "Lo que otros agregaron se queda; quítelo por su nombre.",
  partner_not_told: "Cambió lo que se sabe del peligro: dígaselo al servicio que se pidió.",
  slots_joined: "El otro pedía más equipos: se buscan aquí.",
};

/** The codes that every language has a sentence for. */
export type Warned = { readonly [code in keyof typeof es]: string };
export default es;
