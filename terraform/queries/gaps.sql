-- What is missing, and why
SELECT time, container_name, host_name,
  CAST(json_extract_scalar(body, '$.entries') AS bigint) AS entries,
  json_extract_scalar(body, '$.reason') AS reason
FROM logs
WHERE dt BETWEEN '2026-11-19' AND '2026-11-20' AND stream = 'coldtail'
ORDER BY time
