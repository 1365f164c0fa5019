-- Roles belong to the whole cluster, not to one database, and several databases may be migrated at
-- once: each step first looks whether it is needed, and takes "somebody else just did it" for done.
DO $$
DECLARE
    wanted text;
    may_set text := CASE
        WHEN current_setting('server_version_num')::int >= 160000 THEN 'SET' ELSE 'MEMBER'
    END;
BEGIN
    IF NOT EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = 'crisis_migrator') THEN
        BEGIN
            CREATE ROLE crisis_migrator NOLOGIN BYPASSRLS;
        EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL;
        END;
    END IF;
    FOREACH wanted IN ARRAY ARRAY['crisis_app', 'crisis_worker', 'crisis_state_report'] LOOP
        IF NOT EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = wanted) THEN
            BEGIN
                EXECUTE format('CREATE ROLE %I NOLOGIN', wanted);
            EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL;
            END;
        END IF;
    END LOOP;

    IF EXISTS (
        SELECT FROM pg_catalog.pg_roles
        WHERE rolname = 'crisis_migrator' AND NOT rolbypassrls
    ) THEN
        RAISE EXCEPTION 'role crisis_migrator exists, but lacks BYPASSRLS';
    END IF;
    IF EXISTS (
        SELECT FROM pg_catalog.pg_roles
        WHERE rolname IN ('crisis_app', 'crisis_worker', 'crisis_state_report')
          AND (rolbypassrls OR rolsuper)
    ) THEN
        RAISE EXCEPTION 'crisis_app, crisis_worker and crisis_state_report must obey row security';
    END IF;

    FOREACH wanted IN ARRAY
        ARRAY['crisis_migrator', 'crisis_app', 'crisis_worker', 'crisis_state_report']
    LOOP
        IF NOT pg_catalog.pg_has_role(session_user, wanted, may_set) THEN
            EXECUTE format('GRANT %I TO %I', wanted, session_user);
        END IF;
    END LOOP;

    IF NOT has_database_privilege('crisis_migrator', current_database(), 'CREATE') THEN
        EXECUTE format('GRANT CREATE ON DATABASE %I TO crisis_migrator', current_database());
    END IF;
    FOREACH wanted IN ARRAY
        ARRAY['crisis_migrator', 'crisis_app', 'crisis_worker', 'crisis_state_report']
    LOOP
        IF NOT has_database_privilege(wanted, current_database(), 'CONNECT, TEMPORARY') THEN
            EXECUTE format(
                'GRANT CONNECT, TEMPORARY ON DATABASE %I TO %I', current_database(), wanted
            );
        END IF;
    END LOOP;
    IF to_regnamespace('dispatch') IS NULL THEN
        CREATE SCHEMA dispatch AUTHORIZATION crisis_migrator;
    END IF;
END
$$;
