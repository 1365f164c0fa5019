-- name: open_incoming
-- Make the session's table that a flush copies into; it is emptied at each commit. It has columns of
-- fixed width alone: one text would give it a second table for long values, emptied each time, too.
-- role: worker
CREATE TEMPORARY TABLE IF NOT EXISTS incoming_fixes (
    county_id integer NOT NULL,
    team_id uuid NOT NULL,
    fixed_at timestamptz NOT NULL,
    received_at timestamptz NOT NULL,
    lat_deg double precision NOT NULL,
    lon_deg double precision NOT NULL,
    accuracy_m real NOT NULL,
    speed_mps real NOT NULL,
    heading_deg real NOT NULL,
    battery real NOT NULL,
    source_no smallint NOT NULL,
    newest boolean NOT NULL
) ON COMMIT DELETE ROWS;

-- name: has_incoming
-- Whether this session has made that table already; asking is cheaper than making it in vain.
-- role: worker
SELECT to_regclass('pg_temp.incoming_fixes') IS NOT NULL AS is_there;

-- name: store_incoming
-- Move what was copied to the history and to the latest; returns how many rows each took.
-- role: worker
SELECT stored, newer
FROM store_incoming_fixes();

-- name: store_few
-- Both at once for rows that come as JSON, ordered by county, team and time; ``newest``: the last one
-- of a team.
-- role: worker
-- params: $1 fixes text
WITH incoming AS MATERIALIZED (
    SELECT *
    FROM json_to_recordset($1::text::json) AS t (
        county_id integer, team_id uuid, fixed_at timestamptz, received_at timestamptz,
        lat_deg double precision, lon_deg double precision, accuracy_m real, speed_mps real,
        heading_deg real, battery real, source text, newest boolean
    )
), history AS (
    INSERT INTO fixes (
        county_id, team_id, fixed_at, received_at, lat_deg, lon_deg,
        accuracy_m, speed_mps, heading_deg, battery, source
    )
    SELECT
        county_id, team_id, fixed_at, received_at, lat_deg, lon_deg,
        accuracy_m, speed_mps, heading_deg, battery, source
    FROM incoming
    ON CONFLICT DO NOTHING
    RETURNING 1
), latest AS (
    INSERT INTO latest_fixes AS held (
        county_id, team_id, fixed_at, received_at, lat_deg, lon_deg,
        accuracy_m, speed_mps, heading_deg, battery, source, changed_at
    )
    SELECT
        county_id, team_id, fixed_at, received_at, lat_deg, lon_deg,
        accuracy_m, speed_mps, heading_deg, battery, source, clock_timestamp()
    FROM incoming
    WHERE newest
    ON CONFLICT (county_id, team_id) DO UPDATE SET
        fixed_at = excluded.fixed_at,
        received_at = excluded.received_at,
        lat_deg = excluded.lat_deg,
        lon_deg = excluded.lon_deg,
        accuracy_m = excluded.accuracy_m,
        speed_mps = excluded.speed_mps,
        heading_deg = excluded.heading_deg,
        battery = excluded.battery,
        source = excluded.source,
        changed_at = excluded.changed_at
    WHERE excluded.fixed_at > held.fixed_at
    RETURNING 1
)
SELECT
    (SELECT count(*) FROM history) AS stored,
    (SELECT count(*) FROM latest) AS newer;

-- name: list_latest
-- The newest fix of each team that changed since an instant of the server's clock (NULL = ever).
-- role: worker
-- params: $1 changed_since timestamptz, $2 county_ids integer[]
SELECT county_id, team_id, fixed_at, received_at, lat_deg, lon_deg,
       accuracy_m, speed_mps, heading_deg, battery, source, changed_at
FROM latest_fixes
WHERE county_id = ANY ($2)
  AND ($1::timestamptz IS NULL OR changed_at >= $1);

-- name: forget_latest
-- A team is off shift: where it was last is nobody's business any more.
-- role: worker
-- params: $1 county_id integer, $2 team_id uuid
DELETE FROM latest_fixes
WHERE county_id = $1
  AND team_id = $2;

-- name: list_track
-- Where a team was between two instants of the device's clock, oldest first, at most $4 fixes.
-- params: $1 team_id uuid, $2 from_at timestamptz, $3 until_at timestamptz, $4 most bigint
SELECT fixed_at, received_at, lat_deg, lon_deg,
       accuracy_m, speed_mps, heading_deg, battery, source
FROM fixes
WHERE county_id = nullif(current_setting('app.county', true), '')::int
  AND team_id = $1
  AND fixed_at >= $2
  AND fixed_at < $3
ORDER BY fixed_at
LIMIT $4;

-- name: ensure_days
-- Make the missing partitions of the days from $1 to $2 (UTC); returns how many.
-- role: worker
-- params: $1 first_day date, $2 last_day date
SELECT ensure_fix_days($1, $2) AS made;

-- name: drop_days
-- Drop all days before $1 (UTC); returns how many.
-- role: worker
-- params: $1 first_kept date
SELECT drop_fix_days($1) AS dropped;

-- name: purge_county
-- Remove one county's fixes before an instant, where it keeps them for a shorter time than others.
-- role: worker
-- params: $1 county_id integer, $2 before timestamptz
DELETE FROM fixes
WHERE county_id = $1
  AND fixed_at < $2;
