-- The 99th percentile of a latency in the text
SELECT service_name, count(*) AS jobs, array_sort(array_agg(ms))[(99 * count(*) + 99) / 100] AS p99
FROM (
  SELECT service_name, TRY_CAST(regexp_extract(body, 'took ([0-9.]+) ?ms', 1) AS double) AS ms
  FROM logs
  WHERE dt = '2026-11-20' AND body LIKE '%took %'
) AS t
WHERE ms IS NOT NULL
GROUP BY service_name
ORDER BY service_name
