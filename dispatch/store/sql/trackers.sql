-- name: add_counts
-- Add to what trackers sent.
-- params: $1 county_ids integer[], $2 tracker_ids uuid[], $3 team_ids uuid[], $4 reasons text[],
-- $5 times bigint[], $6 at timestamptz
-- role: worker
INSERT INTO tracker_counts AS held
    (county_id, tracker_id, team_id, reason, times, first_at, last_at)
SELECT given.county_id, given.tracker_id, given.team_id, given.reason, given.times, $6, $6
FROM unnest($1::integer[], $2::uuid[], $3::uuid[], $4::text[], $5::bigint[])
    AS given (county_id, tracker_id, team_id, reason, times)
ON CONFLICT (county_id, tracker_id, reason) DO UPDATE SET
    times = held.times + excluded.times,
    team_id = coalesce(excluded.team_id, held.team_id),
    last_at = excluded.last_at;

-- name: list_counts
-- A county's trackers, with what they sent.
-- params: $1 county_id integer
SELECT tracker_id, team_id, reason, times, first_at, last_at
FROM tracker_counts
WHERE county_id = $1
ORDER BY tracker_id, reason;

-- name: forget_counts
-- Forget trackers that have been silent for long.
-- params: $1 before timestamptz
-- role: worker
DELETE FROM tracker_counts
WHERE last_at < $1;
