-- One container in one hour
SELECT time, stream, body
FROM logs
WHERE dt = '2026-11-20' AND hour = 9 AND container_name = 'shop-api-1'
ORDER BY seq
