-- name: read_newest_record
-- The newest version of a private record, with its incident's key.
-- params: $1 county_id integer, $2 record_id uuid
SELECT
    r.record_id, r.version, r.incident_id, r.kind, r.created_at, r.created_by, r.sealed, k.wrapped
FROM records AS r
LEFT JOIN incident_keys AS k
    ON k.county_id = r.county_id AND k.incident_id = r.incident_id
WHERE r.county_id = $1 AND r.record_id = $2
ORDER BY r.version DESC
LIMIT 1;

-- name: read_newest_records
-- The newest versions of some private records that the county's own key seals.
-- params: $1 county_id integer, $2 record_ids uuid[]
SELECT DISTINCT ON (record_id)
    record_id, version, incident_id, kind, created_at, created_by, sealed, NULL::bytea AS wrapped
FROM records
WHERE county_id = $1 AND record_id = ANY($2) AND incident_id IS NULL
ORDER BY record_id, version DESC;

-- name: list_incident_records
-- What is kept about an incident, without contents: the newest version of each, oldest first.
-- params: $1 county_id integer, $2 incident_id uuid
SELECT record_id, version, incident_id, kind, created_at, created_by
FROM (
    SELECT DISTINCT ON (record_id)
        record_id, version, incident_id, kind, created_at, created_by
    FROM records
    WHERE county_id = $1 AND incident_id = $2
    ORDER BY record_id, version DESC
) AS newest
ORDER BY created_at, record_id;

-- name: lock_incident_key
-- An incident's key and whether it is on the board, held until the transaction ends.
-- params: $1 county_id integer, $2 incident_id uuid
SELECT
    k.wrapped IS NULL AS is_erased, i.is_open, coalesce(i.ended_at, i.received_at) AS ended_at
FROM incident_keys AS k
JOIN incidents AS i
    ON i.county_id = k.county_id AND i.incident_id = k.incident_id
WHERE k.county_id = $1 AND k.incident_id = $2
FOR UPDATE OF k;

-- name: destroy_incident_key
-- Make everything sealed for an incident unreadable for good.
-- params: $1 county_id integer, $2 incident_id uuid, $3 erased_at timestamptz
UPDATE incident_keys
SET wrapped = NULL,
    erased_at = $3
WHERE county_id = $1 AND incident_id = $2;

-- name: read_some_keys
-- A few data keys that weren't destroyed, to try a master key on.
-- params: $1 county_id integer
SELECT incident_id, wrapped
FROM incident_keys
WHERE county_id = $1 AND wrapped IS NOT NULL
ORDER BY incident_id
LIMIT 8;

-- name: read_county_record
-- One record that the county's own key seals, to try a master key on where there are no data keys.
-- params: $1 county_id integer
SELECT record_id, version, sealed
FROM records
WHERE county_id = $1 AND incident_id IS NULL
LIMIT 1;
