-- Editions of a county's rules have days: zones, standards and code sets of its own.
-- compat: 8

-- What a county has loaded: of zones the polygons stand in ``county_zones``, of the others the body
-- holds all. Never changed; a later edition takes over from its day on.
CREATE TABLE county_editions (
    county_id integer NOT NULL REFERENCES counties,
    kind text NOT NULL CHECK (kind IN ('zones', 'standards', 'codes')),
    version text NOT NULL,
    -- the first local day on which something of it holds
    effective_from date NOT NULL,
    body jsonb NOT NULL DEFAULT '{}',
    loaded_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    -- the account; NULL: from the command line
    loaded_by uuid,
    PRIMARY KEY (county_id, kind, version)
);
SELECT secure_county_table('county_editions', 'SELECT, INSERT');
SELECT open_to_report('county_editions');
SELECT open_to_worker('county_editions', 'SELECT');

-- Until now the last edition by its name was in force, on every day: so it stays for those.
INSERT INTO county_editions (county_id, kind, version, effective_from, loaded_at)
SELECT DISTINCT county_id, 'zones', version, date '2023-01-01', timestamptz '2023-01-01 00:00+00'
FROM county_zones;
SELECT make_append_only('county_editions');
