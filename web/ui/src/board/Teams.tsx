// The county's teams: what each does, how old that word and its position are, who is aboard.

import { useSignal } from "@preact/signals";
import { TeamMark } from "../components/Mark.tsx";
import { Left, Since } from "../components/Timer.tsx";
import { time } from "../format.ts";
import { t } from "../messages/board.ts";
import { t as say } from "../messages/desk.ts";
import { clock } from "../session.ts";
import { instant } from "../time.ts";
import type { TeamStatus, TeamView } from "../wire.ts";
import { policy, word } from "./codes.ts";
import type { Desk } from "./desk.ts";
import { Duty } from "./Duty.tsx";
import { openAlarms } from "./Duress.tsx";

const ORDER: Readonly<Partial<Record<TeamStatus, number>>> = { offered: 0, available: 2, ready: 2, ending: 3, unavailable: 4, off_shift: 5 };
const orderOf = (team: TeamView): number => ORDER[team.status] ?? 1;

export function Teams({ desk }: { desk: Desk }) {
  const inDanger = new Set(openAlarms(desk).map((alarm) => alarm.team_id));
  const teams = [...desk.live.of("team").all.value.values()].sort(
    (a, b) => Number(inDanger.has(b.id)) - Number(inDanger.has(a.id)) || orderOf(a) - orderOf(b) || a.call_sign.localeCompare(b.call_sign, undefined, { numeric: true }),
  );
  const free = teams.filter((team) => team.is_free).length;
  const onShift = teams.filter((team) => team.duty !== "off_shift");
  const off = teams.length - onShift.length;
  const showsOff = useSignal(false);
  return (
    <section class="panel teams-panel" aria-label={t("teams")}>
      <h2>
        <kbd>U</kbd> {t("teams")} <span class="quiet">{t("teams_free", { n: free, total: onShift.length })}</span>
      </h2>
      {desk.team.value !== null && <Duty key={desk.team.value} desk={desk} id={desk.team.value} />}
      <div class="scroll" tabIndex={0} role="group" aria-label={t("teams")}>
        <table>
          <thead>
            <tr>
              <th scope="col">{t("col_team")}</th>
              <th scope="col">{t("col_status")}</th>
              <th scope="col">{t("col_status_age")}</th>
              <th scope="col">{t("col_fix_age")}</th>
              <th scope="col">{t("col_crew")}</th>
              <th scope="col">{t("col_duty")}</th>
            </tr>
          </thead>
          <tbody>
            {(showsOff.value ? teams : onShift).map((team) => (
              <TeamRow key={team.id} desk={desk} team={team} isInDanger={inDanger.has(team.id)} />
            ))}
          </tbody>
        </table>
        {off > 0 && (
          <button type="button" class="button plain small" aria-expanded={showsOff.value} onClick={() => (showsOff.value = !showsOff.value)}>
            {say("teams_off", { n: off })} {showsOff.value ? "▴" : "▾"}
          </button>
        )}
      </div>
    </section>
  );
}

function TeamRow({ desk, team, isInDanger }: { desk: Desk; team: TeamView; isInDanger: boolean }) {
  const shift = team.shift_id === null ? undefined : desk.live.of("shift").at(team.shift_id).value;
  const incidentId = team.run?.incident_id ?? team.offer?.incident_id ?? null;
  const incident = incidentId === null ? undefined : desk.live.of("incident").at(incidentId).value;
  return (
    <tr data-team={team.call_sign} data-status={team.status} class={isInDanger ? "danger" : team.duty === "off_shift" ? "off" : ""}>
      <th scope="row">
        <button type="button" class="link" aria-pressed={desk.team.value === team.id} onClick={() => (desk.team.value = desk.team.value === team.id ? null : team.id)}>
          {team.call_sign}
        </button>
      </th>
      <td>
        <TeamMark status={team.status} />
        {isInDanger && <span class="alarm-words"> {t("duress")}</span>}
        {incident && (
          <button type="button" class="link figures" onClick={() => desk.open(incident.id)}>
            #{incident.number}
          </button>
        )}
        {team.offer && <Left until={team.offer.expires_at} />}
        {team.unavailable_reason !== null && <span class="quiet"> {word("unavailable_reason", team.unavailable_reason)}</span>}
        {team.overtime && <span class="warn-words"> {t("overtime")}</span>}
      </td>
      <td class="figures">
        <Label>{t("short_status")}</Label>
        {team.since === null ? "—" : <Since from={team.since} />}
      </td>
      <td class="figures">
        <Label>{t("fix_age")}</Label>
        <FixAge desk={desk} team={team} />
      </td>
      <td class="figures">
        <Label>{t("col_crew")}</Label>
        {team.crew.length}
        {team.telehealth_second && <abbr title={t("telehealth_second")}>+T</abbr>}
      </td>
      <td class="figures">
        <Label>{t("col_duty")}</Label>
        {shift?.started_at ? time(shift.started_at) : "—"}
      </td>
    </tr>
  );
}

/** A figure's name, shown where the table has no room for columns. */
const Label = ({ children }: { children: string }) => <span class="label">{children} </span>;

/** Age of the newest position; a team without one is reckoned from its base. */
export function FixAge({ desk, team }: { desk: Desk; team: TeamView }) {
  const fix = desk.live.fixes.at(team.id).value;
  const now = clock.second.value;
  if (team.duty === "off_shift") return <>—</>;
  if (fix === undefined) return <span class="warn-words">{team.base_lat === null ? t("no_fix") : t("at_base")}</span>;
  const stale = policy.value?.fixes.stale_after_s ?? 1800;
  const isOld = (now - instant(fix.fixed_at)) / 1000 > stale;
  return (
    <span class={isOld ? "warn-words" : ""}>
      <Since from={fix.fixed_at} /> {isOld && t("old")}
    </span>
  );
}
