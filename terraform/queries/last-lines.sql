-- The last lines before a container stopped
SELECT container_name, time, stream, body
FROM (
  SELECT *, row_number() OVER (PARTITION BY container_id ORDER BY seq DESC) AS back
  FROM logs
  WHERE dt BETWEEN '2026-11-19' AND '2026-11-20' AND service_name = 'worker'
) AS w
WHERE back <= 5
ORDER BY container_id, seq
