-- Every node asks each few seconds whether a county's policies or zones have grown.
-- compat: 5

SELECT open_to_worker('county_policies', 'SELECT');
SELECT open_to_worker('county_zones', 'SELECT');
