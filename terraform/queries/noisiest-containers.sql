-- The noisiest containers, by bytes
SELECT container_name, host_name, count(*) AS lines, sum(length(to_utf8(body))) AS bytes
FROM logs
WHERE dt = '2026-11-20'
GROUP BY container_name, host_name
ORDER BY bytes DESC
LIMIT 3
