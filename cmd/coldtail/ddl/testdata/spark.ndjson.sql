SET spark.sql.session.timeZone = UTC;

CREATE DATABASE IF NOT EXISTS `default`;

-- Older versions made a table of the view's name. Drop it first; no object is
-- deleted: DROP TABLE `default`.`logs`;
CREATE TABLE IF NOT EXISTS `default`.`logs_chunks` (
  `time` TIMESTAMP,
  `time_unix_nano` BIGINT,
  `seq` BIGINT,
  `stream` STRING,
  `body` STRING,
  `body_raw` BINARY,
  `partial` BOOLEAN,
  `parts` ARRAY<STRUCT<seq: BIGINT, bytes: INT>>,
  `service_name` STRING,
  `container_id` STRING,
  `container_name` STRING,
  `image_name` STRING,
  `image_id` STRING,
  `host_name` STRING,
  `tag` STRING,
  `labels` MAP<STRING, STRING>,
  `attributes` MAP<STRING, STRING>,
  `dt` STRING,
  `hour` INT
)
USING json
PARTITIONED BY (`dt`, `hour`)
LOCATION 's3a://my-logs/docker/ndjson/';

CREATE OR REPLACE VIEW `default`.`logs` AS
SELECT
  `time`,
  `time_unix_nano`,
  `seq`,
  `stream`,
  `body`,
  `body_raw`,
  coalesce(`partial`, false) AS `partial`,
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
  `dt`,
  `hour`
FROM `default`.`logs_chunks`;

-- Again whenever there are new hours.
MSCK REPAIR TABLE `default`.`logs_chunks`;
