// Where things are: incidents by their cell, teams by their newest position or their base.

import { effect, useSignal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import { PHASE_LOOKS, TEAM_LOOKS } from "../components/Mark.tsx";
import type { CountyMap, Dot } from "../map/county_map.ts";
import { t as common } from "../messages/common.ts";
import { t } from "../messages/board.ts";
import { api } from "../session.ts";
import { theme } from "../theme.ts";
import { getCounty } from "../wire.ts";
import type { Desk } from "./desk.ts";
import { draft, edit, readPoint } from "./draft.ts";
import { openAlarms } from "./Duress.tsx";

export interface MapHandle {
  refit: () => void;
}

function dots(desk: Desk): Dot[] {
  const opened = desk.opened.value;
  const found: Dot[] = [];
  const inDanger = new Set(openAlarms(desk).map((alarm) => alarm.team_id));
  for (const team of desk.live.of("team").all.value.values()) {
    if (team.duty === "off_shift") continue;
    const fix = desk.live.fixes.at(team.id).value;
    const lat = fix?.lat ?? team.base_lat;
    const lon = fix?.lon ?? team.base_lon;
    if (lat === null || lon === null) continue;
    const [tone] = TEAM_LOOKS[team.status];
    const where = fix === undefined ? ` (${t("no_fix")})` : "";
    const job = team.run?.incident_id ?? team.offer?.incident_id ?? null;
    found.push({
      id: `team ${team.id}`,
      lat,
      lon,
      look: `team tone-${inDanger.has(team.id) ? "alarm" : tone}${fix === undefined ? " guessed" : ""}`,
      text: team.call_sign,
      title: `${team.call_sign}: ${common(`team_${team.status}`)}${where}`,
      reach: inDanger.has(team.id) || job !== null ? 2 : 0,
      weight: (job !== null && job === opened ? 40 : 0) + (inDanger.has(team.id) ? 50 : job === null ? 10 : 20),
      onChoose: () => chooseTeam(desk, team.id),
    });
  }
  for (const one of desk.live.of("incident").all.value.values()) {
    if (one.cell === null || one.ended_at !== null) continue;
    const [tone] = PHASE_LOOKS[one.phase];
    found.push({
      id: `incident ${one.id}`,
      lat: one.cell.lat,
      lon: one.cell.lon,
      look: `incident tone-${tone}${one.id === opened ? " open" : ""}`,
      text: `#${one.number}`,
      title: `#${one.number}: ${common(`phase_${one.phase}`)}`,
      reach: one.id === opened ? 3 : one.phase === "cleared" ? 1 : 2,
      weight: one.id === opened ? 100 : 30,
      onChoose: () => desk.open(one.id),
    });
  }
  const picked = desk.isTaking.value ? readPoint(draft.value.point) : null;
  if (picked) found.push({ id: "picked", lat: picked.lat_deg, lon: picked.lon_deg, look: "picked", text: t("point"), title: t("point"), weight: 200, reach: 1, onChoose: null });
  return found;
}

/** Open what the team is on; one that is on nothing is shown among the teams. */
function chooseTeam(desk: Desk, id: string): void {
  const team = desk.live.of("team").at(id).peek();
  const job = team?.run?.incident_id ?? team?.offer?.incident_id;
  if (job !== undefined) desk.open(job);
  else desk.team.value = id;
}

export function MapPanel({ desk, handle }: { desk: Desk; handle: MapHandle }) {
  const box = useRef<HTMLDivElement>(null);
  const isLocked = useSignal(false);
  const state = useSignal<"loading" | "there" | "failed">("loading");
  const turn = useSignal(0);
  useEffect(() => {
    let map: CountyMap | null = null;
    let isOver = false;
    const ends: (() => void)[] = [];
    const start = async () => {
      try {
        const [outline, code] = await Promise.all([api.call(getCounty, {}), import("../map/county_map.ts")]);
        if (isOver || box.current === null) return;
        map = await code.CountyMap.make({
          box: box.current,
          outline,
          onLock: (locked) => (isLocked.value = locked),
          onDrawn: () => (state.value = "there"),
          onTrouble: () => (state.value = "failed"),
          onPoint: (lat, lon) => {
            if (desk.isTaking.peek()) edit({ point: `${lat.toFixed(5)}, ${lon.toFixed(5)}` });
          },
        });
        const shown = map;
        if (isOver) {
          shown.remove();
          return;
        }
        handle.refit = () => shown.fit();
        ends.push(effect(() => shown.show(dots(desk))));
        ends.push(
          effect(() => {
            const opened = desk.opened.value;
            const cell = opened === null ? null : desk.incident(opened)?.cell;
            if (cell) shown.look(cell.lat, cell.lon);
          }),
        );
        let isFirst = true;
        ends.push(
          effect(() => {
            void theme.value;
            // The tokens change once everybody has heard of the choice.
            if (!isFirst) requestAnimationFrame(() => shown.repaint());
            isFirst = false;
          }),
        );
        const device = ["(prefers-color-scheme: dark)", "(prefers-contrast: more)"].map((query) => matchMedia(query));
        const onDevice = () => shown.repaint();
        for (const query of device) query.addEventListener("change", onDevice);
        const watch = new ResizeObserver(() => shown.resize());
        watch.observe(box.current);
        ends.push(
          () => {
            for (const query of device) query.removeEventListener("change", onDevice);
          },
          () => watch.disconnect(),
        );
      } catch {
        if (!isOver) state.value = "failed";
      }
    };
    // After the list has been drawn: the map is the heavier part, and the less urgent.
    const idle = setTimeout(() => void start(), 50);
    return () => {
      isOver = true;
      clearTimeout(idle);
      for (const end of ends) end();
      map?.remove();
    };
  }, [turn.value]);
  return (
    <section class="panel map-panel" aria-label={t("map")}>
      <div class="map" ref={box} data-map={state.value} />
      {isLocked.value && (
        <button type="button" class="button small refit" onClick={() => handle.refit()}>
          <kbd>R</kbd> {t("map_locked")}
        </button>
      )}
      {desk.isTaking.value && <p class="map-hint">{t("map_pick")}</p>}
      {state.value === "loading" && <p class="map-hint">{common("loading")}</p>}
      {state.value === "failed" && (
        <p class="map-hint">
          {t("map_failed")}{" "}
          <button
            type="button"
            class="link"
            onClick={() => {
              state.value = "loading";
              turn.value++;
            }}
          >
            {common("try_again")}
          </button>
        </p>
      )}
    </section>
  );
}
