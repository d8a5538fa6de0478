-- The properties of the catalog, which is of the Hive connector, need:
--   hive.partition-projection-enabled=true
--   hive.parquet.time-zone=UTC
--   hive.timestamp-precision=MICROSECONDS
--   fs.native-s3.enabled=true
--   s3.region=eu-central-1
-- Objects before 2013-01-01 are not looked for: a host whose clock was not set
-- files its rows under the day that the clock showed.
CREATE SCHEMA IF NOT EXISTS "default";

-- Older versions made a table of the view's name. Drop it first; no object is
-- deleted: DROP TABLE "default"."logs";
CREATE TABLE IF NOT EXISTS "default"."logs_chunks" (
  "time" timestamp(6),
  "time_unix_nano" bigint,
  "seq" bigint,
  "stream" varchar,
  "body" varchar,
  "body_raw" varbinary,
  "partial" boolean,
  "parts" array(row(seq bigint, bytes integer)),
  "service_name" varchar,
  "container_id" varchar,
  "container_name" varchar,
  "image_name" varchar,
  "image_id" varchar,
  "host_name" varchar,
  "tag" varchar,
  "labels" map(varchar, varchar),
  "attributes" map(varchar, varchar),
  "dt" varchar WITH (
    partition_projection_type = 'DATE',
    partition_projection_format = 'yyyy-MM-dd',
    partition_projection_range = ARRAY['2013-01-01', 'NOW+1DAYS'],
    partition_projection_interval = 1,
    partition_projection_interval_unit = 'DAYS'
  ),
  "hour" integer WITH (
    partition_projection_type = 'INTEGER',
    partition_projection_range = ARRAY['0', '23'],
    partition_projection_digits = 2
  )
)
WITH (
  external_location = 's3://my-logs/docker/parquet/',
  format = 'PARQUET',
  partitioned_by = ARRAY['dt', 'hour'],
  partition_projection_enabled = true,
  partition_projection_location_template = 's3://my-logs/docker/parquet/dt=${dt}/hour=${hour}/'
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
