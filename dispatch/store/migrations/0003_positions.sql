-- Where teams were and where they are now. Positions are not events: no log, no fold.
-- compat: 3
--
-- Written by role crisis_worker, which may write for every county: one flush holds the fixes of all
-- counties that a node received meanwhile, and one transaction per county would cost one fsync
-- each. The county of a row is the one that its sender was admitted to. Role crisis_app only reads,
-- its own county's rows.

-- Every fix that was believed. Days (UTC) are partitions of their own by the device's time, which
-- is part of the key: a fix sent twice is one row, and old days go as a whole. No foreign keys: they
-- would cost a lookup and a lock for each fix.
CREATE TABLE fixes (
    county_id integer NOT NULL,
    team_id uuid NOT NULL,
    -- device time
    fixed_at timestamptz NOT NULL,
    -- server time
    received_at timestamptz NOT NULL,
    lat_deg double precision NOT NULL CHECK (lat_deg BETWEEN -90 AND 90),
    lon_deg double precision NOT NULL CHECK (lon_deg BETWEEN -180 AND 180),
    -- radius of about 68 % confidence; NULL here and below: not reported
    accuracy_m real CHECK (accuracy_m >= 0),
    speed_mps real CHECK (speed_mps >= 0),
    -- clockwise from true north
    heading_deg real CHECK (heading_deg BETWEEN 0 AND 360),
    -- charge of the device, 0..1
    battery real CHECK (battery BETWEEN 0 AND 1),
    source text NOT NULL CHECK (source IN ('phone', 'tracker', 'desk', 'simulated')),
    PRIMARY KEY (county_id, team_id, fixed_at)
) PARTITION BY RANGE (fixed_at);
SELECT secure_county_table('fixes', 'SELECT');
SELECT open_to_worker('fixes', 'SELECT, INSERT, DELETE');

-- The newest of them per team; half of each page is free, so that an update stays on its page.
CREATE TABLE latest_fixes (
    county_id integer NOT NULL,
    team_id uuid NOT NULL,
    fixed_at timestamptz NOT NULL,
    received_at timestamptz NOT NULL,
    lat_deg double precision NOT NULL,
    lon_deg double precision NOT NULL,
    accuracy_m real,
    speed_mps real,
    heading_deg real,
    battery real,
    source text NOT NULL,
    -- server's clock at the flush: what other nodes ask by, with an overlap
    changed_at timestamptz NOT NULL,
    PRIMARY KEY (county_id, team_id)
) WITH (fillfactor = 50);
SELECT secure_county_table('latest_fixes', 'SELECT');
SELECT open_to_worker('latest_fixes', 'SELECT, INSERT, UPDATE, DELETE');

-- Moves what a flush has copied into pg_temp.incoming_fixes to both tables. Rows come ordered by
-- key, so that two nodes never wait for each other in a circle. NaN stands for "not reported";
-- ``source_no`` counts the sources from 1; ``newest``: the last one of a team.
CREATE FUNCTION store_incoming_fixes(OUT stored integer, OUT newer integer)
LANGUAGE plpgsql AS $$
DECLARE
    sources constant text[] := ARRAY['phone', 'tracker', 'desk', 'simulated'];
BEGIN
    INSERT INTO fixes (
        county_id, team_id, fixed_at, received_at, lat_deg, lon_deg,
        accuracy_m, speed_mps, heading_deg, battery, source
    )
    SELECT
        county_id, team_id, fixed_at, received_at, lat_deg, lon_deg,
        nullif(accuracy_m, 'NaN'), nullif(speed_mps, 'NaN'), nullif(heading_deg, 'NaN'),
        nullif(battery, 'NaN'), sources[source_no]
    FROM pg_temp.incoming_fixes
    ON CONFLICT DO NOTHING;
    GET DIAGNOSTICS stored = ROW_COUNT;

    INSERT INTO latest_fixes AS held (
        county_id, team_id, fixed_at, received_at, lat_deg, lon_deg,
        accuracy_m, speed_mps, heading_deg, battery, source, changed_at
    )
    SELECT
        county_id, team_id, fixed_at, received_at, lat_deg, lon_deg,
        nullif(accuracy_m, 'NaN'), nullif(speed_mps, 'NaN'), nullif(heading_deg, 'NaN'),
        nullif(battery, 'NaN'), sources[source_no], clock_timestamp()
    FROM pg_temp.incoming_fixes
    WHERE newest
    ON CONFLICT (county_id, team_id) DO UPDATE SET
        fixed_at = excluded.fixed_at,
        received_at = excluded.received_at,
        lat_deg = excluded.lat_deg,
        lon_deg = excluded.lon_deg,
        accuracy_m = excluded.accuracy_m,
        speed_mps = excluded.speed_mps,
        heading_deg = excluded.heading_deg,
        battery = excluded.battery,
        source = excluded.source,
        changed_at = excluded.changed_at
    WHERE excluded.fixed_at > held.fixed_at;
    GET DIAGNOSTICS newer = ROW_COUNT;
END
$$;
GRANT EXECUTE ON FUNCTION store_incoming_fixes() TO crisis_worker;

-- Makes the partitions of the days from first_day to last_day that are missing; returns how many.
-- Looks before it creates: creating one locks the whole table for a moment.
CREATE FUNCTION ensure_fix_days(first_day date, last_day date) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = dispatch, pg_temp AS $$
DECLARE
    day date;
    made integer := 0;
BEGIN
    IF last_day - first_day > 60 THEN
        RAISE EXCEPTION 'too many days at once: % to %', first_day, last_day;
    END IF;
    FOR day IN SELECT generate_series(first_day, last_day, interval '1 day')::date LOOP
        CONTINUE WHEN to_regclass('dispatch.fixes_' || to_char(day, 'YYYYMMDD')) IS NOT NULL;
        -- Nodes that meet the same new day go one after the other; this lock holds up no flush, and
        -- unlike an advisory one it makes the session see what the node before has created.
        LOCK TABLE fixes IN SHARE UPDATE EXCLUSIVE MODE;
        CONTINUE WHEN to_regclass('dispatch.fixes_' || to_char(day, 'YYYYMMDD')) IS NOT NULL;
        EXECUTE format(
            'CREATE TABLE %I PARTITION OF fixes FOR VALUES FROM (%L) TO (%L)',
            'fixes_' || to_char(day, 'YYYYMMDD'),
            to_char(day, 'YYYY-MM-DD') || ' 00:00:00+00',
            to_char(day + 1, 'YYYY-MM-DD') || ' 00:00:00+00'
        );
        made := made + 1;
    END LOOP;
    RETURN made;
END
$$;
GRANT EXECUTE ON FUNCTION ensure_fix_days(date, date) TO crisis_worker;

-- Drops the partitions of all days before first_kept, never one of the server's last two days;
-- returns how many.
CREATE FUNCTION drop_fix_days(first_kept date) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = dispatch, pg_temp AS $$
DECLARE
    part text;
    dropped integer := 0;
BEGIN
    FOR part IN
        SELECT child.relname
        FROM pg_inherits
        JOIN pg_class AS child ON child.oid = pg_inherits.inhrelid
        WHERE pg_inherits.inhparent = 'dispatch.fixes'::regclass
          AND child.relname ~ '^fixes_[0-9]{8}$'
          AND to_date(right(child.relname, 8), 'YYYYMMDD') < least(first_kept, current_date - 1)
        ORDER BY child.relname
    LOOP
        EXECUTE format('DROP TABLE %I', part);
        dropped := dropped + 1;
    END LOOP;
    RETURN dropped;
END
$$;
GRANT EXECUTE ON FUNCTION drop_fix_days(date) TO crisis_worker;

SELECT ensure_fix_days(current_date - 3, current_date + 7);
