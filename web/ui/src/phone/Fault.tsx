// Where the page itself fails, or has nothing left to show: whom to call, and how it begins again.

import { Component, type ComponentChildren } from "preact";
import { Note } from "../components/Note.tsx";
import { t as common } from "../messages/common.ts";
import { t } from "../messages/phone.ts";
import { goSignIn } from "../session.ts";
import type { Erased } from "./phone.ts";
import { CallButtons } from "./Told.tsx";

/** Shows what is inside it, or that drawing it failed. */
export class Fault extends Component<{ children: ComponentChildren }, { isBroken: boolean }> {
  override state = { isBroken: false };

  static override getDerivedStateFromError(): { isBroken: boolean } {
    return { isBroken: true };
  }

  override render({ children }: { children: ComponentChildren }, { isBroken }: { isBroken: boolean }): ComponentChildren {
    if (!isBroken) return children;
    return (
      <main data-fault="">
        <Note tone="alarm">
          <p>
            <strong>{t("fault_title")}</strong>
          </p>
          <p>{t("fault_hint")}</p>
          <div class="row">
            <button type="button" class="button touch" onClick={() => location.reload()}>
              {t("reload")}
            </button>
            <CallButtons with911={true} />
          </div>
        </Note>
      </main>
    );
  }
}

/** All that is left of a phone that has forgotten everything. */
export function Gone({ how }: { how: Erased }) {
  return (
    <main data-gone={how.isTold ? "told" : "here"}>
      <h1>{t("erased_title")}</h1>
      <p>{t(how.isTold ? "erased_told" : "erased_here")}</p>
      {how.lost > 0 && <Note tone="alarm">{t("erased_lost", { n: how.lost })}</Note>}
      <div class="row">
        <button type="button" class="button touch" onClick={goSignIn}>
          {common("sign_in_again")}
        </button>
        <CallButtons with911={true} />
      </div>
    </main>
  );
}
