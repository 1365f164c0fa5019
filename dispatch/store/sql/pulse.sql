-- name: read_pulse
-- The server's clock, whether it only reads, and the heads of all counties; at least one row.
-- role: worker
SELECT
    clock_timestamp() AS now,
    pg_is_in_recovery() OR current_setting('default_transaction_read_only')::boolean
        AS is_reading_only,
    h.county_id,
    h.head_seq,
    h.last_recorded_at
FROM (SELECT 1) AS one
LEFT JOIN county_heads AS h ON true;

-- name: prove_room
-- Write what needs room on the disk: some 600 KiB, gone with the transaction.
-- role: worker
CREATE TEMPORARY TABLE proof_of_room ON COMMIT DROP AS
SELECT gen_random_uuid() AS filling
FROM generate_series(1, 16384);
