// How another app tracks this shift with the screen locked: an address that is as good as a password,
// and ends with the shift. Never kept on the device, never shown before somebody asks for it.

import { useSignal } from "@preact/signals";
import { Act } from "../components/Act.tsx";
import { t } from "../messages/phone.ts";
import { api } from "../session.ts";
import { getTeamTracker } from "../wire.ts";

export function TrackerAddressOf({ team }: { team: string }) {
  const address = useSignal<string | null>(null);
  const isCopied = useSignal(false);
  const show = async () => {
    const found = await api.call(getTeamTracker, { path: { team_id: team } });
    address.value = location.origin + found.path;
  };
  const copy = async () => {
    await navigator.clipboard.writeText(address.value ?? "");
    isCopied.value = true;
  };
  return (
    <details>
      <summary>{t("tracker_title")}</summary>
      <p>{t("tracker_how")}</p>
      {address.value === null ? (
        <Act class="touch" run={show}>
          {t("tracker_show")}
        </Act>
      ) : (
        <>
          <p>
            <code class="address">{address.value}</code>
          </p>
          {"clipboard" in navigator && (
            <Act class="touch" run={copy}>
              {isCopied.value ? t("tracker_copied") : t("tracker_copy")}
            </Act>
          )}
          <p class="quiet">{t("tracker_secret")}</p>
        </>
      )}
    </details>
  );
}
