-- Groups of several counties in one transaction.
-- compat: 7

-- Under load many counties have a group on its way at the same moment: they share one round trip and
-- one wait for the disk. Each is written by ``commit_group`` under its own county's row security.
-- Answers for each, in order, what ``commit_group`` does, or ``busy``: somebody holds that county's
-- head, and it must be sent alone. Nobody is waited for here, so that no county waits for another,
-- and two nodes can't wait for each other. A constraint refuses all groups together.
CREATE FUNCTION commit_groups(
    p_counties integer[], p_versions bigint[], p_groups text[]
) RETURNS text[] LANGUAGE plpgsql AS $$
DECLARE
    v_outcomes text[] := '{}';
    v_outcome text;
    v_nothing text;
BEGIN
    FOR i IN 1 .. cardinality(p_counties) LOOP
        v_nothing := set_config('app.county', p_counties[i]::text, true);
        PERFORM FROM county_heads WHERE county_id = p_counties[i] FOR NO KEY UPDATE SKIP LOCKED;
        IF FOUND THEN
            v_outcome := commit_group(p_counties[i], p_versions[i], p_groups[i]);
        ELSE
            v_outcome := 'busy';
        END IF;
        v_outcomes := v_outcomes || v_outcome;
    END LOOP;
    RETURN v_outcomes;
END
$$;

GRANT EXECUTE ON FUNCTION commit_groups(integer[], bigint[], text[]) TO crisis_app;
