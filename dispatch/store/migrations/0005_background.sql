-- What background work keeps: how far a notice got, what the audit's sealer has to do, and which
-- periodic work is done.
-- compat: 2

-- Ways (names of adapters) by which a notice has left already; a retry takes the others only.
ALTER TABLE outbox ADD COLUMN sent_by text[] NOT NULL DEFAULT '{}';

-- Rows of the audit that no link of the chain covers yet. A queue of its own, because numbers of an
-- identity don't become visible in their order: whoever remembers the highest one loses the rows of
-- slower transactions.
CREATE TABLE audit_pending (
    county_id integer NOT NULL,
    audit_id bigint NOT NULL,
    PRIMARY KEY (county_id, audit_id)
);
SELECT secure_county_table('audit_pending', 'SELECT, INSERT');
SELECT open_to_worker('audit_pending', 'SELECT, DELETE');

-- By trigger, so that no way into the audit can leave the chain out.
CREATE FUNCTION queue_audit() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO audit_pending (county_id, audit_id)
    SELECT n.county_id, n.audit_id FROM new_rows AS n;
    RETURN NULL;
END
$$;
CREATE TRIGGER queue_audit AFTER INSERT ON read_audit
    REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION queue_audit();
GRANT EXECUTE ON FUNCTION queue_audit() TO crisis_app;

-- The rows that a link covers, by number, ascending; they need not follow each other.
ALTER TABLE audit_chain
    ADD COLUMN audit_ids bigint[] NOT NULL,
    ADD CONSTRAINT link_covers_its_rows CHECK (rows > 0 AND rows = cardinality(audit_ids));

-- Periodic work, once per period over all nodes.
CREATE TABLE upkeep_runs (
    job text NOT NULL,
    -- a local date (2026-03-02), or an hour in UTC (2026-03-02T08Z)
    period text NOT NULL CHECK (period ~ '^\d{4}-\d\d-\d\d(T\d\dZ)?$'),
    node text NOT NULL,
    -- nobody else takes it up before
    leased_until timestamptz NOT NULL,
    attempts integer NOT NULL DEFAULT 1,
    -- NULL: running, or failed and to be tried again
    finished_at timestamptz,
    PRIMARY KEY (job, period)
);
GRANT SELECT, INSERT, UPDATE, DELETE ON upkeep_runs TO crisis_worker;
