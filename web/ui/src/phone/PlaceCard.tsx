// The exact place: asked for when the run begins, noted in the county's audit, and kept, encrypted, for
// as long as the run lasts.

import { signal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { Icon } from "../components/Icon.tsx";
import { t } from "../messages/phone.ts";
import { api, type Session } from "../session.ts";
import { getIncident, getIncidentRecords, type RunView, type TeamIncidentView } from "../wire.ts";
import { Whereabouts } from "./Incident.tsx";
import { keepPlace, keptPlace, type Opened } from "./kept.ts";
import type { Phone } from "./phone.ts";
import { mapLink, type At } from "./place.ts";

/** What was opened of the run's incident, and how far the asking for it got. */
interface Known extends Opened {
  readonly state: "loading" | "there" | "missing";
}

const opened = signal<Known | null>(null);

/** What this phone kept of the place before it was switched off, or lost its network. */
export function resumePlace(session: Session): void {
  const kept = keptPlace(session);
  if (kept !== null) opened.value = { ...kept, state: "missing" };
}

async function load(phone: Phone, incident: TeamIncidentView): Promise<void> {
  const of = `${incident.id}/${incident.version}`;
  const before = opened.peek();
  const blank = { point: null, address: null, access: null, story: null, people: [] };
  opened.value = before?.of.startsWith(incident.id) ? { ...before, of, state: "loading" } : { ...blank, of, state: "loading" };
  try {
    const path = { incident_id: incident.id };
    const [whole, { records }] = await Promise.all([api.call(getIncident, { path }), api.call(getIncidentRecords, { path })]);
    if (opened.peek()?.of !== of) return;
    const { point } = whole.incident.clinical;
    const told = (name: string) => records.filter((one) => typeof one.fields?.[name] === "string");
    const words = (one: (typeof records)[number] | undefined, name: string): string | null => (one === undefined ? null : String(one.fields?.[name]));
    // Records come oldest first. Of each incident that is part of this one, the last word counts; its own comes first.
    const said = (name: string): string | null => {
      const last = new Map(told(name).map((one) => [one.head.incident_id, words(one, name)]));
      const own = last.get(incident.id);
      const all = new Set([...(own === undefined ? [] : [own]), ...last.values()]);
      return all.size === 0 ? null : [...all].join(" · ");
    };
    const { address_record } = whole.incident.place;
    const address = told("address").find((one) => one.head.id === address_record) ?? told("address").at(-1);
    const found: Opened = {
      of,
      point: point ? { lat: point.lat_deg, lon: point.lon_deg } : null,
      address: words(address, "address"),
      access: said("access"),
      story: said("narrative") ?? said("text"),
      people: whole.incident.subjects.map(({ id, label, record, records: told }) => ({
        id,
        label,
        name: nameIn(records.filter((one) => one.head.id === record || told.includes(one.head.id)).map((one) => one.fields ?? {})),
      })),
    };
    opened.value = { ...found, state: "there" };
    keepPlace(phone.session, found);
  } catch {
    if (opened.peek()?.of === of) opened.value = { ...blank, ...opened.peek(), of, state: "missing" };
  }
}

/** Who it is, and what was said of them (an allergy): a later word adds to what was told before. */
function nameIn(told: readonly Readonly<Record<string, unknown>>[]): string | null {
  const last = (name: string) => told.map((fields) => fields[name]).findLast((one) => typeof one === "string" && one !== "");
  const found = [last("name"), last("description")].filter((one) => one !== undefined).map(String);
  return found.length === 0 ? null : found.join(" · ");
}

/** Who is known to be in crisis there; `[]` = not heard. */
export function peopleOf(incident: TeamIncidentView): Opened["people"] {
  return opened.value?.of.startsWith(incident.id) ? opened.value.people : [];
}

/** Like `peopleOf`, asked for anew when the incident knows of more. */
export function usePeople(phone: Phone, incident: TeamIncidentView): Opened["people"] {
  const people = peopleOf(incident);
  const lacksSome = people.length < incident.subjects && phone.live.freshness.value.state === "live";
  useEffect(() => {
    if (lacksSome && opened.peek()?.state !== "loading") void load(phone, incident);
  }, [incident.id, incident.subjects, lacksSome]);
  return people;
}

/** What the map should lead to. */
export function target(incident: TeamIncidentView): { at: At; isExact: boolean } | null {
  const known = opened.value;
  if (known?.of.startsWith(incident.id) && known.point !== null) return { at: known.point, isExact: true };
  return incident.cell ? { at: incident.cell, isExact: false } : null;
}

export function PlaceCard({ phone, incident, run }: { phone: Phone; incident: TeamIncidentView; run: RunView }) {
  const isLive = phone.live.freshness.value.state === "live";
  useEffect(() => {
    if (isLive && (opened.peek()?.of !== `${incident.id}/${incident.version}` || opened.peek()?.state === "missing")) void load(phone, incident);
  }, [incident.id, incident.version, run.id, isLive]);
  const known = opened.value?.of.startsWith(incident.id) ? opened.value : null;
  const to = target(incident);
  return (
    <section class="card place">
      <h2>
        <Icon name="pin" />
        <span class={known?.address ? "address" : ""}>{known?.address ?? t("place")}</span>
      </h2>
      <p>
        <Whereabouts phone={phone} incident={incident} />
      </p>
      {to && (
        <a class="button touch" href={mapLink(to.at)} data-act="navigate">
          <Icon name="car" />
          {t(to.isExact ? "navigate" : "navigate_near")}
        </a>
      )}
      {known?.access && (
        <p>
          <span class="quiet">{t("access")}:</span> {known.access}
        </p>
      )}
      {known?.story && (
        <details>
          <summary>
            <Icon name="chevron" />
            {t("story")}
          </summary>
          <p>{known.story}</p>
        </details>
      )}
      {known?.state === "loading" && <p class="quiet">{t("place_loading")}</p>}
      {to && !to.isExact && known?.state !== "loading" && <p class="quiet">{t("place_rough")}</p>}
      {known?.state === "missing" && isLive && (
        <button type="button" class="button touch" onClick={() => void load(phone, incident)}>
          {t("place_again")}
        </button>
      )}
    </section>
  );
}
