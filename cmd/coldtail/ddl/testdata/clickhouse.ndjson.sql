CREATE DATABASE IF NOT EXISTS `default`;

CREATE OR REPLACE VIEW `default`.`logs_chunks` AS
SELECT
  `time`,
  `time_unix_nano`,
  `seq`,
  `stream`,
  `body`,
  tryBase64Decode(body_raw) AS body_raw,
  `partial`,
  `parts`,
  `service_name`,
  `container_id`,
  `container_name`,
  `image_name`,
  `image_id`,
  `host_name`,
  `tag`,
  `labels`,
  `attributes`,
  toDate(extract(CAST(_path AS String), '/dt=([0-9-]+)/')) AS dt,
  toUInt8(extract(CAST(_path AS String), '/hour=([0-9]+)/')) AS hour
FROM s3(
  'https://my-logs.s3.eu-central-1.amazonaws.com/docker/ndjson/dt=*/hour=*/*.json.gz',
  'JSONEachRow',
  'time DateTime64(6, \'UTC\'), time_unix_nano Int64, seq Int64, stream String, body String, body_raw Nullable(String), partial Bool, parts Array(Tuple(seq Int64, bytes Int32)), service_name String, container_id String, container_name String, image_name String, image_id String, host_name String, tag Nullable(String), labels Map(String, String), attributes Map(String, String)',
  'gzip'
)
SETTINGS use_hive_partitioning = 0, date_time_input_format = 'best_effort';

CREATE OR REPLACE VIEW `default`.`logs` AS
SELECT * FROM `default`.`logs_chunks`;
