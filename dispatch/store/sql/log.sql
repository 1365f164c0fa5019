-- name: commit_group
-- Write a group of decided commands, if nobody wrote since; one round trip.
-- params: $1 county_id integer, $2 version bigint, $3 group text
SELECT commit_group($1, $2, $3) AS outcome;

-- name: commit_groups
-- The same for groups of several counties, in one transaction; an outcome each.
-- params: $1 county_ids integer[], $2 versions bigint[], $3 groups text[]
SELECT commit_groups($1, $2, $3) AS outcomes;

-- name: read_head
-- The head of a county's log.
-- params: $1 county_id integer
SELECT head_seq, head_version, last_recorded_at, board
FROM county_heads
WHERE county_id = $1;

-- name: read_head_after
-- The head of a county's log, and when the event at a seq was recorded; NULL: there is none.
-- params: $1 county_id integer, $2 seq bigint
SELECT h.head_seq, h.head_version, h.board, e.recorded_at AS known_at
FROM county_heads AS h
LEFT JOIN event_log AS e ON e.county_id = h.county_id AND e.seq = $2
WHERE h.county_id = $1;

-- name: read_recorded_at
-- When the event at a seq was recorded; NULL: there is none.
-- params: $1 county_id integer, $2 seq bigint
SELECT recorded_at
FROM event_log
WHERE county_id = $1 AND seq = $2;

-- name: read_events_after
-- Events after a seq, in order.
-- params: $1 county_id integer, $2 seq bigint, $3 most bigint
SELECT
    county_id, seq, type, version, occurred_at, recorded_at, source, actor_id, role,
    incident_id, command_id, device_at, reason, off_board, body, sealed
FROM event_log
WHERE county_id = $1 AND seq > $2
ORDER BY seq
LIMIT $3;

-- name: read_incident_events
-- One incident's events, in order: its timeline.
-- params: $1 county_id integer, $2 incident_id uuid
SELECT
    county_id, seq, type, version, occurred_at, recorded_at, source, actor_id, role,
    incident_id, command_id, device_at, reason, off_board, body, sealed
FROM event_log
WHERE county_id = $1 AND incident_id = $2
ORDER BY seq;

-- name: read_incident_keys
-- Wrapped data keys of incidents; a NULL key was destroyed.
-- params: $1 county_id integer, $2 incident_ids uuid[]
SELECT incident_id, wrapped
FROM incident_keys
WHERE county_id = $1 AND incident_id = ANY ($2);

-- name: read_open_things
-- Every open thing but incidents: a part of the board's snapshot.
-- params: $1 county_id integer
SELECT 'calls' AS kind, fold_version, body
FROM calls
WHERE county_id = $1 AND is_open
UNION ALL
SELECT 'teams', fold_version, body
FROM teams
WHERE county_id = $1 AND is_open
UNION ALL
SELECT 'responders', fold_version, body
FROM responders
WHERE county_id = $1
UNION ALL
SELECT 'shifts', fold_version, body
FROM shifts
WHERE county_id = $1 AND is_open
UNION ALL
SELECT 'duress', fold_version, body
FROM duress
WHERE county_id = $1 AND is_open
UNION ALL
SELECT 'obligations', fold_version, body
FROM obligations
WHERE county_id = $1 AND is_open;

-- name: read_open_incidents
-- The incidents on the board, with their keys.
-- params: $1 county_id integer
SELECT i.incident_id, i.fold_version, i.body, i.sealed, k.wrapped
FROM incidents AS i
LEFT JOIN incident_keys AS k
    ON k.county_id = i.county_id AND k.incident_id = i.incident_id
WHERE i.county_id = $1 AND i.is_open;

-- name: read_incident
-- One incident, wherever it stands, with its key.
-- params: $1 county_id integer, $2 incident_id uuid
SELECT i.incident_id, i.fold_version, i.is_open, i.body, i.sealed, k.wrapped
FROM incidents AS i
LEFT JOIN incident_keys AS k
    ON k.county_id = i.county_id AND k.incident_id = i.incident_id
WHERE i.county_id = $1 AND i.incident_id = $2;

-- name: read_closed_thing
-- A call, obligation, alarm, shift or team that left the board.
-- params: $1 county_id integer, $2 id uuid
SELECT 'calls' AS kind, body
FROM calls
WHERE county_id = $1 AND call_id = $2
UNION ALL
SELECT 'obligations', body
FROM obligations
WHERE county_id = $1 AND obligation_id = $2
UNION ALL
SELECT 'duress', body
FROM duress
WHERE county_id = $1 AND duress_id = $2
UNION ALL
SELECT 'shifts', body
FROM shifts
WHERE county_id = $1 AND shift_id = $2
UNION ALL
SELECT 'teams', body
FROM teams
WHERE county_id = $1 AND team_id = $2;

-- name: find_team_past
-- What a team was on in a span: its shifts, and the incidents of its runs.
-- params: $1 county_id integer, $2 team_id uuid, $3 since timestamptz, $4 until timestamptz
SELECT shift_id AS id
FROM shifts
WHERE county_id = $1 AND team_id = $2
    AND starts_at <= $3
    AND coalesce(ended_at, ends_at) >= $3
UNION
SELECT incident_id
FROM assignments
WHERE county_id = $1 AND team_id = $2
    AND accepted_at < $4
    AND coalesce(left_at, 'infinity') > $3;

-- name: find_incident_of
-- Which incident an offer or a run belongs to.
-- params: $1 county_id integer, $2 id uuid
SELECT incident_id
FROM offers
WHERE county_id = $1 AND offer_id = $2
UNION ALL
SELECT incident_id
FROM assignments
WHERE county_id = $1 AND assignment_id = $2;

-- name: read_results
-- What commands were answered.
-- params: $1 county_id integer, $2 command_ids uuid[]
SELECT command_id, actor_id, encode(body_hash, 'hex') AS body_hash, seq, answer
FROM command_results
WHERE county_id = $1 AND command_id = ANY ($2);

-- name: write_read_audit
-- Note who read what; chained later by the sealer.
-- params: $1 county_id integer, $2 at timestamptz, $3 actor_id uuid, $4 role text, $5 what text,
-- $6 incident_id uuid, $7 record_id uuid, $8 purpose text
INSERT INTO read_audit (county_id, at, actor_id, role, what, incident_id, record_id, purpose)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8);

-- name: read_policies
-- All versions of a county's policy, oldest first.
-- params: $1 county_id integer
SELECT version, effective_from, body
FROM county_policies
WHERE county_id = $1
ORDER BY effective_from, version;

-- name: write_policy
-- Add a version of a county's policy.
-- params: $1 county_id integer, $2 version text, $3 effective_from timestamptz, $4 body jsonb,
-- $5 created_by uuid
INSERT INTO county_policies (county_id, version, effective_from, body, created_by)
VALUES ($1, $2, $3, $4, $5);

-- name: read_zones
-- All editions of a county's own zones.
-- params: $1 county_id integer
SELECT version, name, area_class, geometry
FROM county_zones
WHERE county_id = $1
ORDER BY version, name;

-- name: read_editions
-- All editions of a county's rules, in the order of their loading.
-- params: $1 county_id integer
SELECT kind, version, effective_from, body, loaded_at
FROM county_editions
WHERE county_id = $1
ORDER BY loaded_at, kind, version;

-- name: write_edition
-- Add an edition of a county's rules; nothing where there is one of that name.
-- params: $1 county_id integer, $2 kind text, $3 version text, $4 effective_from date,
--   $5 body jsonb, $6 loaded_by uuid
INSERT INTO county_editions (county_id, kind, version, effective_from, body, loaded_by)
VALUES ($1, $2, $3, $4, $5, $6)
ON CONFLICT (county_id, kind, version) DO NOTHING
RETURNING version;
