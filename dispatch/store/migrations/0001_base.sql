-- Counties, agencies, the mark of the database, and the helpers that later migrations use.
-- compat: 1

CREATE EXTENSION IF NOT EXISTS btree_gist;

-- Functions are for those they are granted to: a SECURITY DEFINER one must not be open by accident.
ALTER DEFAULT PRIVILEGES FOR ROLE crisis_migrator REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC;
GRANT USAGE ON SCHEMA dispatch TO crisis_app, crisis_worker, crisis_state_report;

CREATE TABLE schema_migrations (
    version integer PRIMARY KEY CHECK (version > 0),
    name text NOT NULL,
    sha256 text NOT NULL CHECK (sha256 ~ '^[0-9a-f]{64}$'),
    -- oldest SCHEMA_VERSION of the code that still runs on a database with this migration
    compat integer NOT NULL CHECK (compat > 0 AND compat <= version),
    applied_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
GRANT SELECT ON schema_migrations TO crisis_app, crisis_worker, crisis_state_report;

-- What this database is; one row, written by the first migration run.
CREATE TABLE database_mark (
    only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    -- true: demo or replay; only here may the domain clock be scaled or offset
    simulated boolean NOT NULL DEFAULT false,
    database_id uuid NOT NULL DEFAULT gen_random_uuid(),
    created_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
GRANT SELECT ON database_mark TO crisis_app, crisis_worker, crisis_state_report;

-- Puts a table under row security: role crisis_app sees and writes the rows of the county that
-- app.county names, and no others; an unset county means no rows. FORCE binds an owner, too.
-- Grants go to the table, never to its partitions: they can't be read around the policy.
CREATE FUNCTION secure_county_table(
    target regclass, privileges text DEFAULT 'SELECT, INSERT, UPDATE, DELETE'
) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY', target);
    EXECUTE format('ALTER TABLE %s FORCE ROW LEVEL SECURITY', target);
    -- After a transaction that set it the setting reads '', not NULL.
    EXECUTE format(
        'CREATE POLICY own_county ON %s TO crisis_app '
        'USING (county_id = nullif(current_setting(''app.county'', true), '''')::int) '
        'WITH CHECK (county_id = nullif(current_setting(''app.county'', true), '''')::int)',
        target
    );
    EXECUTE format('GRANT %s ON %s TO crisis_app', privileges, target);
END
$$;

-- Opens a table to background work over all counties.
CREATE FUNCTION open_to_worker(target regclass, privileges text) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format(
        'CREATE POLICY all_counties ON %s TO crisis_worker USING (true) WITH CHECK (true)', target
    );
    EXECUTE format('GRANT %s ON %s TO crisis_worker', privileges, target);
END
$$;

-- Opens a table to reports: one county, or all of them where the transaction says so.
CREATE FUNCTION open_to_report(target regclass) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format(
        'CREATE POLICY report_reads ON %s FOR SELECT TO crisis_state_report '
        'USING (current_setting(''app.state_wide'', true) = ''on'' '
        'OR county_id = nullif(current_setting(''app.county'', true), '''')::int)',
        target
    );
    EXECUTE format('GRANT SELECT ON %s TO crisis_state_report', target);
END
$$;

CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% is append-only', TG_TABLE_NAME
        USING ERRCODE = 'restrict_violation', CONSTRAINT = 'append_only', TABLE = TG_TABLE_NAME;
END
$$;

-- Makes a table append-only for everybody, its owner included. Whole partitions may be dropped.
CREATE FUNCTION make_append_only(target regclass) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format(
        'CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON %s '
        'FOR EACH ROW EXECUTE FUNCTION refuse_change()', target
    );
    EXECUTE format(
        'CREATE TRIGGER append_only_truncate BEFORE TRUNCATE ON %s '
        'FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()', target
    );
END
$$;

-- The counties that this database serves.
CREATE TABLE counties (
    -- FIPS code; California's counties are the odd numbers
    county_id integer PRIMARY KEY CHECK (county_id BETWEEN 6001 AND 6115 AND county_id % 2 = 1),
    name text NOT NULL,
    -- IANA name
    time_zone text NOT NULL DEFAULT 'America/Los_Angeles',
    -- class of a place that no zone classifies
    area_class text NOT NULL CHECK (area_class IN ('urban', 'rural')),
    created_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
SELECT secure_county_table('counties', 'SELECT, INSERT, UPDATE');
SELECT open_to_worker('counties', 'SELECT');
SELECT open_to_report('counties');

-- The head of each county's log. The row's lock is what makes one writer at a time. Every group of
-- commands updates it: a small row apart, without checks (each is parsed anew by every statement),
-- with room for its versions on its own page.
CREATE TABLE county_heads (
    county_id integer PRIMARY KEY REFERENCES counties,
    -- seq of the newest event; the log is gapless from 1
    head_seq bigint NOT NULL DEFAULT 0,
    -- number of committed groups
    head_version bigint NOT NULL DEFAULT 0,
    -- recorded_at of the newest event; NULL: none yet
    last_recorded_at timestamptz,
    -- the board's few fields that belong to no single thing
    board jsonb NOT NULL DEFAULT '{}'
) WITH (fillfactor = 10, autovacuum_vacuum_scale_factor = 0);
SELECT secure_county_table('county_heads', 'SELECT, INSERT, UPDATE');
SELECT open_to_worker('county_heads', 'SELECT');
SELECT open_to_report('county_heads');

CREATE FUNCTION begin_log() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO county_heads (county_id) VALUES (NEW.county_id);
    RETURN NEW;
END
$$;
CREATE TRIGGER begin_log AFTER INSERT ON counties FOR EACH ROW EXECUTE FUNCTION begin_log();

-- The organisations whose teams and people work for a county.
CREATE TABLE agencies (
    county_id integer NOT NULL REFERENCES counties,
    agency_id uuid NOT NULL,
    name text NOT NULL,
    PRIMARY KEY (county_id, agency_id)
);
SELECT secure_county_table('agencies');
SELECT open_to_report('agencies');
