-- Errors by service
SELECT service_name, count(*) AS errors
FROM logs
WHERE dt = '2026-11-20' AND hour BETWEEN 8 AND 10
  AND (stream = 'stderr' OR stream = 'stdout' AND lower(body) LIKE '%error%')
GROUP BY service_name
ORDER BY errors DESC, service_name
