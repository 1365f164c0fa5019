-- What PostgreSQL's catalogues say of the schema ``dispatch``, for ``dispatch/store/schema.py``.
-- Partitions are left out: they come and go with the days, and carry nothing of their own.
-- Read with search_path = dispatch, so that nothing in the answers is qualified.

-- name: read_tables
-- Every table with how it is stored and guarded.
SELECT
    c.oid AS id,
    c.relname AS name,
    c.relpersistence = 'u' AS is_unlogged,
    CASE c.relkind WHEN 'p' THEN pg_get_partkeydef(c.oid) END AS partitioned_by,
    coalesce(array_to_string(c.reloptions, ', '), '') AS options,
    c.relrowsecurity AS has_row_security,
    c.relforcerowsecurity AS forces_row_security,
    pg_get_userbyid(c.relowner) AS owner
FROM pg_class AS c
WHERE c.relnamespace = 'dispatch'::regnamespace
  AND c.relkind IN ('r', 'p')
  AND NOT c.relispartition
ORDER BY c.relname COLLATE "C";

-- name: read_columns
-- Every column of a table, in its order.
-- params: $1 table_id oid
SELECT
    a.attname AS name,
    format_type(a.atttypid, a.atttypmod) AS type,
    a.attnotnull AS is_required,
    a.attidentity::text AS identity,
    pg_get_expr(d.adbin, d.adrelid, true) AS default_
FROM pg_attribute AS a
LEFT JOIN pg_attrdef AS d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
WHERE a.attrelid = $1 AND a.attnum > 0 AND NOT a.attisdropped
ORDER BY a.attnum;

-- name: read_constraints
-- The named promises of a table: its keys first, then what each row must be.
-- params: $1 table_id oid
SELECT conname AS name, contype = 'f' AS is_reference, pg_get_constraintdef(oid, true) AS definition
FROM pg_constraint
WHERE conrelid = $1 AND contype IN ('p', 'u', 'x', 'c', 'f')
ORDER BY array_position(ARRAY['p', 'u', 'x', 'c', 'f'], contype::text), conname COLLATE "C";

-- name: read_indexes
-- The indexes of a table that no constraint stands for.
-- params: $1 table_id oid
SELECT c.relname AS name, pg_get_indexdef(i.indexrelid, 0, true) AS definition
FROM pg_index AS i
JOIN pg_class AS c ON c.oid = i.indexrelid
WHERE i.indrelid = $1
  AND NOT EXISTS (SELECT FROM pg_constraint AS k WHERE k.conindid = i.indexrelid AND k.contype <> 'f')
ORDER BY c.relname COLLATE "C";

-- name: read_triggers
-- What runs by itself when a table's rows change.
-- params: $1 table_id oid
SELECT tgname AS name, pg_get_triggerdef(oid, true) AS definition
FROM pg_trigger
WHERE tgrelid = $1 AND NOT tgisinternal
ORDER BY tgname COLLATE "C";

-- name: read_row_policies
-- Which rows of a table each role sees and writes.
-- params: $1 table_id oid
SELECT
    p.polname AS name,
    p.polpermissive AS is_permissive,
    p.polcmd::text AS command,
    (SELECT string_agg(r.rolname, ', ' ORDER BY r.rolname COLLATE "C")
     FROM pg_roles AS r WHERE r.oid = ANY(p.polroles)) AS roles,
    pg_get_expr(p.polqual, p.polrelid, true) AS sees,
    pg_get_expr(p.polwithcheck, p.polrelid, true) AS writes
FROM pg_policy AS p
WHERE p.polrelid = $1
ORDER BY p.polname COLLATE "C";

-- name: read_table_grants
-- What others than its owner may do with a table, or with single columns of it.
-- params: $1 table_id oid
SELECT g.grantee, g.privileges, g.columns
FROM (
    SELECT
        coalesce(r.rolname, 'PUBLIC') AS grantee,
        string_agg(a.privilege_type, ', ' ORDER BY a.privilege_type COLLATE "C") AS privileges,
        NULL::text AS columns
    FROM pg_class AS c
    CROSS JOIN aclexplode(c.relacl) AS a
    LEFT JOIN pg_roles AS r ON r.oid = a.grantee
    WHERE c.oid = $1 AND a.grantee <> c.relowner
    GROUP BY 1
    UNION ALL
    SELECT
        coalesce(r.rolname, 'PUBLIC'),
        a.privilege_type,
        string_agg(t.attname, ', ' ORDER BY t.attnum)
    FROM pg_attribute AS t
    JOIN pg_class AS c ON c.oid = t.attrelid
    CROSS JOIN aclexplode(t.attacl) AS a
    LEFT JOIN pg_roles AS r ON r.oid = a.grantee
    WHERE t.attrelid = $1 AND a.grantee <> c.relowner
    GROUP BY 1, 2
) AS g
ORDER BY g.grantee COLLATE "C", g.columns COLLATE "C" NULLS FIRST, g.privileges COLLATE "C";

-- name: read_functions
-- Every function of ours, with who may run it beside its owner.
SELECT
    p.proname AS name,
    pg_get_function_identity_arguments(p.oid) AS arguments,
    pg_get_functiondef(p.oid) AS definition,
    pg_get_userbyid(p.proowner) AS owner,
    ARRAY(
        SELECT coalesce(r.rolname, 'PUBLIC')
        FROM aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) AS a
        LEFT JOIN pg_roles AS r ON r.oid = a.grantee
        WHERE a.grantee <> p.proowner
        ORDER BY 1
    ) AS runners
FROM pg_proc AS p
WHERE p.pronamespace = 'dispatch'::regnamespace
  AND NOT EXISTS (SELECT FROM pg_depend AS d WHERE d.objid = p.oid AND d.deptype = 'e')
ORDER BY p.proname COLLATE "C", 2;

-- name: read_schema_grants
-- Who may name anything of the schema, beside its owner.
SELECT
    coalesce(r.rolname, 'PUBLIC') AS grantee,
    string_agg(a.privilege_type, ', ' ORDER BY a.privilege_type COLLATE "C") AS privileges
FROM pg_namespace AS n
CROSS JOIN aclexplode(n.nspacl) AS a
LEFT JOIN pg_roles AS r ON r.oid = a.grantee
WHERE n.nspname = 'dispatch' AND a.grantee <> n.nspowner
GROUP BY 1
ORDER BY 1;

-- name: read_other_things
-- What the schema holds and the written form has no words for yet; none, or it would be silent.
SELECT c.relkind::text AS kind, c.relname AS name
FROM pg_class AS c
WHERE c.relnamespace = 'dispatch'::regnamespace
  AND c.relkind NOT IN ('r', 'p', 'i', 'I', 't')
  AND NOT EXISTS (SELECT FROM pg_depend AS d WHERE d.objid = c.oid AND d.deptype IN ('e', 'i'))
UNION ALL
SELECT 'type', t.typname
FROM pg_type AS t
WHERE t.typnamespace = 'dispatch'::regnamespace
  AND t.typtype IN ('d', 'e', 'r', 'm')
  AND NOT EXISTS (SELECT FROM pg_depend AS d WHERE d.objid = t.oid AND d.deptype = 'e')
ORDER BY 1, 2;
