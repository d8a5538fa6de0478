INSTALL httpfs;
INSTALL aws;
LOAD httpfs;
LOAD aws;

-- With the AWS SDK's credentials: environment, profile or role.
CREATE OR REPLACE SECRET "coldtail_logs" (
  TYPE s3,
  PROVIDER credential_chain,
  SCOPE 's3://my-logs/docker/ndjson/',
  REGION 'eu-central-1'
);

SET TimeZone = 'UTC';

CREATE SCHEMA IF NOT EXISTS "main";

CREATE OR REPLACE VIEW "main"."logs_chunks" AS
SELECT * REPLACE (from_base64(body_raw) AS body_raw, coalesce(partial, false) AS partial) FROM read_json(
  's3://my-logs/docker/ndjson/dt=*/hour=*/*.json.gz',
  format = 'newline_delimited',
  compression = 'gzip',
  maximum_object_size = 16777216,
  columns = {
    time: 'TIMESTAMPTZ',
    time_unix_nano: 'BIGINT',
    seq: 'BIGINT',
    stream: 'VARCHAR',
    body: 'VARCHAR',
    body_raw: 'VARCHAR',
    partial: 'BOOLEAN',
    parts: 'STRUCT(seq BIGINT, bytes INTEGER)[]',
    service_name: 'VARCHAR',
    container_id: 'VARCHAR',
    container_name: 'VARCHAR',
    image_name: 'VARCHAR',
    image_id: 'VARCHAR',
    host_name: 'VARCHAR',
    tag: 'VARCHAR',
    labels: 'MAP(VARCHAR, VARCHAR)',
    attributes: 'MAP(VARCHAR, VARCHAR)'
  },
  hive_partitioning = true,
  hive_types = {'dt': DATE, 'hour': INTEGER}
);

CREATE OR REPLACE VIEW "main"."logs" AS
SELECT * FROM "main"."logs_chunks";
