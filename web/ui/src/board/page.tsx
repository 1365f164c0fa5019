import "../base.css";
import { Bar } from "../components/Bar.tsx";
import { TeamMark } from "../components/Mark.tsx";
import type { Live } from "../live.ts";
import { t } from "../messages/board.ts";
import type { Session } from "../session.ts";
import { followLive, startPage } from "../start.tsx";

function Board({ session, live }: { session: Session; live: Live<"desk"> }) {
  const incidents = live.of("incident").all.value;
  const teams = [...live.of("team").all.value.values()];
  return (
    <>
      <Bar session={session} fresh={live.freshness.value} />
      <main>
        <h1>{t("title")}</h1>
        <p data-count="incident">{t("incidents_open", { n: incidents.size })}</p>
        <p data-count="team">{t("teams_shown", { n: teams.length })}</p>
        <ul>
          {teams.map((team) => (
            <li key={team.id}>
              {team.call_sign} <TeamMark status={team.status} />
            </li>
          ))}
        </ul>
      </main>
    </>
  );
}

void startPage((session) => <Board session={session} live={followLive(session, "desk")} />);
