SET spark.sql.session.timeZone = UTC;

CREATE DATABASE IF NOT EXISTS `default`;

CREATE TABLE IF NOT EXISTS `default`.`logs` (
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
USING parquet
PARTITIONED BY (`dt`, `hour`)
LOCATION 's3a://my-logs/docker/parquet/';

-- Again whenever there are new hours.
MSCK REPAIR TABLE `default`.`logs`;
