-- name: count_incidents
-- How many incidents a county has in each state; the numbers given out are counted apart.
-- role: report
-- params: $1 county_id integer
SELECT i.state, count(*) AS n, max(i.number) AS newest
FROM incidents AS i
WHERE i.county_id = $1
GROUP BY i.state
