-- A request id across services
SELECT time, service_name, container_name, body
FROM logs
WHERE dt = '2026-11-20' AND hour BETWEEN 8 AND 10 AND body LIKE '%req-000042%'
ORDER BY time_unix_nano, container_id, seq
