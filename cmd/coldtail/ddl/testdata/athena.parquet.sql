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
LOCATION 's3://my-logs/docker/parquet/'
TBLPROPERTIES (
  'projection.enabled' = 'true',
  'projection.dt.type' = 'date',
  'projection.dt.format' = 'yyyy-MM-dd',
  'projection.dt.range' = '2013-01-01,NOW+1DAYS',
  'projection.dt.interval' = '1',
  'projection.dt.interval.unit' = 'DAYS',
  'projection.hour.type' = 'integer',
  'projection.hour.range' = '0,23',
  'projection.hour.digits' = '2',
  'storage.location.template' = 's3://my-logs/docker/parquet/dt=${dt}/hour=${hour}/'
);

CREATE OR REPLACE VIEW "default"."logs" AS
SELECT
  "time",
  "time_unix_nano",
  "seq",
  "stream",
  "body",
  "body_raw",
  "partial",
  "parts",
  "service_name",
  "container_id",
  "container_name",
  "image_name",
  "image_id",
  "host_name",
  "tag",
  "labels",
  "attributes",
  "dt",
  "hour"
FROM "default"."logs_chunks";
