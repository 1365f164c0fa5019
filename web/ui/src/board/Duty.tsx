// Whether a team can be asked: what it says over the radio, entered by the desk.

import { useSignal } from "@preact/signals";
import { useRef } from "preact/hooks";
import { Act } from "../components/Act.tsx";
import { TeamMark } from "../components/Mark.tsx";
import { Trouble } from "../components/Note.tsx";
import { time } from "../format.ts";
import { t as common } from "../messages/common.ts";
import { t } from "../messages/board.ts";
import { t as say } from "../messages/desk.ts";
import { api, clock } from "../session.ts";
import { getTeamDevices, postResponderEraseDevices, setDuty, type Device } from "../wire.ts";
import { Choose } from "./Choose.tsx";
import type { Desk } from "./desk.ts";
import { focusOnce } from "./focus.ts";
import { wire } from "./local.ts";

/** Minutes until it is expected back. */
const BACK = [15, 30, 60, 120];
const UNKNOWN = "unknown";

export function Duty({ desk, id }: { desk: Desk; id: string }) {
  const why = useSignal("");
  const back = useSignal("");
  const sent = useRef<{ key: string; until: string | null }>({ key: "", until: null });
  const team = desk.live.of("team").at(id).value;
  const teams = [...desk.live.of("team").all.value.values()].filter((one) => one.duty !== "off_shift").sort((a, b) => a.call_sign.localeCompare(b.call_sign, undefined, { numeric: true }));
  const path = { team_id: id };
  return (
    <div class="tool duty" role="group" aria-label={say("duty")}>
      <div class="acts">
        <select aria-label={say("duty_team")} ref={focusOnce} value={id} onChange={(event) => (desk.team.value = event.currentTarget.value)}>
          {team && !teams.includes(team) && <option value={id}>{team.call_sign}</option>}
          {teams.map((one) => (
            <option key={one.id} value={one.id}>
              {one.call_sign}
            </option>
          ))}
        </select>
        {team && <TeamMark status={team.status} />}
        {team?.unavailable_until && <span class="quiet">{say("duty_back_at", { time: time(team.unavailable_until) })}</span>}
        <button type="button" class="button plain" onClick={() => (desk.team.value = null)}>
          <kbd>Esc</kbd> <span class="said">{t("close_panel")}</span>
        </button>
      </div>
      {team?.duty === "off_shift" && <p class="quiet">{say("duty_off")}</p>}
      {team && (team.duty === "available" || team.duty === "ending") && (
        <div class="acts">
          <Choose label={say("duty_why")} set="unavailable_reason" empty={say("duty_why")} value={why.value} onChange={(code) => (why.value = code)} among={(code) => code.code !== "loaned"} />
          <label class="pair">
            {say("duty_back")}
            <select value={back.value} onChange={(event) => (back.value = event.currentTarget.value)}>
              <option value="">{common("choose")}</option>
              {BACK.map((minutes) => (
                <option key={minutes} value={minutes}>
                  {say("duty_back_in", { n: minutes })}
                </option>
              ))}
              <option value={UNKNOWN}>{say("duty_back_unknown")}</option>
            </select>
          </label>
          <Act
            class="main"
            disabled={why.value === "" || back.value === ""}
            run={(key) => {
              // The same act again, where nobody answered, must say the same instant.
              if (sent.current.key !== key) sent.current = { key, until: back.value === UNKNOWN ? null : wire(clock.now() + Number(back.value) * 60_000) };
              return api.call(setDuty, { path, body: { duty: "unavailable", reason: why.value, until: sent.current.until, by_voice: true }, key });
            }}
          >
            {say("duty_unavailable")}
          </Act>
        </div>
      )}
      {team?.duty === "unavailable" && (
        <div class="acts">
          <Act class="main" run={(key) => api.call(setDuty, { path, body: { duty: "available", by_voice: true }, key })}>
            {say("duty_available")}
          </Act>
        </div>
      )}
      <Phones key={id} id={id} />
    </div>
  );
}

/** Where the crew is signed in: a phone that is lost is made to forget from here. */
function Phones({ id }: { id: string }) {
  const known = useSignal<readonly Device[] | null>(null);
  const picked = useSignal("");
  const told = useSignal<number | null>(null);
  const trouble = useSignal<unknown>(null);
  const look = async (): Promise<void> => {
    trouble.value = null;
    try {
      known.value = (await api.call(getTeamDevices, { path: { team_id: id } })).devices;
    } catch (error) {
      trouble.value = error;
    }
  };
  if (known.value === null) {
    return (
      <div class="acts">
        <button type="button" class="button plain" onClick={() => void look()}>
          {say("phone_lost")}
        </button>
        <Trouble trouble={trouble.value} />
      </div>
    );
  }
  const people = [...new Map(known.value.map((one) => [one.responder_id, one.label]))];
  return (
    <div class="acts" data-phones={people.length}>
      {people.length === 0 && <span class="quiet">{say("phone_none")}</span>}
      {people.length > 0 && (
        <select aria-label={say("phone_whose")} value={picked.value} onChange={(event) => (picked.value = event.currentTarget.value)}>
          <option value="">{say("phone_whose")}</option>
          {people.map(([person, name]) => (
            <option key={person} value={person}>
              {name}
            </option>
          ))}
        </select>
      )}
      {picked.value !== "" && (
        <Act
          class="danger"
          run={async () => {
            told.value = (await api.call(postResponderEraseDevices, { path: { responder_id: picked.value } })).sessions;
            await look();
          }}
        >
          {say("phone_erase")}
        </Act>
      )}
      {told.value !== null && <span role="status">{say("phone_erased", { n: told.value })}</span>}
    </div>
  );
}
