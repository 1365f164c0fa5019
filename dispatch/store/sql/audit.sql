-- name: list_unsealed
-- Counties whose audit has rows that no link covers yet.
-- role: worker
SELECT DISTINCT county_id
FROM audit_pending
ORDER BY county_id;

-- name: lock_chain
-- Become the one that adds to a county's chain until the transaction ends.
-- role: worker
-- params: $1 county_id integer
SELECT pg_advisory_xact_lock(hashtextextended('audit_chain', 0) + $1::integer);

-- name: read_last_link
-- The end of a county's chain.
-- role: worker
-- params: $1 county_id integer
SELECT link, hash
FROM audit_chain
WHERE county_id = $1
ORDER BY link DESC
LIMIT 1;

-- name: take_unsealed
-- Take rows to be sealed, oldest numbers first.
-- role: worker
-- params: $1 county_id integer, $2 most bigint
DELETE FROM audit_pending AS p
USING (
    SELECT audit_id
    FROM audit_pending
    WHERE county_id = $1
    ORDER BY audit_id
    LIMIT $2
) AS oldest
WHERE p.county_id = $1 AND p.audit_id = oldest.audit_id
RETURNING p.audit_id;

-- name: read_audit_to_seal
-- The rows that a link is to cover, by number.
-- role: worker
-- params: $1 county_id integer, $2 audit_ids bigint[]
SELECT county_id, audit_id, at, actor_id, role, what, incident_id, record_id, purpose
FROM read_audit
WHERE county_id = $1 AND audit_id = ANY ($2)
ORDER BY audit_id;

-- name: add_link
-- Add a link to a county's chain.
-- role: worker
-- params: $1 county_id integer, $2 link bigint, $3 audit_ids bigint[], $4 sealed_at timestamptz,
-- $5 hash bytea
INSERT INTO audit_chain (
    county_id, link, first_audit_id, last_audit_id, rows, sealed_at, hash, audit_ids
)
VALUES (
    $1, $2, ($3::bigint[])[1], ($3::bigint[])[cardinality($3::bigint[])],
    cardinality($3::bigint[]), $4, $5, $3
);

-- name: read_links_after
-- Links of a county's chain, in order.
-- params: $1 county_id integer, $2 link bigint, $3 most bigint
SELECT link, audit_ids, sealed_at, hash
FROM audit_chain
WHERE county_id = $1 AND link > $2
ORDER BY link
LIMIT $3;

-- name: read_audited
-- The rows that a link covers, by number.
-- params: $1 county_id integer, $2 audit_ids bigint[]
SELECT county_id, audit_id, at, actor_id, role, what, incident_id, record_id, purpose
FROM read_audit
WHERE county_id = $1 AND audit_id = ANY ($2)
ORDER BY audit_id;

-- name: find_uncovered
-- Rows that neither a link covers nor the sealer will come for: they were added past the queue.
-- params: $1 county_id integer
SELECT audit_id
FROM read_audit
WHERE county_id = $1
EXCEPT
SELECT unnest(audit_ids)
FROM audit_chain
WHERE county_id = $1
EXCEPT
SELECT audit_id
FROM audit_pending
WHERE county_id = $1
ORDER BY audit_id
LIMIT 1;

-- name: list_reads
-- Who read what of an incident or, with NULL, of the county; newest first.
-- params: $1 county_id integer, $2 incident_id uuid, $3 most bigint
SELECT county_id, audit_id, at, actor_id, role, what, incident_id, record_id, purpose
FROM read_audit
WHERE county_id = $1 AND ($2::uuid IS NULL OR incident_id = $2)
ORDER BY audit_id DESC
LIMIT $3;
