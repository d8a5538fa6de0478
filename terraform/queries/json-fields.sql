-- Fields of lines that are JSON
SELECT json_extract_scalar(TRY(json_parse(body)), '$.path') AS path,
  json_extract_scalar(TRY(json_parse(body)), '$.status') AS status,
  count(*) AS requests
FROM logs
WHERE dt = '2026-11-20' AND hour = 9 AND service_name = 'api' AND body LIKE '{%'
GROUP BY 1, 2
ORDER BY requests DESC, path, status
LIMIT 20
