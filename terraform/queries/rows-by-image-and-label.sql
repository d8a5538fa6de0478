-- Rows by image and label
SELECT image_name, element_at(labels, 'team') AS team, count(*) AS lines, count(DISTINCT container_id) AS containers
FROM logs
WHERE dt = '2026-11-20'
GROUP BY 1, 2
ORDER BY lines DESC, image_name
