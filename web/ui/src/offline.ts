// Lets this page start without a network. The phone page calls it; no other needs it.

/** Register the service worker, where the browser has one (not over plain http from elsewhere). */
export async function keepShell(): Promise<void> {
  if (!("serviceWorker" in navigator)) return;
  try {
    await navigator.serviceWorker.register("/sw.js");
  } catch {
    // The page works as before; it only can't start without a network.
  }
}
