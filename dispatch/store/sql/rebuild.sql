-- name: write_models
-- Write rows of the read models, as the fold gave them.
-- params: $1 payload jsonb
SELECT write_models($1);

-- name: write_board_state
-- Write the board's few own fields; nodes that hold the county find their version outdated.
-- params: $1 county_id integer, $2 board jsonb
UPDATE county_heads
SET board = $2,
    head_version = head_version + 1
WHERE county_id = $1;
