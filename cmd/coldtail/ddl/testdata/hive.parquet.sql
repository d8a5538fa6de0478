CREATE DATABASE IF NOT EXISTS `default`;

CREATE EXTERNAL TABLE IF NOT EXISTS `default`.`logs` (
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

-- Again whenever there are new hours.
MSCK REPAIR TABLE `default`.`logs`;
