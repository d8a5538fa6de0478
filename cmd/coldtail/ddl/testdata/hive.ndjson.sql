CREATE DATABASE IF NOT EXISTS `default`;

CREATE EXTERNAL TABLE IF NOT EXISTS `default`.`logs` (
  `time` string,
  `time_unix_nano` bigint,
  `seq` bigint,
  `stream` string,
  `body` string,
  `body_raw` string,
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
ROW FORMAT SERDE 'org.apache.hadoop.hive.serde2.JsonSerDe'
STORED AS TEXTFILE
LOCATION 's3a://my-logs/docker/ndjson/';

-- Again whenever there are new hours.
MSCK REPAIR TABLE `default`.`logs`;
