-- name: read_responses
-- Every response that was determined, or arrived, in a period; merged ones count with their target.
-- role: report
-- params: $1 county_id integer, $2 since timestamptz, $3 until timestamptz
SELECT
    i.incident_id, i.number, i.area_class, i.standard_minutes, i.determined_at, i.due_at,
    i.first_on_scene_at AS arrived_at,
    (
        SELECT min(a.on_scene_at)
        FROM assignments AS a
        WHERE a.county_id = i.county_id AND a.incident_id = i.incident_id
    ) AS reached_at,
    i.state, i.outcome, i.reason, i.ended_at, i.excluded_setting,
    -- From paper, or with a run that was entered when it was over: nobody had been asked for that.
    i.back_entered OR EXISTS (
        SELECT
        FROM assignments AS a
        WHERE a.county_id = i.county_id AND a.incident_id = i.incident_id
            AND NOT EXISTS (
                SELECT
                FROM offers AS o
                WHERE o.county_id = a.county_id AND o.offer_id = a.offer_id
            )
    ) AS entered_afterwards
FROM incidents AS i
WHERE i.county_id = $1
    AND i.state <> 'merged'
    AND (
        (i.determined_at >= $2 AND i.determined_at < $3)
        OR (i.first_on_scene_at >= $2 AND i.first_on_scene_at < $3)
    )
ORDER BY i.number;
