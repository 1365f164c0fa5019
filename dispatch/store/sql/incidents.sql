-- name: list_incidents
-- A county's incidents, newest number first: of a span, of some states, below a number.
-- params: $1 county_id integer, $2 since timestamptz, $3 until timestamptz, $4 states text[],
--   $5 below bigint, $6 most bigint
SELECT
    incident_id, number, paper_number, state, is_open, acuity, area_class, referral_source,
    received_at, determined_at, due_at, first_on_scene_at, ended_at, outcome, reason, back_entered
FROM incidents
WHERE county_id = $1
    AND ($2::timestamptz IS NULL OR received_at >= $2)
    AND ($3::timestamptz IS NULL OR received_at < $3)
    AND ($4::text[] IS NULL OR state = ANY($4))
    AND ($5::bigint IS NULL OR number < $5)
ORDER BY number DESC
LIMIT $6;

-- name: find_incidents
-- The incidents that go by a number: the service's own, or one on paper.
-- params: $1 county_id integer, $2 number bigint, $3 paper_numbers text[]
SELECT
    incident_id, number, paper_number, state, is_open, acuity, area_class, referral_source,
    received_at, determined_at, due_at, first_on_scene_at, ended_at, outcome, reason, back_entered
FROM incidents
WHERE county_id = $1
    AND (number = $2 OR paper_number = ANY($3))
ORDER BY number DESC;
