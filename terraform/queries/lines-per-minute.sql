-- Lines per minute
SELECT date_trunc('minute', time) AS minute, count(*) AS lines, count(*) FILTER (WHERE stream = 'stderr') AS on_stderr
FROM logs
WHERE dt = '2026-11-20' AND hour = 9 AND service_name = 'api'
GROUP BY 1
ORDER BY minute
