-- A run's milestones stand in one column, so that a new status needs none; what is asked for by name
-- keeps its own. And what writes the read models is made from the tables themselves.

ALTER TABLE assignments
    -- when the team was done, or was called away; NULL: it goes on
    ADD COLUMN left_at timestamptz,
    -- status: its earliest valid instant
    ADD COLUMN milestones jsonb NOT NULL DEFAULT '{}';
UPDATE assignments
SET left_at = least(cleared_at, ready_at, diverted_at, cancelled_at),
    milestones = jsonb_strip_nulls(jsonb_build_object(
        'accepted', accepted_at, 'en_route', en_route_at, 'staged', staged_at,
        'on_scene', on_scene_at, 'contact', contact_at, 'assessed', assessed_at,
        'transporting', transporting_at, 'at_destination', at_destination_at,
        'handed_off', handed_off_at, 'cleared', cleared_at, 'ready', ready_at,
        'diverted', diverted_at, 'cancelled', cancelled_at
    ));
ALTER TABLE assignments
    ALTER COLUMN milestones DROP DEFAULT,
    DROP COLUMN en_route_at, DROP COLUMN staged_at, DROP COLUMN contact_at,
    DROP COLUMN assessed_at, DROP COLUMN transporting_at, DROP COLUMN at_destination_at,
    DROP COLUMN handed_off_at, DROP COLUMN cleared_at, DROP COLUMN ready_at,
    DROP COLUMN diverted_at, DROP COLUMN cancelled_at;

-- Makes write_models(jsonb), which writes the rows of the read models that a group changed, out of
-- their tables' columns; a migration that changes one of them calls it again.
CREATE FUNCTION make_write_models() RETURNS void LANGUAGE plpgsql AS $make$
DECLARE
    v_parts text;
BEGIN
    SELECT string_agg(format(
        E'    IF p ? %1$L THEN\n'
        '        INSERT INTO %1$I SELECT * FROM jsonb_populate_recordset(NULL::%1$I, p->%1$L)\n'
        '        ON CONFLICT (%2$s) DO UPDATE SET (\n            %3$s\n'
        '        ) = (\n            %4$s\n        );\n    END IF;\n',
        model.name, columns.keys, columns.names, columns.excluded
    ), '' ORDER BY model.position)
    INTO v_parts
    FROM unnest(ARRAY[
        'incidents', 'offers', 'assignments', 'calls', 'teams', 'responders', 'shifts', 'duress',
        'obligations'
    ]) WITH ORDINALITY AS model (name, position)
    CROSS JOIN LATERAL (
        SELECT
            string_agg(quote_ident(a.attname), ', ' ORDER BY a.attnum)
                FILTER (WHERE a.attnum = ANY (i.indkey)) AS keys,
            string_agg(quote_ident(a.attname), ', ' ORDER BY a.attnum)
                FILTER (WHERE a.attnum <> ALL (i.indkey)) AS names,
            string_agg('EXCLUDED.' || quote_ident(a.attname), ', ' ORDER BY a.attnum)
                FILTER (WHERE a.attnum <> ALL (i.indkey)) AS excluded
        FROM pg_index AS i
        JOIN pg_attribute AS a ON a.attrelid = i.indrelid
        WHERE i.indrelid = model.name::regclass AND i.indisprimary
            AND a.attnum > 0 AND NOT a.attisdropped
    ) AS columns;
    EXECUTE format(
        'CREATE OR REPLACE FUNCTION write_models(p jsonb) RETURNS void LANGUAGE plpgsql AS %L',
        E'\nBEGIN\n' || v_parts || E'END\n'
    );
END
$make$;
SELECT make_write_models();
