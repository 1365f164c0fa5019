export default {
  title: "Board",
  incidents_open: { one: "{n} open incident", other: "{n} open incidents" },
  teams_shown: { one: "{n} team", other: "{n} teams" },
} as const;
