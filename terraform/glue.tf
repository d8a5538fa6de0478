# What `coldtail ddl athena` prints, as resources; a test compares the two.

locals {
  database = coalesce(var.glue_database, replace(lower(var.name), "/[^a-z0-9]/", "_"))

  # In the order of docs/format.md; in NDJSON two have other types.
  columns = [
    { name = "time", type = "timestamp" },
    { name = "time_unix_nano", type = "bigint" },
    { name = "seq", type = "bigint" },
    { name = "stream", type = "string" },
    { name = "body", type = "string" },
    { name = "body_raw", type = "binary" },
    { name = "partial", type = "boolean" },
    { name = "parts", type = "array<struct<seq:bigint,bytes:int>>" },
    { name = "service_name", type = "string" },
    { name = "container_id", type = "string" },
    { name = "container_name", type = "string" },
    { name = "image_name", type = "string" },
    { name = "image_id", type = "string" },
    { name = "host_name", type = "string" },
    { name = "tag", type = "string" },
    { name = "labels", type = "map<string,string>" },
    { name = "attributes", type = "map<string,string>" },
  ]

  locations = { for format in local.formats : format => "s3://${var.bucket_name}/${local.key_prefix}${format}/" }

  tables = {
    parquet = {
      name          = "logs"
      input_format  = "org.apache.hadoop.hive.ql.io.parquet.MapredParquetInputFormat"
      output_format = "org.apache.hadoop.hive.ql.io.parquet.MapredParquetOutputFormat"
      serde         = "org.apache.hadoop.hive.ql.io.parquet.serde.ParquetHiveSerDe"
      serde_options = { "serialization.format" = "1" }
      types         = {}
    }
    ndjson = {
      name          = "logs_ndjson"
      input_format  = "org.apache.hadoop.mapred.TextInputFormat"
      output_format = "org.apache.hadoop.hive.ql.io.HiveIgnoreKeyTextOutputFormat"
      serde         = "org.openx.data.jsonserde.JsonSerDe"
      serde_options = { "case.insensitive" = "false" }
      # Nanoseconds with a zone, and base64, which the serializer does not read.
      types = { time = "string", body_raw = "string" }
    }
  }
}

resource "aws_glue_catalog_database" "logs" {
  count = var.query ? 1 : 0

  name        = local.database
  description = "Container logs archived by coldtail."
  tags        = var.tags
}

resource "aws_glue_catalog_table" "logs" {
  for_each = { for format, table in local.tables : format => table if var.query }

  database_name = aws_glue_catalog_database.logs[0].name
  name          = each.value.name
  description   = "Container logs archived by coldtail as ${each.key}."
  table_type    = "EXTERNAL_TABLE"

  # Athena computes the partitions from these: nothing has to be added, ever.
  parameters = {
    EXTERNAL                      = "TRUE"
    "projection.enabled"          = "true"
    "projection.dt.type"          = "date"
    "projection.dt.format"        = "yyyy-MM-dd"
    "projection.dt.range"         = "${var.first_day},NOW+1DAYS"
    "projection.dt.interval"      = "1"
    "projection.dt.interval.unit" = "DAYS"
    "projection.hour.type"        = "integer"
    "projection.hour.range"       = "0,23"
    "projection.hour.digits"      = "2"
    "storage.location.template"   = "${local.locations[each.key]}dt=$${dt}/hour=$${hour}/"
  }

  partition_keys {
    name = "dt"
    type = "string"
  }

  partition_keys {
    name = "hour"
    type = "int"
  }

  storage_descriptor {
    location      = local.locations[each.key]
    input_format  = each.value.input_format
    output_format = each.value.output_format

    ser_de_info {
      serialization_library = each.value.serde
      parameters            = each.value.serde_options
    }

    dynamic "columns" {
      for_each = local.columns

      content {
        name = columns.value.name
        type = lookup(each.value.types, columns.value.name, columns.value.type)
      }
    }
  }
}
