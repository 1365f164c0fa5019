-- name: read_responses
-- Every response that was determined, or arrived, in a period; merged ones count with their target.
-- role: report
-- params: $1 county_id integer, $2 since timestamptz, $3 until timestamptz
SELECT
    i.incident_id, i.number, i.area_class, i.standard_minutes, i.determined_at, i.due_at,
    i.first_on_scene_at AS arrived_at, r.reached_at,
    i.state, i.outcome, i.reason, i.ended_at, i.excluded_setting,
    -- From paper, or with a run that was entered when it was over: nobody had been asked for that.
    i.back_entered OR coalesce(r.has_unasked, false) AS entered_afterwards,
    jsonb_path_exists(i.body, '$.assignments[*].arrival_disputed ? (@ == true)') AS arrival_disputed
FROM incidents AS i
CROSS JOIN LATERAL (
    SELECT min(a.on_scene_at) AS reached_at, bool_or(o.offer_id IS NULL) AS has_unasked
    FROM assignments AS a
    LEFT JOIN offers AS o
        ON o.county_id = a.county_id AND o.offer_id = a.offer_id
    WHERE a.county_id = i.county_id AND a.incident_id = i.incident_id
) AS r
WHERE i.county_id = $1
    AND i.state <> 'merged'
    AND (
        (i.determined_at >= $2 AND i.determined_at < $3)
        OR (i.first_on_scene_at >= $2 AND i.first_on_scene_at < $3)
    )
ORDER BY i.number;
