// What a crew may know of an incident without asking for its private part.

import { Danger } from "../components/Danger.tsx";
import { Icon } from "../components/Icon.tsx";
import { Left } from "../components/Timer.tsx";
import { distance, time } from "../format.ts";
import { t } from "../messages/phone.ts";
import { clock } from "../session.ts";
import { instant } from "../time.ts";
import type { TeamIncidentView } from "../wire.ts";
import type { Phone } from "./phone.ts";
import { metres, wind } from "./place.ts";
import { label } from "./words.ts";

type Has = { readonly incident: TeamIncidentView };

export function Hazards({ incident }: Has) {
  return <Danger one={incident} title={t("hazards")} word={(code) => label("hazard", code)} />;
}

export function Needs({ incident }: Has) {
  if (incident.needs.length === 0) return null;
  return (
    <section class="needs">
      <h2>{t("needs")}</h2>
      <ul>
        {incident.needs.map((one) => (
          <li key={one.code}>
            {label("need", one.code)}
            {one.hard && <span class="quiet"> · {t("need_hard")}</span>}
          </li>
        ))}
      </ul>
    </section>
  );
}

/** What kind of place, how far and which way, from where this phone is or the team's base. */
export function Whereabouts({ phone, incident }: { phone: Phone; incident: TeamIncidentView }) {
  const team = phone.picture.value?.team;
  const base = team && team.base_lat !== null && team.base_lon !== null ? { lat: team.base_lat, lon: team.base_lon } : null;
  const { here } = phone.tracker;
  const from = here.value ?? base;
  const { cell } = incident;
  const words = [
    incident.location_type !== "unknown" ? [incident.location_type, ...incident.other_types].map((code) => label("location_type", code)).join(" / ") : null,
    incident.area_class ? t(`area_${incident.area_class}`) : null,
    from && cell ? t(here.value === null ? "away_from_base" : "away_by", { distance: distance(metres(from, cell)), wind: t(`wind_${wind(from, cell)}`) }) : null,
  ];
  return <span>{words.filter((one) => one !== null).join(" · ")}</span>;
}

export function Deadline({ incident }: Has) {
  if (incident.due_at === null || incident.first_on_scene_at !== null) return null;
  return (
    <p class="deadline">
      <Icon name="clock" />
      <span>{t("be_there_by", { time: time(incident.due_at) })}</span>
      <strong>
        <Left until={incident.due_at} />
      </strong>
      {instant(incident.due_at) >= clock.second.value && <span class="quiet">{t("time_left")}</span>}
    </p>
  );
}
