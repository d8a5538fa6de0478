CREATE DATABASE IF NOT EXISTS `default`;

-- Older versions made a table of the view's name. Drop it first; no object is
-- deleted: DROP TABLE `default`.`logs`;
CREATE EXTERNAL TABLE IF NOT EXISTS `default`.`logs_chunks` (
  `time` timestamp,
  `time_unix_nano` bigint,
  `seq` bigint,
  `stream` string,
  `body` string,
  `body_raw` binary,
  `partial` boolean,
  `parts` array<struct<seq:bigint,bytes:int>>,
  `service_name` string,
  `container_id` string,
  `container_name` string,
  `image_name` string,
  `image_id` string,
  `host_name` string,
  `tag` string,
  `labels` map<string,string>,
  `attributes` map<string,string>
)
PARTITIONED BY (`dt` string, `hour` int)
STORED AS PARQUET
LOCATION 's3a://my-logs/docker/parquet/';

CREATE OR REPLACE VIEW `default`.`logs` AS
SELECT
  `time`,
  `time_unix_nano`,
  `seq`,
  `stream`,
  `body`,
  `body_raw`,
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
  `dt`,
  `hour`
FROM `default`.`logs_chunks`;

-- Again whenever there are new hours.
MSCK REPAIR TABLE `default`.`logs_chunks`;
