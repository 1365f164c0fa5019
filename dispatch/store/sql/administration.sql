-- name: write_agency
-- Add an agency to a county, or give it another name.
-- params: $1 county_id integer, $2 agency_id uuid, $3 name text
INSERT INTO agencies (county_id, agency_id, name)
VALUES ($1, $2, $3)
ON CONFLICT (county_id, agency_id) DO UPDATE SET name = EXCLUDED.name;

-- name: list_agencies
-- A county's agencies, by name.
-- params: $1 county_id integer
SELECT agency_id, name
FROM agencies
WHERE county_id = $1
ORDER BY name;

-- name: write_zone
-- Add a zone to an edition of a county's zones.
-- params: $1 county_id integer, $2 version text, $3 name text, $4 area_class text,
--   $5 geometry jsonb
INSERT INTO county_zones (county_id, version, name, area_class, geometry)
VALUES ($1, $2, $3, $4, $5)
ON CONFLICT (county_id, version, name) DO NOTHING
RETURNING name;

-- name: list_zones
-- All editions of a county's zones, newest first.
-- params: $1 county_id integer
SELECT version, name, area_class
FROM county_zones
WHERE county_id = $1
ORDER BY version DESC, name;
