// A county's map without anything from outside: outline, graticule, and points with labels that don't
// hide each other. A hand on it locks the view until it is fitted anew. Must not know what its points
// are.

import type { Map as MapLibreMap, Marker, StyleSpecification } from "maplibre-gl";
import { loadMapLibre, type MapLibre } from "./load.ts";
import type { CountyMap as Outline } from "../wire.ts";
import { place, type Placed } from "./labels.ts";

export interface Dot {
  readonly id: string;
  readonly lat: number;
  readonly lon: number;
  /** CSS classes: kind and tone. */
  readonly look: string;
  readonly text: string;
  readonly title: string;
  /** Larger ones are labelled first where there is no room for all. */
  readonly weight: number;
  /** How far off its point the label may stand, 0 to 3. */
  readonly reach: number;
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

interface Graticule {
  readonly lines: [number, number][][];
  readonly lons: readonly number[];
  readonly lats: readonly number[];
}

function graticule(outline: Outline): Graticule {
  const [west, south, east, north] = outline.bounds;
  const step = graticuleStep(Math.max(east - west, north - south));
  const from = (edge: number) => Math.floor(edge / step) * step - step;
  const lines: [number, number][][] = [];
  const lons: number[] = [];
  const lats: number[] = [];
  for (let lon = from(west); lon <= east + 2 * step; lon += step) {
    lines.push([[lon, south - 2 * step], [lon, north + 2 * step]]);
    lons.push(lon);
  }
  for (let lat = from(south); lat <= north + 2 * step; lat += step) {
    lines.push([[west - 2 * step, lat], [east + 2 * step, lat]]);
    lats.push(lat);
  }
  return { lines, lons, lats };
}

/** Pixels between what is shown and the pane's edges: room for labels. */
const PADDING = 40;
/** Degrees of latitude that are shown at least, however near each other everything is. */
const LEAST_SPAN = 0.2;

type Bounds = readonly [west: number, south: number, east: number, north: number];

/** Where something is: all points, with a margin; the whole county where there are none. */
export function activity(dots: Iterable<{ readonly lat: number; readonly lon: number }>, county: Bounds): Bounds {
  // What lies further off than the county is wide isn't worth losing sight of all the rest for.
  const [cWest, cSouth, cEast, cNorth] = county;
  const [wide, high] = [cEast - cWest, cNorth - cSouth];
  const all = [...dots].filter((dot) => dot.lon >= cWest - wide && dot.lon <= cEast + wide && dot.lat >= cSouth - high && dot.lat <= cNorth + high);
  if (all.length === 0) return county;
  const lats = all.map((dot) => dot.lat);
  const lons = all.map((dot) => dot.lon);
  const [south, north, west, east] = [Math.min(...lats), Math.max(...lats), Math.min(...lons), Math.max(...lons)];
  const up = Math.max(0, LEAST_SPAN - (north - south)) / 2;
  const aside = Math.max(0, LEAST_SPAN - (east - west)) / 2;
  return [west - aside, south - up, east + aside, north + up];
}

/** A point on the map: its mark, its label, and the line between them. */
interface Pinned {
  readonly marker: Marker;
  readonly label: HTMLElement;
  readonly leader: HTMLElement;
  dot: Dot;
  size: { readonly width: number; readonly height: number };
}

export class CountyMap {
  private readonly options: Options;
  private readonly library: MapLibre;
  private readonly map: MapLibreMap;
  private readonly pinned = new Map<string, Pinned>();
  private readonly edges: { readonly element: HTMLElement; readonly lon?: number; readonly lat?: number }[] = [];
  private places: ReadonlyMap<string, Placed> = new Map();
  private frame = 0;
  private isLocked = false;
  private showsCounty = false;
  private hasShown = false;

  private constructor(options: Options, library: MapLibre) {
    this.options = options;
    this.library = library;
    const [west, south, east, north] = options.outline.bounds;
    this.map = new library.Map({
      container: options.box,
      style: this.style(),
      bounds: [west, south, east, north],
      fitBoundsOptions: { padding: PADDING },
      attributionControl: false,
      dragRotate: false,
      pitchWithRotate: false,
      maxZoom: 17,
    });
    this.map.touchZoomRotate.disableRotation();
    this.map.addControl(new library.ScaleControl({ unit: "imperial", maxWidth: 90 }), "bottom-right");
    const { lons, lats } = graticule(options.outline);
    for (const lon of lons) this.edge(`${Math.abs(lon).toFixed(2)}° W`, { lon });
    for (const lat of lats) this.edge(`${lat.toFixed(2)}° N`, { lat });
    this.map.once("load", () => options.onDrawn());
    // Whoever listens keeps it off the console; the panel says it in words.
    this.map.on("error", () => options.onTrouble());
    // Only a hand's moves have an original event.
    this.map.on("movestart", (event: { originalEvent?: unknown }) => {
      if (event.originalEvent) this.lock(true);
    });
    this.map.on("move", () => this.layOut());
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

  private edge(text: string, at: { readonly lon?: number; readonly lat?: number }): void {
    const element = document.createElement("span");
    element.className = "map-label";
    element.textContent = text;
    this.map.getContainer().append(element);
    this.edges.push({ element, ...at });
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

  /** Show everything that there is, and follow from there; asked again, the whole county, and so on. */
  fit(): void {
    this.showsCounty = !this.isLocked && !this.showsCounty;
    this.lock(false);
    this.refit();
  }

  private refit(): void {
    const all = [...this.pinned.values()].map(({ dot }) => dot);
    const [west, south, east, north] = this.showsCounty ? this.options.outline.bounds : activity(all, this.options.outline.bounds);
    this.map.fitBounds([west, south, east, north], { padding: PADDING, animate: false });
  }

  /** Bring a point into view, unless a hand has placed the view. */
  look(lat: number, lon: number): void {
    if (!this.isLocked && !this.map.getBounds().contains([lon, lat])) this.map.panTo([lon, lat], { animate: false });
  }

  resize(): void {
    this.map.resize();
    if (!this.isLocked) this.refit();
    this.layOut();
  }

  show(dots: readonly Dot[]): void {
    const wanted = new Set(dots.map((dot) => dot.id));
    const hasNew = dots.some((dot) => !this.pinned.has(dot.id));
    for (const [id, { marker }] of this.pinned) {
      if (wanted.has(id)) continue;
      marker.remove();
      this.pinned.delete(id);
    }
    for (const dot of dots) {
      const known = this.pinned.get(dot.id);
      if (known) {
        if (known.dot.lat !== dot.lat || known.dot.lon !== dot.lon) known.marker.setLngLat([dot.lon, dot.lat]);
        dress(known, dot);
        known.dot = dot;
      } else this.pinned.set(dot.id, this.pin(dot));
    }
    // Something new outside the view moves it; what merely moves doesn't.
    const bounds = this.map.getBounds();
    if (!this.isLocked && hasNew && (!this.hasShown || dots.some((dot) => !bounds.contains([dot.lon, dot.lat])))) this.refit();
    this.hasShown ||= dots.length > 0;
    this.layOut();
  }

  private pin(dot: Dot): Pinned {
    const root = document.createElement("div");
    const leader = document.createElement("span");
    leader.className = "leader";
    const mark = document.createElement("span");
    mark.className = "pin";
    const label = document.createElement(dot.onChoose ? "button" : "span");
    if (label instanceof HTMLButtonElement) label.type = "button";
    label.className = "dot";
    label.addEventListener("click", (event) => {
      event.stopPropagation();
      this.pinned.get(dot.id)?.dot.onChoose?.();
    });
    root.append(leader, mark, label);
    const marker = new this.library.Marker({ element: root, anchor: "center" }).setLngLat([dot.lon, dot.lat]).addTo(this.map);
    // MapLibre calls every marker "Map marker" and a button; ours have one inside that says what it is.
    for (const name of ["aria-label", "role", "tabindex"]) root.removeAttribute(name);
    const made: Pinned = { marker, label, leader, dot, size: { width: 0, height: 0 } };
    dress(made, dot, true);
    return made;
  }

  /** Place the labels once the browser draws next, however often it is asked for until then. */
  private layOut(): void {
    if (this.frame !== 0) return;
    this.frame = requestAnimationFrame(() => {
      this.frame = 0;
      const { clientWidth: width, clientHeight: height } = this.map.getContainer();
      const wanted = [...this.pinned].map(([id, { dot, label, ...pinned }]) => {
        const { x, y } = this.map.project([dot.lon, dot.lat]);
        if (pinned.size.width === 0) {
          // As it reads with its text: where it stands crowded upon its point, it has none.
          label.classList.remove("crowded");
          pinned.size = { width: label.offsetWidth, height: label.offsetHeight };
          (this.pinned.get(id) as Pinned).size = pinned.size;
        }
        return { id, x, y, ...pinned.size, weight: dot.weight, reach: dot.reach };
      });
      this.places = place(wanted, { width, height }, this.places);
      for (const [id, pinned] of this.pinned) stand(pinned, this.places.get(id));
      this.layEdges(width, height);
    });
  }

  /** Figures of the graticule stand at the pane's edges, wherever the view is. */
  private layEdges(width: number, height: number): void {
    const { lng, lat: middle } = this.map.getCenter();
    for (const { element, lon, lat } of this.edges) {
      const { x, y } = this.map.project([lon ?? lng, lat ?? middle]);
      const isSeen = lon === undefined ? y > 10 && y < height - 28 : x > 60 && x < width - 130;
      element.hidden = !isSeen;
      element.style.transform = lon === undefined ? `translate(4px, calc(${y}px - 50%))` : `translate(calc(${x}px - 50%), ${height - 17}px)`;
    }
  }

  remove(): void {
    cancelAnimationFrame(this.frame);
    this.map.remove();
  }
}

/** Let a point look as it should; its label is measured anew where it reads differently. */
function dress(pinned: Pinned, dot: Dot, isNew = false): void {
  const { label, dot: before } = pinned;
  const root = pinned.marker.getElement();
  if (isNew || before.look !== dot.look) {
    for (const name of before.look.split(" ")) root.classList.remove(name);
    root.classList.add("pinned", ...dot.look.split(" "));
    pinned.size = { width: 0, height: 0 };
  }
  if (isNew || before.text !== dot.text) {
    label.textContent = dot.text;
    pinned.size = { width: 0, height: 0 };
  }
  if (isNew || before.title !== dot.title) {
    label.title = dot.title;
    label.setAttribute("aria-label", dot.title);
  }
}

function stand({ label, leader, size }: Pinned, place: Placed | undefined): void {
  // Without room beside it, the label is its point: it can still be pressed, and says what it is.
  label.classList.toggle("crowded", place === undefined);
  leader.hidden = place === undefined || !place.isLed;
  if (place === undefined) {
    label.style.transform = "translate(-50%, -50%)";
    return;
  }
  label.style.transform = `translate(${place.dx}px, ${place.dy}px)`;
  if (!place.isLed) return;
  const x = nearest(place.dx, size.width);
  const y = nearest(place.dy, size.height);
  leader.style.width = `${Math.hypot(x, y)}px`;
  leader.style.transform = `rotate(${Math.atan2(y, x)}rad)`;
}

/** The point of a span from `from` that lies nearest to 0. */
const nearest = (from: number, length: number): number => Math.max(from, Math.min(0, from + length));
