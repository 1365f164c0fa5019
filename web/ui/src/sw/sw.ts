// The phone's service worker: lets the phone page start without a network, and nothing else.
//
// It keeps the page's own files; it never keeps an answer of the API, and never answers for it.

declare const self: ServiceWorkerGlobalScope;
declare const SHELL_FILES: readonly string[];
declare const SHELL_VERSION: string;

const CACHE = `shell-${SHELL_VERSION}`;
const PAGE = "/phone";
/** Milliseconds that a weak network has to bring the page before the kept one is shown. */
const PATIENCE_MS = 4000;

self.addEventListener("install", (event) => {
  event.waitUntil(keepShell().then(() => self.skipWaiting()));
});

self.addEventListener("activate", (event) => {
  event.waitUntil(
    (async () => {
      for (const name of await caches.keys()) if (name !== CACHE) await caches.delete(name);
      await self.clients.claim();
    })(),
  );
});

self.addEventListener("fetch", (event) => {
  const { request } = event;
  const url = new URL(request.url);
  if (request.method !== "GET" || url.origin !== self.location.origin) return;
  if (request.mode === "navigate" && url.pathname === PAGE) event.respondWith(page(request));
  else if (isFile(url.pathname)) event.respondWith(file(request));
});

const isFile = (path: string): boolean => path.startsWith("/static/");

async function keepShell(): Promise<void> {
  const cache = await caches.open(CACHE);
  await cache.addAll([...SHELL_FILES]);
  await keepPage(await fetch(PAGE, { credentials: "same-origin" }));
}

async function keepPage(response: Response): Promise<void> {
  // Signed out, the page is the sign-in page's redirect: that isn't the shell.
  if (response.ok && !response.redirected) await (await caches.open(CACHE)).put(PAGE, response);
}

async function page(request: Request): Promise<Response> {
  try {
    const response = await fetch(request, { signal: AbortSignal.timeout(PATIENCE_MS) });
    if (response.ok) await keepPage(response.clone());
    // A proxy whose server is away answers for it: as good as no network.
    return response.status < 500 ? response : ((await caches.match(PAGE)) ?? response);
  } catch (error) {
    const kept = await caches.match(PAGE);
    if (kept) return kept;
    throw error;
  }
}

async function file(request: Request): Promise<Response> {
  return (await caches.match(request)) ?? fetch(request);
}

export {};
