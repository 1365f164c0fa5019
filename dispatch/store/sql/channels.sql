-- name: list_channels
-- The ways by which these accounts are reached.
-- role: worker
-- params: $1 account_ids uuid[]
SELECT account_id, kind, address, code_sent_at, verified_at, failed_at, error
FROM channels
WHERE account_id = ANY ($1)
ORDER BY account_id, kind;

-- name: set_channel
-- Where a person is reached by one way; the same address keeps what is known of it. No row: no
-- such person.
-- role: worker
-- params: $1 account_id uuid, $2 kind text, $3 address text, $4 at timestamptz,
--   $5 by_account_id uuid
INSERT INTO channels AS c (account_id, kind, address, set_at, set_by)
SELECT account_id, $2, $3, $4, $5
FROM accounts
WHERE account_id = $1 AND kind = 'person'
ON CONFLICT (account_id, kind) DO UPDATE
SET address = excluded.address,
    set_at = excluded.set_at,
    set_by = excluded.set_by,
    code_hash = CASE WHEN c.address = excluded.address THEN c.code_hash END,
    code_sent_at = CASE WHEN c.address = excluded.address THEN c.code_sent_at END,
    verified_at = CASE WHEN c.address = excluded.address THEN c.verified_at END,
    failed_at = CASE WHEN c.address = excluded.address THEN c.failed_at END,
    error = CASE WHEN c.address = excluded.address THEN c.error END
RETURNING account_id;

-- name: drop_channel
-- A person is no more reached by this way.
-- role: worker
-- params: $1 account_id uuid, $2 kind text
DELETE FROM channels
WHERE account_id = $1 AND kind = $2;

-- name: begin_test
-- A code was sent; an earlier one is void. No row: there is no such way.
-- role: worker
-- params: $1 account_id uuid, $2 kind text, $3 code_hash bytea, $4 at timestamptz
UPDATE channels
SET code_hash = $3, code_sent_at = $4, wrong_codes = 0, failed_at = NULL, error = NULL
WHERE account_id = $1 AND kind = $2
RETURNING account_id;

-- name: answer_test
-- Say whether the code that came back is the one that was sent; a few wrong ones void it.
-- role: worker
-- params: $1 account_id uuid, $2 kind text, $3 code_hash bytea, $4 at timestamptz,
--   $5 not_before timestamptz, $6 most_wrong integer
UPDATE channels AS c
SET verified_at = CASE WHEN was.is_right THEN $4 ELSE c.verified_at END,
    wrong_codes = CASE WHEN was.is_right THEN 0 ELSE c.wrong_codes + 1 END,
    code_hash = CASE WHEN was.is_over THEN NULL ELSE c.code_hash END,
    code_sent_at = CASE WHEN was.is_over THEN NULL ELSE c.code_sent_at END
FROM (
    SELECT account_id, kind, code_hash = $3 AS is_right,
        code_hash = $3 OR wrong_codes + 1 >= $6 AS is_over
    FROM channels
    WHERE account_id = $1 AND kind = $2 AND code_sent_at >= $5
    FOR UPDATE
) AS was
WHERE c.account_id = was.account_id AND c.kind = was.kind
RETURNING was.is_right;

-- name: list_addresses
-- Where one account of a county is reached by a way, or all that hold a role in it.
-- role: worker
-- params: $1 county_id integer, $2 kind text, $3 account_id uuid, $4 role text
SELECT c.address
FROM channels c
JOIN accounts a USING (account_id)
JOIN account_grants g USING (account_id)
WHERE g.county_id = $1
    AND c.kind = $2
    AND a.disabled_at IS NULL
    AND ($3::uuid IS NULL OR a.account_id = $3)
    AND ($4::text IS NULL OR $4 = ANY (g.roles))
ORDER BY c.address;

-- name: note_failed
-- Nothing gets out to these addresses; the first failure's instant stays.
-- role: worker
-- params: $1 kind text, $2 addresses text[], $3 at timestamptz, $4 error text
UPDATE channels
SET failed_at = coalesce(failed_at, $3), error = $4
WHERE kind = $1 AND address = ANY ($2);

-- name: note_worked
-- Something got out to these addresses.
-- role: worker
-- params: $1 kind text, $2 addresses text[]
UPDATE channels
SET failed_at = NULL, error = NULL
WHERE kind = $1 AND address = ANY ($2) AND failed_at IS NOT NULL;

-- name: count_reach
-- For each role of a county: its accounts, those with a tested way, those at a screen.
-- role: worker
-- params: $1 county_id integer, $2 roles text[], $3 kinds text[], $4 now timestamptz,
--   $5 seen_since timestamptz
SELECT r.role,
    count(a.account_id) AS accounts,
    count(a.account_id) FILTER (WHERE EXISTS (
        SELECT
        FROM channels c
        WHERE c.account_id = a.account_id
            AND c.kind = ANY ($3)
            AND c.verified_at IS NOT NULL
            AND c.failed_at IS NULL
    )) AS by_channel,
    count(a.account_id) FILTER (WHERE EXISTS (
        SELECT
        FROM sessions s
        WHERE s.account_id = a.account_id
            AND s.revoked_at IS NULL
            AND s.expires_at > $4
            AND s.last_seen_at >= $5
            AND (s.idle_s IS NULL OR s.last_seen_at + make_interval(secs => s.idle_s) > $4)
    )) AS at_a_screen
FROM unnest($2::text[]) AS r (role)
LEFT JOIN account_grants g ON g.county_id = $1 AND r.role = ANY (g.roles)
LEFT JOIN accounts a ON a.account_id = g.account_id AND a.disabled_at IS NULL
    AND a.kind = 'person'
GROUP BY r.role
ORDER BY r.role;

-- name: count_undelivered
-- Notices of a county that were given up lately, by what they failed with.
-- role: worker
-- params: $1 county_id integer, $2 since timestamptz
SELECT count(*) AS given_up, max(done_at) AS last_at, max(last_error) AS error
FROM outbox
WHERE county_id = $1 AND outcome = 'failed' AND done_at >= $2;
