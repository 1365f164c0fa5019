// Loads MapLibre when the first map is wanted; no page has it in what it loads at once.

export type MapLibre = typeof import("maplibre-gl");

let loading: Promise<MapLibre> | null = null;

/** Return MapLibre with its worker and styles; asked again after a failure. */
export function loadMapLibre(): Promise<MapLibre> {
  loading ??= load().catch((error: unknown) => {
    loading = null;
    throw error;
  });
  return loading;
}

async function load(): Promise<MapLibre> {
  const [library] = await Promise.all([import("maplibre-gl"), styles()]);
  // Before the first map, or it looks for its worker where bundling has left none.
  library.setWorkerUrl(MAP_WORKER_URL);
  return library;
}

function styles(): Promise<void> {
  return new Promise((resolve, reject) => {
    const link = document.createElement("link");
    link.rel = "stylesheet";
    link.href = MAP_CSS_URL;
    link.onload = () => resolve();
    link.onerror = () => reject(new Error("map.css"));
    document.head.append(link);
  });
}
