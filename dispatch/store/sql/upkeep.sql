-- name: claim_run
-- Take up a piece of periodic work, unless it is done, running elsewhere, or to be tried later.
-- role: worker
-- params: $1 job text, $2 period text, $3 node text, $4 machine_now timestamptz,
-- $5 leased_until timestamptz
INSERT INTO upkeep_runs (job, period, node, leased_until)
VALUES ($1, $2, $3, $5)
ON CONFLICT (job, period) DO UPDATE
SET node = EXCLUDED.node,
    leased_until = EXCLUDED.leased_until,
    attempts = upkeep_runs.attempts + 1
WHERE upkeep_runs.finished_at IS NULL AND upkeep_runs.leased_until <= $4
RETURNING attempts;

-- name: read_run
-- How a piece of periodic work stands.
-- role: worker
-- params: $1 job text, $2 period text
SELECT node, leased_until, attempts, finished_at
FROM upkeep_runs
WHERE job = $1 AND period = $2;

-- name: end_run
-- Say that claimed work is done or, with a NULL finish, when it may be tried again.
-- role: worker
-- params: $1 job text, $2 period text, $3 node text, $4 finished_at timestamptz,
-- $5 leased_until timestamptz
UPDATE upkeep_runs
SET finished_at = $4,
    leased_until = $5
WHERE job = $1 AND period = $2 AND node = $3 AND finished_at IS NULL;

-- name: delete_old_runs
-- Forget periodic work of periods that are long over.
-- role: worker
-- params: $1 before timestamptz
DELETE FROM upkeep_runs
WHERE leased_until < $1;

-- name: delete_old_results
-- Forget a batch of answers to commands that nobody will send again.
-- role: worker
-- params: $1 county_id integer, $2 before timestamptz, $3 most bigint
WITH old AS MATERIALIZED (
    SELECT command_id
    FROM command_results
    WHERE county_id = $1 AND recorded_at < $2
    LIMIT $3
)
DELETE FROM command_results AS r
USING old
WHERE r.county_id = $1 AND r.command_id = old.command_id
RETURNING 1;

-- name: delete_done_notices
-- Forget a batch of notices that ended long ago.
-- role: worker
-- params: $1 before timestamptz, $2 most bigint
WITH old AS MATERIALIZED (
    SELECT county_id, outbox_id
    FROM outbox
    WHERE done_at < $1
    LIMIT $2
)
DELETE FROM outbox AS o
USING old
WHERE o.county_id = old.county_id AND o.outbox_id = old.outbox_id
RETURNING 1;
