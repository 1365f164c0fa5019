-- name: lease_notices
-- Take due notices for a while; a crashed node's come back when its lease ends.
-- role: worker
-- params: $1 lease text, $2 now timestamptz, $3 machine_now timestamptz,
-- $4 leased_until timestamptz, $5 most bigint
WITH due AS MATERIALIZED (
    SELECT county_id, outbox_id
    FROM outbox
    WHERE done_at IS NULL
        AND not_before <= $2
        AND (not_after IS NULL OR not_after > $2)
        AND (leased_until IS NULL OR leased_until <= $3)
    ORDER BY urgency = 'now' DESC, not_before, outbox_id
    LIMIT $5
    FOR UPDATE SKIP LOCKED
)
UPDATE outbox AS o
SET leased_by = $1,
    leased_until = $4,
    attempts = o.attempts + 1
FROM due
WHERE o.county_id = due.county_id AND o.outbox_id = due.outbox_id
RETURNING
    o.county_id, o.outbox_id, o.command_id, o.position, o.recipient, o.template, o.urgency,
    o.incident_number, o.created_at, o.not_after, o.attempts, o.sent_by;

-- name: settle_notice
-- Say how far a leased notice got; nothing if the lease was lost meanwhile.
-- role: worker
-- params: $1 county_id integer, $2 outbox_id bigint, $3 lease text, $4 sent_by text[],
-- $5 done_at timestamptz, $6 outcome text, $7 last_error text, $8 not_again_before timestamptz
UPDATE outbox
SET sent_by = $4,
    done_at = $5,
    outcome = $6,
    last_error = $7,
    leased_by = NULL,
    leased_until = $8
WHERE county_id = $1 AND outbox_id = $2 AND leased_by = $3 AND done_at IS NULL;

-- name: close_notices
-- End what is useless by now, and what nobody could send without crashing.
-- role: worker
-- params: $1 now timestamptz, $2 machine_now timestamptz, $3 most_attempts integer
UPDATE outbox
SET done_at = $1,
    outcome = CASE WHEN not_after <= $1 THEN 'expired' ELSE 'failed' END,
    leased_by = NULL,
    leased_until = NULL
WHERE done_at IS NULL
    AND (not_after <= $1 OR attempts >= $3)
    AND (leased_by IS NULL OR leased_until <= $2)
RETURNING outcome;

-- name: count_notices
-- How many notices wait, and since when the oldest is due.
-- role: worker
-- params: $1 now timestamptz
SELECT count(*) AS waiting, min(not_before) AS oldest
FROM outbox
WHERE done_at IS NULL AND not_before <= $1;

-- name: read_alert_ends
-- The newest notice of each county.
-- role: worker
SELECT c.county_id, coalesce(o.outbox_id, 0) AS outbox_id
FROM counties AS c
LEFT JOIN LATERAL (
    SELECT outbox_id
    FROM outbox
    WHERE county_id = c.county_id
    ORDER BY outbox_id DESC
    LIMIT 1
) AS o ON true;

-- name: read_alerts_after
-- Notices after each county's position, in order. Their numbers are given under the county's lock,
-- so that here, unlike elsewhere, a higher one never shows before a lower one.
-- role: worker
-- params: $1 county_ids integer[], $2 outbox_ids bigint[], $3 most bigint
SELECT
    o.county_id, o.outbox_id, o.command_id, o.position, o.recipient, o.template, o.urgency,
    o.incident_number, o.created_at, o.not_after
FROM unnest($1::integer[], $2::bigint[]) AS seen (county_id, outbox_id)
JOIN outbox AS o ON o.county_id = seen.county_id AND o.outbox_id > seen.outbox_id
ORDER BY o.county_id, o.outbox_id
LIMIT $3;
