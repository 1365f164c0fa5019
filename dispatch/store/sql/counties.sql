-- name: list_counties
-- Every county this database serves, with the head of its log: what the timers ask about.
-- role: worker
SELECT c.county_id, c.name, c.time_zone, c.area_class, h.head_seq, h.head_version, h.last_recorded_at
FROM counties AS c
JOIN county_heads AS h USING (county_id)
ORDER BY c.county_id;

-- name: list_rules_marks
-- How many versions of policy and editions of its own each county has: both only ever grow.
-- role: worker
SELECT
    c.county_id,
    (SELECT count(*) FROM county_policies AS p WHERE p.county_id = c.county_id)
        + (SELECT count(*) FROM county_editions AS e WHERE e.county_id = c.county_id) AS mark
FROM counties AS c
ORDER BY c.county_id;

-- name: lock_county
-- Become the county's one writer until the transaction ends; returns the head of its log.
-- params: $1 county_id integer
SELECT head_seq, head_version, last_recorded_at
FROM county_heads
WHERE county_id = $1
FOR NO KEY UPDATE;

-- name: create_county
-- Start serving a county; no row comes back if it was there.
-- params: $1 county_id integer, $2 name text, $3 time_zone text, $4 area_class text
INSERT INTO counties (county_id, name, time_zone, area_class)
VALUES ($1, $2, $3, $4)
ON CONFLICT (county_id) DO NOTHING
RETURNING county_id;
