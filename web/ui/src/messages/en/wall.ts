export default {
  title: "Wall",
  calls_ringing: { one: "call rings", other: "calls ring" },
  waiting: { one: "incident waits for a team", other: "incidents wait for a team" },
  open: { one: "open", other: "open" },
  free: { one: "team is free", other: "teams are free" },
  no_teams: "No team is on shift.",
  nobody_has_it: "Nobody has it in hand",
  claimed: "A crew reports being there",
  age: "Open for",
} as const;
