// A county's map without anything from outside: outline, graticule, and points. A hand on it locks
// the view until it is fitted anew. Must not know what its points are.

import type { Map as MapLibreMap, Marker, StyleSpecification } from "maplibre-gl";
import { loadMapLibre, type MapLibre } from "./load.ts";
import type { CountyMap as Outline } from "../wire.ts";

export interface Dot {
  readonly id: string;
  readonly lat: number;
  readonly lon: number;
  /** CSS classes: kind and tone. */
  readonly look: string;
  readonly text: string;
  readonly title: string;
  readonly anchor: "top" | "bottom" | "center";
  readonly onChoose: (() => void) | null;
}

export interface Options {
  readonly box: HTMLElement;
  readonly outline: Outline;
  readonly onPoint: (lat: number, lon: number) => void;
  readonly onLock: (isLocked: boolean) => void;
  /** It is drawn for the first time. */
  readonly onDrawn: () => void;
  /** It can't be drawn, as where the network went while a part of it was fetched. */
  readonly onTrouble: () => void;
}

/** Return a colour of the tokens as the map takes it: light or dark is decided by the page. */
function colour(name: string): string {
  const probe = document.createElement("span");
  probe.style.color = `var(${name})`;
  document.body.append(probe);
  const found = getComputedStyle(probe).color;
  probe.remove();
  return found;
}

/** Degrees between the lines of a graticule that has about six of them. */
export function graticuleStep(degrees: number): number {
  const wanted = degrees / 6;
  return [0.02, 0.05, 0.1, 0.2, 0.25, 0.5, 1].find((step) => step >= wanted) ?? 1;
}

function graticule(outline: Outline): { lines: [number, number][][]; labels: { at: [number, number]; text: string }[] } {
  const [west, south, east, north] = outline.bounds;
  const step = graticuleStep(Math.max(east - west, north - south));
  const from = (edge: number) => Math.floor(edge / step) * step - step;
  const lines: [number, number][][] = [];
  const labels: { at: [number, number]; text: string }[] = [];
  for (let lon = from(west); lon <= east + 2 * step; lon += step) {
    lines.push([[lon, south - 2 * step], [lon, north + 2 * step]]);
    labels.push({ at: [lon, south], text: `${Math.abs(lon).toFixed(2)}° W` });
  }
  for (let lat = from(south); lat <= north + 2 * step; lat += step) {
    lines.push([[west - 2 * step, lat], [east + 2 * step, lat]]);
    labels.push({ at: [west, lat], text: `${lat.toFixed(2)}° N` });
  }
  return { lines, labels };
}

export class CountyMap {
  private readonly options: Options;
  private readonly library: MapLibre;
  private readonly map: MapLibreMap;
  private readonly markers = new Map<string, { marker: Marker; dot: Dot }>();
  private isLocked = false;

  private constructor(options: Options, library: MapLibre) {
    this.options = options;
    this.library = library;
    const [west, south, east, north] = options.outline.bounds;
    this.map = new library.Map({
      container: options.box,
      style: this.style(),
      bounds: [west, south, east, north],
      fitBoundsOptions: { padding: 18 },
      attributionControl: false,
      dragRotate: false,
      pitchWithRotate: false,
      maxZoom: 17,
    });
    this.map.touchZoomRotate.disableRotation();
    for (const { at, text } of graticule(options.outline).labels) {
      const label = document.createElement("span");
      label.className = "map-label";
      label.textContent = text;
      new library.Marker({ element: label }).setLngLat(at).addTo(this.map);
    }
    this.map.once("load", () => options.onDrawn());
    // Whoever listens keeps it off the console; the panel says it in words.
    this.map.on("error", () => options.onTrouble());
    // Only a hand's moves have an original event.
    this.map.on("movestart", (event: { originalEvent?: unknown }) => {
      if (event.originalEvent) this.lock(true);
    });
    this.map.on("click", (event) => options.onPoint(event.lngLat.lat, event.lngLat.lng));
    const canvas = this.map.getCanvas();
    canvas.setAttribute("aria-label", options.outline.name);
  }

  static async make(options: Options): Promise<CountyMap> {
    return new CountyMap(options, await loadMapLibre());
  }

  private style(): StyleSpecification {
    const { outline } = this.options;
    return {
      version: 8,
      sources: {
        county: { type: "geojson", data: { type: "Feature", properties: {}, geometry: outline.outline as never } },
        grid: { type: "geojson", data: { type: "Feature", properties: {}, geometry: { type: "MultiLineString", coordinates: graticule(outline).lines } } },
      },
      layers: [
        { id: "sea", type: "background", paint: { "background-color": colour("--surface-sunk") } },
        { id: "land", type: "fill", source: "county", paint: { "fill-color": colour("--surface") } },
        { id: "grid", type: "line", source: "grid", paint: { "line-color": colour("--line"), "line-width": 1 } },
        { id: "border", type: "line", source: "county", paint: { "line-color": colour("--line-strong"), "line-width": 2 } },
      ],
    };
  }

  /** Light or dark was changed. */
  repaint(): void {
    this.map.setStyle(this.style());
  }

  private lock(isLocked: boolean): void {
    if (this.isLocked === isLocked) return;
    this.isLocked = isLocked;
    this.options.onLock(isLocked);
  }

  /** Show the whole county again, and follow from there. */
  fit(): void {
    this.lock(false);
    const [west, south, east, north] = this.options.outline.bounds;
    this.map.fitBounds([west, south, east, north], { padding: 18, animate: false });
  }

  /** Bring a point into view, unless a hand has placed the view. */
  look(lat: number, lon: number): void {
    if (!this.isLocked && !this.map.getBounds().contains([lon, lat])) this.map.panTo([lon, lat], { animate: false });
  }

  resize(): void {
    this.map.resize();
    if (!this.isLocked) this.fit();
  }

  show(dots: readonly Dot[]): void {
    const wanted = new Set(dots.map((dot) => dot.id));
    for (const [id, { marker }] of this.markers) {
      if (wanted.has(id)) continue;
      marker.remove();
      this.markers.delete(id);
    }
    for (const dot of dots) {
      const known = this.markers.get(dot.id);
      if (known) {
        if (known.dot.lat !== dot.lat || known.dot.lon !== dot.lon) known.marker.setLngLat([dot.lon, dot.lat]);
        dress(known.marker.getElement(), dot, known.dot);
        known.dot = dot;
        continue;
      }
      const element = document.createElement(dot.onChoose ? "button" : "span");
      if (element instanceof HTMLButtonElement) element.type = "button";
      dress(element, dot, null);
      element.addEventListener("click", (event) => {
        event.stopPropagation();
        this.markers.get(dot.id)?.dot.onChoose?.();
      });
      // Incidents stand over their point and teams under it, so that neither hides the other.
      const marker = new this.library.Marker({ element, anchor: dot.anchor }).setLngLat([dot.lon, dot.lat]).addTo(this.map);
      // MapLibre calls every marker "Map marker"; ours say what they are.
      element.setAttribute("aria-label", dot.title);
      this.markers.set(dot.id, { marker, dot });
    }
  }

  remove(): void {
    this.map.remove();
  }
}

function dress(element: HTMLElement, dot: Dot, before: Dot | null): void {
  if (before === null || before.look !== dot.look) {
    for (const name of before?.look.split(" ") ?? []) element.classList.remove(name);
    element.classList.add("dot", ...dot.look.split(" "));
  }
  if (before === null || before.text !== dot.text) element.textContent = dot.text;
  if (before === null || before.title !== dot.title) {
    element.title = dot.title;
    element.setAttribute("aria-label", dot.title);
  }
}
