-- What reports look up by.
-- compat: 5

-- Responses are counted by arrival as well as by determination; without this, a month's arrivals
-- are sought among all incidents ever.
CREATE INDEX incidents_on_scene_v1 ON incidents (county_id, first_on_scene_at)
    WHERE first_on_scene_at IS NOT NULL;
