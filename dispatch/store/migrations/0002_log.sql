-- The log, the read models that are also its snapshot, private records and the outbox.
-- compat: 2

-- Everything that happened, per county; commit order = seq order, without gaps, because a writer
-- holds the county's row. No foreign keys here and in the read models: rows come from the fold of
-- the log alone, a test holds both equal, and each key would cost a lock per event. Nor checks: each
-- is parsed anew by every statement, which was a tenth of a commit.
CREATE TABLE event_log (
    county_id integer NOT NULL,
    seq bigint NOT NULL,
    type text NOT NULL,
    -- of the body's meaning
    version smallint NOT NULL DEFAULT 1,
    occurred_at timestamptz NOT NULL,
    recorded_at timestamptz NOT NULL,
    source text NOT NULL,
    -- NULL: the service itself
    actor_id uuid,
    role text NOT NULL DEFAULT '',
    incident_id uuid,
    command_id uuid NOT NULL,
    -- what the sender's clock said, where it was corrected
    device_at timestamptz,
    reason text,
    -- the thing had left the board already
    off_board boolean NOT NULL DEFAULT false,
    body jsonb NOT NULL,
    -- private fields, under the incident's data key
    sealed bytea,
    PRIMARY KEY (county_id, seq)
);
SELECT secure_county_table('event_log', 'SELECT, INSERT');
SELECT open_to_report('event_log');
SELECT make_append_only('event_log');
CREATE INDEX event_log_incident_v1 ON event_log (county_id, incident_id, seq);

-- What each command was answered, so that the same command again is answered the same.
CREATE TABLE command_results (
    county_id integer NOT NULL,
    command_id uuid NOT NULL,
    actor_id uuid,
    body_hash bytea NOT NULL,
    -- head of the log after the command
    seq bigint NOT NULL,
    -- {"result": ...} or {"refusal": {...}}
    answer jsonb NOT NULL,
    recorded_at timestamptz NOT NULL,
    PRIMARY KEY (county_id, command_id)
);
SELECT secure_county_table('command_results');
SELECT open_to_worker('command_results', 'SELECT, DELETE');
CREATE INDEX command_results_age_v1 ON command_results USING brin (recorded_at);

-- Read models. ``body`` is the folded thing itself; the columns beside it are for constraints,
-- lists and reports. ``is_open``: it is on the board; these rows are the board's snapshot.
CREATE TABLE incidents (
    county_id integer NOT NULL,
    incident_id uuid NOT NULL,
    number bigint NOT NULL,
    -- received, screening, determined, closed, cancelled, merged
    state text NOT NULL,
    is_open boolean NOT NULL,
    received_at timestamptz NOT NULL,
    determined_at timestamptz,
    due_at timestamptz,
    -- first qualifying arrival: the regulatory clock's stop
    first_on_scene_at timestamptz,
    ended_at timestamptz,
    outcome text,
    reason text,
    acuity text,
    area_class text,
    area_method text,
    area_version text,
    standard_minutes integer,
    standard_version text,
    referral_source text NOT NULL,
    excluded_setting boolean NOT NULL,
    back_entered boolean NOT NULL,
    -- the reserved number under which it was kept on paper
    paper_number text,
    merged_into uuid,
    fold_version integer NOT NULL,
    body jsonb NOT NULL,
    -- exact point, clinical facts and dispositions, under the incident's data key
    sealed bytea,
    PRIMARY KEY (county_id, incident_id),
    CONSTRAINT incident_numbers_are_unique UNIQUE (county_id, number)
) WITH (fillfactor = 80);
SELECT secure_county_table('incidents');
SELECT open_to_report('incidents');
CREATE INDEX incidents_open_v1 ON incidents (county_id) WHERE is_open;
CREATE UNIQUE INDEX one_incident_per_paper_number ON incidents (county_id, paper_number)
    WHERE paper_number IS NOT NULL;
CREATE INDEX incidents_received_v1 ON incidents (county_id, received_at);
CREATE INDEX incidents_determined_v1 ON incidents (county_id, determined_at)
    WHERE determined_at IS NOT NULL;

CREATE TABLE offers (
    county_id integer NOT NULL,
    offer_id uuid NOT NULL,
    incident_id uuid NOT NULL,
    slot integer NOT NULL,
    rung integer NOT NULL,
    team_id uuid NOT NULL,
    -- pending, accepted, declined, expired, withdrawn
    state text NOT NULL,
    offered_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    answered_at timestamptz,
    reason text,
    override_reason text,
    eta_s double precision,
    PRIMARY KEY (county_id, offer_id)
) WITH (fillfactor = 80);
SELECT secure_county_table('offers');
SELECT open_to_report('offers');
CREATE INDEX offers_incident_v1 ON offers (county_id, incident_id);
-- A team is asked one thing at a time; two dispatchers can't ask it about two incidents.
CREATE UNIQUE INDEX one_open_offer_per_team ON offers (county_id, team_id)
    WHERE state = 'pending';

CREATE TABLE assignments (
    county_id integer NOT NULL,
    assignment_id uuid NOT NULL,
    incident_id uuid NOT NULL,
    offer_id uuid NOT NULL,
    slot integer NOT NULL,
    team_id uuid NOT NULL,
    state text NOT NULL,
    is_open boolean NOT NULL,
    accepted_at timestamptz,
    en_route_at timestamptz,
    staged_at timestamptz,
    on_scene_at timestamptz,
    contact_at timestamptz,
    assessed_at timestamptz,
    transporting_at timestamptz,
    at_destination_at timestamptz,
    handed_off_at timestamptz,
    cleared_at timestamptz,
    ready_at timestamptz,
    diverted_at timestamptz,
    cancelled_at timestamptz,
    -- whether its arrival stops the regulatory clock
    qualifying boolean NOT NULL,
    end_reason text,
    PRIMARY KEY (county_id, assignment_id)
) WITH (fillfactor = 70);
SELECT secure_county_table('assignments');
SELECT open_to_report('assignments');
CREATE INDEX assignments_incident_v1 ON assignments (county_id, incident_id);
-- A team is on one run at a time: this prevents the double assignment.
CREATE UNIQUE INDEX one_open_assignment_per_team ON assignments (county_id, team_id)
    WHERE is_open;

CREATE TABLE calls (
    county_id integer NOT NULL,
    call_id uuid NOT NULL,
    state text NOT NULL,
    is_open boolean NOT NULL,
    channel text NOT NULL,
    referral_source text NOT NULL,
    offered_at timestamptz NOT NULL,
    answered_at timestamptz,
    ended_at timestamptz,
    incident_id uuid,
    fold_version integer NOT NULL,
    body jsonb NOT NULL,
    PRIMARY KEY (county_id, call_id)
);
SELECT secure_county_table('calls');
SELECT open_to_report('calls');
CREATE INDEX calls_open_v1 ON calls (county_id) WHERE is_open;
CREATE INDEX calls_offered_v1 ON calls (county_id, offered_at);
CREATE INDEX calls_incident_v1 ON calls (county_id, incident_id) WHERE incident_id IS NOT NULL;

CREATE TABLE teams (
    county_id integer NOT NULL,
    team_id uuid NOT NULL,
    agency_id uuid NOT NULL,
    call_sign text NOT NULL,
    -- the call sign in small letters while the team is in use, else NULL
    spoken_as text,
    duty text NOT NULL,
    is_open boolean NOT NULL,
    fold_version integer NOT NULL,
    body jsonb NOT NULL,
    PRIMARY KEY (county_id, team_id)
) WITH (fillfactor = 70);
SELECT secure_county_table('teams');
SELECT open_to_report('teams');
-- Call signs are spoken: two teams in use can't share one.
CREATE UNIQUE INDEX one_team_per_call_sign ON teams (county_id, spoken_as);

CREATE TABLE responders (
    county_id integer NOT NULL,
    responder_id uuid NOT NULL,
    agency_id uuid NOT NULL,
    is_open boolean NOT NULL,
    fold_version integer NOT NULL,
    body jsonb NOT NULL,
    PRIMARY KEY (county_id, responder_id)
);
SELECT secure_county_table('responders');
SELECT open_to_report('responders');

CREATE TABLE shifts (
    county_id integer NOT NULL,
    shift_id uuid NOT NULL,
    team_id uuid NOT NULL,
    starts_at timestamptz NOT NULL,
    ends_at timestamptz NOT NULL,
    started_at timestamptz,
    ended_at timestamptz,
    cancelled boolean NOT NULL,
    is_open boolean NOT NULL,
    -- the rostered window, cut where the shift ended early; overtime doesn't lengthen it
    during tstzrange NOT NULL,
    fold_version integer NOT NULL,
    body jsonb NOT NULL,
    PRIMARY KEY (county_id, shift_id),
    CONSTRAINT shifts_do_not_overlap EXCLUDE USING gist (
        county_id WITH =, team_id WITH =, during WITH &&
    ) WHERE (NOT cancelled)
);
SELECT secure_county_table('shifts');
SELECT open_to_report('shifts');
CREATE INDEX shifts_open_v1 ON shifts (county_id) WHERE is_open;

CREATE TABLE duress (
    county_id integer NOT NULL,
    duress_id uuid NOT NULL,
    team_id uuid,
    state text NOT NULL,
    is_open boolean NOT NULL,
    raised_at timestamptz NOT NULL,
    acknowledged_at timestamptz,
    resolved_at timestamptz,
    fold_version integer NOT NULL,
    body jsonb NOT NULL,
    PRIMARY KEY (county_id, duress_id)
);
SELECT secure_county_table('duress');
SELECT open_to_report('duress');
CREATE INDEX duress_open_v1 ON duress (county_id) WHERE is_open;

CREATE TABLE obligations (
    county_id integer NOT NULL,
    obligation_id uuid NOT NULL,
    kind text NOT NULL,
    state text NOT NULL,
    is_open boolean NOT NULL,
    due_at timestamptz NOT NULL,
    closed_at timestamptz,
    incident_id uuid,
    fold_version integer NOT NULL,
    body jsonb NOT NULL,
    PRIMARY KEY (county_id, obligation_id)
) WITH (fillfactor = 80);
SELECT secure_county_table('obligations');
SELECT open_to_report('obligations');
CREATE INDEX obligations_open_v1 ON obligations (county_id) WHERE is_open;
CREATE INDEX obligations_incident_v1 ON obligations (county_id, incident_id)
    WHERE incident_id IS NOT NULL;

-- Bodies are read and written whole and often; compressing each costs more than its few kilobytes.
ALTER TABLE event_log SET (toast_tuple_target = 8160);
ALTER TABLE command_results SET (toast_tuple_target = 8160);
-- An incident's is compressed only once it has grown to what it stays at: three closed ones share a
-- page then, where without it each would fill one alone.
ALTER TABLE incidents SET (toast_tuple_target = 2700);

-- An incident's data key under its county's key. Erasure destroys ``wrapped`` and keeps the row.
CREATE TABLE incident_keys (
    county_id integer NOT NULL,
    incident_id uuid NOT NULL,
    wrapped bytea,
    erased_at timestamptz,
    PRIMARY KEY (county_id, incident_id),
    CHECK ((wrapped IS NULL) = (erased_at IS NOT NULL))
);
SELECT secure_county_table('incident_keys');

-- Names, numbers, addresses, narratives: encrypted, versioned, read only by audited request.
CREATE TABLE records (
    county_id integer NOT NULL,
    record_id uuid NOT NULL,
    version integer NOT NULL DEFAULT 1 CHECK (version > 0),
    -- NULL: sealed with the county's own key
    incident_id uuid,
    kind text NOT NULL,
    created_at timestamptz NOT NULL,
    created_by uuid,
    sealed bytea NOT NULL,
    PRIMARY KEY (county_id, record_id, version)
);
SELECT secure_county_table('records', 'SELECT, INSERT, DELETE');
CREATE INDEX records_incident_v1 ON records (county_id, incident_id)
    WHERE incident_id IS NOT NULL;

-- Who read what, when and why. Inserted freely; ``chain`` is filled by the sealer each second.
CREATE TABLE read_audit (
    county_id integer NOT NULL,
    audit_id bigint GENERATED ALWAYS AS IDENTITY,
    at timestamptz NOT NULL,
    actor_id uuid,
    role text NOT NULL DEFAULT '',
    what text NOT NULL,
    incident_id uuid,
    record_id uuid,
    purpose text,
    PRIMARY KEY (county_id, audit_id)
);
SELECT secure_county_table('read_audit', 'SELECT, INSERT');
SELECT open_to_worker('read_audit', 'SELECT');
SELECT make_append_only('read_audit');

-- One link per sealed stretch of a county's audit: hash of the link before and of the rows.
CREATE TABLE audit_chain (
    county_id integer NOT NULL,
    link bigint NOT NULL CHECK (link > 0),
    first_audit_id bigint NOT NULL,
    last_audit_id bigint NOT NULL,
    rows integer NOT NULL,
    sealed_at timestamptz NOT NULL,
    hash bytea NOT NULL,
    PRIMARY KEY (county_id, link)
);
SELECT secure_county_table('audit_chain', 'SELECT');
SELECT open_to_worker('audit_chain', 'SELECT, INSERT');
SELECT make_append_only('audit_chain');

-- Outside effects, written with the command that causes them and drained under leases.
CREATE TABLE outbox (
    county_id integer NOT NULL,
    outbox_id bigint GENERATED ALWAYS AS IDENTITY,
    command_id uuid NOT NULL,
    -- also the idempotency key towards the provider
    position integer NOT NULL,
    recipient text NOT NULL,
    template text NOT NULL,
    urgency text NOT NULL,
    incident_number bigint,
    created_at timestamptz NOT NULL,
    not_before timestamptz NOT NULL,
    not_after timestamptz,
    attempts integer NOT NULL DEFAULT 0,
    leased_by text,
    leased_until timestamptz,
    done_at timestamptz,
    -- how it ended: sent, expired, failed
    outcome text,
    last_error text,
    PRIMARY KEY (county_id, outbox_id),
    CONSTRAINT one_effect_per_notice UNIQUE (county_id, command_id, position)
) WITH (fillfactor = 70);
SELECT secure_county_table('outbox', 'SELECT, INSERT');
SELECT open_to_worker('outbox', 'SELECT, UPDATE, DELETE');
CREATE INDEX outbox_waiting_v1 ON outbox (not_before) WHERE done_at IS NULL;

-- A county's own rules, in versions.
CREATE TABLE county_policies (
    county_id integer NOT NULL REFERENCES counties,
    version text NOT NULL,
    effective_from timestamptz NOT NULL,
    body jsonb NOT NULL,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    created_by uuid,
    PRIMARY KEY (county_id, version)
);
SELECT secure_county_table('county_policies', 'SELECT, INSERT');
SELECT open_to_report('county_policies');
SELECT make_append_only('county_policies');

-- Finer polygons that the county has loaded: urban or rural areas, service zones.
CREATE TABLE county_zones (
    county_id integer NOT NULL REFERENCES counties,
    version text NOT NULL,
    name text NOT NULL,
    -- NULL: a service zone that says nothing of the response standard
    area_class text CHECK (area_class IN ('urban', 'rural')),
    geometry jsonb NOT NULL,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (county_id, version, name)
);
SELECT secure_county_table('county_zones', 'SELECT, INSERT, DELETE');
SELECT open_to_report('county_zones');

-- Writes the rows of the read models that a group changed; also used to build them again.
CREATE FUNCTION write_models(p jsonb) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    IF p ? 'incidents' THEN
        INSERT INTO incidents SELECT * FROM jsonb_populate_recordset(NULL::incidents, p->'incidents')
        ON CONFLICT (county_id, incident_id) DO UPDATE SET (
            state, is_open, determined_at, due_at, first_on_scene_at, ended_at,
            outcome, reason, acuity, area_class, area_method, area_version,
            standard_minutes, standard_version, excluded_setting, back_entered,
            merged_into, fold_version, body, sealed
        ) = (
            EXCLUDED.state, EXCLUDED.is_open, EXCLUDED.determined_at,
            EXCLUDED.due_at, EXCLUDED.first_on_scene_at, EXCLUDED.ended_at,
            EXCLUDED.outcome, EXCLUDED.reason, EXCLUDED.acuity, EXCLUDED.area_class,
            EXCLUDED.area_method, EXCLUDED.area_version, EXCLUDED.standard_minutes,
            EXCLUDED.standard_version, EXCLUDED.excluded_setting,
            EXCLUDED.back_entered, EXCLUDED.merged_into, EXCLUDED.fold_version,
            EXCLUDED.body, EXCLUDED.sealed
        );
    END IF;
    IF p ? 'offers' THEN
        INSERT INTO offers SELECT * FROM jsonb_populate_recordset(NULL::offers, p->'offers')
        ON CONFLICT (county_id, offer_id) DO UPDATE SET (
            state, expires_at, answered_at, reason, override_reason, eta_s
        ) = (
            EXCLUDED.state, EXCLUDED.expires_at, EXCLUDED.answered_at,
            EXCLUDED.reason, EXCLUDED.override_reason, EXCLUDED.eta_s
        );
    END IF;
    IF p ? 'assignments' THEN
        INSERT INTO assignments SELECT * FROM jsonb_populate_recordset(NULL::assignments, p->'assignments')
        ON CONFLICT (county_id, assignment_id) DO UPDATE SET (
            state, is_open, accepted_at, en_route_at, staged_at, on_scene_at,
            contact_at, assessed_at, transporting_at, at_destination_at,
            handed_off_at, cleared_at, ready_at, diverted_at, cancelled_at,
            qualifying, end_reason
        ) = (
            EXCLUDED.state, EXCLUDED.is_open, EXCLUDED.accepted_at,
            EXCLUDED.en_route_at, EXCLUDED.staged_at, EXCLUDED.on_scene_at,
            EXCLUDED.contact_at, EXCLUDED.assessed_at, EXCLUDED.transporting_at,
            EXCLUDED.at_destination_at, EXCLUDED.handed_off_at, EXCLUDED.cleared_at,
            EXCLUDED.ready_at, EXCLUDED.diverted_at, EXCLUDED.cancelled_at,
            EXCLUDED.qualifying, EXCLUDED.end_reason
        );
    END IF;
    IF p ? 'calls' THEN
        INSERT INTO calls SELECT * FROM jsonb_populate_recordset(NULL::calls, p->'calls')
        ON CONFLICT (county_id, call_id) DO UPDATE SET (
            state, is_open, channel, referral_source, answered_at, ended_at,
            incident_id, fold_version, body
        ) = (
            EXCLUDED.state, EXCLUDED.is_open, EXCLUDED.channel,
            EXCLUDED.referral_source, EXCLUDED.answered_at, EXCLUDED.ended_at,
            EXCLUDED.incident_id, EXCLUDED.fold_version, EXCLUDED.body
        );
    END IF;
    IF p ? 'teams' THEN
        INSERT INTO teams SELECT * FROM jsonb_populate_recordset(NULL::teams, p->'teams')
        ON CONFLICT (county_id, team_id) DO UPDATE SET (
            agency_id, call_sign, spoken_as, duty, is_open, fold_version, body
        ) = (
            EXCLUDED.agency_id, EXCLUDED.call_sign, EXCLUDED.spoken_as, EXCLUDED.duty, EXCLUDED.is_open,
            EXCLUDED.fold_version, EXCLUDED.body
        );
    END IF;
    IF p ? 'responders' THEN
        INSERT INTO responders SELECT * FROM jsonb_populate_recordset(NULL::responders, p->'responders')
        ON CONFLICT (county_id, responder_id) DO UPDATE SET (
            agency_id, is_open, fold_version, body
        ) = (
            EXCLUDED.agency_id, EXCLUDED.is_open, EXCLUDED.fold_version,
            EXCLUDED.body
        );
    END IF;
    IF p ? 'shifts' THEN
        INSERT INTO shifts SELECT * FROM jsonb_populate_recordset(NULL::shifts, p->'shifts')
        ON CONFLICT (county_id, shift_id) DO UPDATE SET (
            starts_at, ends_at, started_at, ended_at, cancelled, is_open, during,
            fold_version, body
        ) = (
            EXCLUDED.starts_at, EXCLUDED.ends_at, EXCLUDED.started_at,
            EXCLUDED.ended_at, EXCLUDED.cancelled, EXCLUDED.is_open,
            EXCLUDED.during, EXCLUDED.fold_version, EXCLUDED.body
        );
    END IF;
    IF p ? 'duress' THEN
        INSERT INTO duress SELECT * FROM jsonb_populate_recordset(NULL::duress, p->'duress')
        ON CONFLICT (county_id, duress_id) DO UPDATE SET (
            team_id, state, is_open, acknowledged_at, resolved_at, fold_version,
            body
        ) = (
            EXCLUDED.team_id, EXCLUDED.state, EXCLUDED.is_open,
            EXCLUDED.acknowledged_at, EXCLUDED.resolved_at, EXCLUDED.fold_version,
            EXCLUDED.body
        );
    END IF;
    IF p ? 'obligations' THEN
        INSERT INTO obligations SELECT * FROM jsonb_populate_recordset(NULL::obligations, p->'obligations')
        ON CONFLICT (county_id, obligation_id) DO UPDATE SET (
            state, is_open, due_at, closed_at, fold_version, body
        ) = (
            EXCLUDED.state, EXCLUDED.is_open, EXCLUDED.due_at, EXCLUDED.closed_at,
            EXCLUDED.fold_version, EXCLUDED.body
        );
    END IF;
END
$$;

-- The write path: one round trip per group of commands.
--
-- Writes only if nobody wrote since the caller decided (``p_version`` = head_version of its board),
-- under the lock of the county's head. Holds no rule of the domain: what is written was decided by
-- the caller. Answers ``committed``; ``stale`` (catch up and decide again); or, as JSON, what refused
-- commands (``check``) were answered before. Only in the first case was anything written. A command that
-- was answered before and is not refused now meets the key of ``command_results``, and the whole
-- group fails with that constraint. A group without ``head_seq`` holds refusals only, and is
-- answered once it is known that it was decided on the newest board. Text in and out: drivers pass
-- it on without looking at it. Assignments instead of PERFORM: they start no executor.
CREATE FUNCTION commit_group(
    p_county integer, p_version bigint, p_group text
) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    v_nothing text;
    v_id text;
    v_known jsonb := '[]';
    p jsonb := p_group::jsonb;
BEGIN
    v_nothing := set_config('app.county', p_county::text, true);
    IF p ? 'check' THEN
        FOR v_id IN SELECT jsonb_array_elements_text(p->'check') LOOP
            v_known := v_known || coalesce((
                SELECT jsonb_build_object(
                    'command_id', r.command_id, 'actor_id', r.actor_id,
                    'body_hash', encode(r.body_hash, 'hex'), 'seq', r.seq, 'answer', r.answer
                )
                FROM command_results AS r
                WHERE r.county_id = p_county AND r.command_id = v_id::uuid
            ), '[]');
        END LOOP;
        IF v_known <> '[]' THEN
            RETURN v_known;
        END IF;
    END IF;
    IF NOT p ? 'head_seq' THEN
        RETURN CASE WHEN EXISTS (
            SELECT FROM county_heads WHERE county_id = p_county AND head_version = p_version
        ) THEN 'committed' ELSE 'stale' END;
    END IF;
    UPDATE county_heads
    SET head_version = p_version + 1,
        head_seq = (p->>'head_seq')::bigint,
        board = p->'board',
        last_recorded_at = (p->>'last_recorded_at')::timestamptz
    WHERE county_id = p_county AND head_version = p_version;
    IF NOT FOUND THEN
        RETURN 'stale';
    END IF;
    INSERT INTO event_log SELECT * FROM jsonb_populate_recordset(NULL::event_log, p->'events');
    INSERT INTO command_results
        SELECT * FROM jsonb_populate_recordset(NULL::command_results, p->'results');
    IF p ? 'incident_keys' THEN
        INSERT INTO incident_keys
            SELECT * FROM jsonb_populate_recordset(NULL::incident_keys, p->'incident_keys');
    END IF;
    IF p ? 'records' THEN
        INSERT INTO records SELECT * FROM jsonb_populate_recordset(NULL::records, p->'records');
    END IF;
    v_nothing := write_models(p);
    IF p ? 'outbox' THEN
        INSERT INTO outbox (
            county_id, command_id, position, recipient, template, urgency, incident_number,
            created_at, not_before, not_after
        )
        SELECT o.county_id, o.command_id, o.position, o.recipient, o.template, o.urgency,
            o.incident_number, o.created_at, o.not_before, o.not_after
        FROM jsonb_populate_recordset(NULL::outbox, p->'outbox') AS o;
    END IF;
    RETURN 'committed';
END
$$;

GRANT EXECUTE ON FUNCTION write_models(jsonb) TO crisis_app;
GRANT EXECUTE ON FUNCTION commit_group(integer, bigint, text) TO crisis_app;
