INSTALL httpfs;
INSTALL aws;
LOAD httpfs;
LOAD aws;

-- With the AWS SDK's credentials: environment, profile or role.
CREATE OR REPLACE SECRET "coldtail_logs" (
  TYPE s3,
  PROVIDER credential_chain,
  SCOPE 's3://my-logs/docker/parquet/',
  REGION 'eu-central-1'
);

SET TimeZone = 'UTC';

CREATE SCHEMA IF NOT EXISTS "main";

CREATE OR REPLACE VIEW "main"."logs_chunks" AS
SELECT * FROM read_parquet(
  's3://my-logs/docker/parquet/dt=*/hour=*/*.parquet',
  hive_partitioning = true,
  hive_types = {'dt': DATE, 'hour': INTEGER}
);

CREATE OR REPLACE VIEW "main"."logs" AS
SELECT * FROM "main"."logs_chunks";
