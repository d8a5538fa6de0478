# Glue and Athena. That the tables are those of `coldtail ddl athena` is tested
# in test/terraform.

mock_provider "aws" {
  mock_data "aws_partition" {
    defaults = { partition = "aws", dns_suffix = "amazonaws.com" }
  }
}

variables {
  bucket_name = "logs-bucket"
  name        = "shop-logs"
}

# Glue takes a projection that does not hold together, and Athena fails when it
# is asked.
run "projection" {
  variables {
    prefix    = "prod"
    first_day = "2026-01-01"
  }

  assert {
    condition = alltrue([for table in values(aws_glue_catalog_table.logs) : alltrue([for key in table.partition_keys :
      strcontains(table.parameters["storage.location.template"], "$${${key.name}}") &&
      contains(keys(table.parameters), "projection.${key.name}.type") &&
      contains(keys(table.parameters), "projection.${key.name}.range") &&
      !contains(table.storage_descriptor[0].columns[*].name, key.name)
    ])])
    error_message = "a partition key is not in the template, not projected, or a column too"
  }
  assert {
    condition = { for format, table in aws_glue_catalog_table.logs : format => table.parameters["storage.location.template"] } == {
      parquet = "s3://logs-bucket/prod/parquet/dt=$${dt}/hour=$${hour}/"
      ndjson  = "s3://logs-bucket/prod/ndjson/dt=$${dt}/hour=$${hour}/"
    }
    error_message = "the tables look elsewhere than where objects are"
  }
  assert {
    condition     = alltrue([for table in values(aws_glue_catalog_table.logs) : table.parameters["projection.dt.range"] == "2026-01-01,NOW+1DAYS"])
    error_message = "the tables begin with another day"
  }
  assert {
    condition     = toset(values(aws_glue_catalog_table.logs)[*].database_name) == toset(["shop_logs"])
    error_message = "the tables are in another database"
  }
  assert {
    condition     = [output.database_name, output.table_name, output.ndjson_table_name, output.workgroup_name] == ["shop_logs", "logs", "logs_ndjson", "shop-logs"]
    error_message = "the outputs name something else"
  }
}

run "workgroup" {
  variables {
    athena_scan_limit_gb = 0.25
    kms_key_arn          = "arn:aws:kms:eu-central-1:123456789012:key/abc"
  }

  assert {
    condition = (aws_athena_workgroup.logs[0].configuration[0].bytes_scanned_cutoff_per_query == 250000000 &&
    aws_athena_workgroup.logs[0].configuration[0].enforce_workgroup_configuration)
    error_message = "a query may scan more, or pass the limit by"
  }
  assert {
    condition = (aws_athena_workgroup.logs[0].configuration[0].result_configuration[0].output_location == "s3://logs-bucket/athena-results/" &&
      aws_athena_workgroup.logs[0].configuration[0].result_configuration[0].encryption_configuration[0].encryption_option == "SSE_KMS" &&
    aws_athena_workgroup.logs[0].configuration[0].result_configuration[0].encryption_configuration[0].kms_key_arn == "arn:aws:kms:eu-central-1:123456789012:key/abc")
    error_message = "results go elsewhere, or are encrypted otherwise"
  }
  assert {
    condition = length(aws_athena_named_query.logs) >= 10 && alltrue([for name, query in aws_athena_named_query.logs :
      query.name == name && query.workgroup == "shop-logs" && query.database == "shop_logs" && can(regex("\n *FROM logs\n", query.query))
    ])
    error_message = "there are few named queries, or one is another workgroup's, or reads another table"
  }
  assert {
    condition     = aws_athena_named_query.logs["gaps"].description == "What is missing, and why"
    error_message = "the query is described as ${aws_athena_named_query.logs["gaps"].description}"
  }
}

# Without a key of one's own.
run "results_with_s3s_keys" {
  assert {
    condition = (aws_athena_workgroup.logs[0].configuration[0].result_configuration[0].encryption_configuration[0].encryption_option == "SSE_S3" &&
    aws_athena_workgroup.logs[0].configuration[0].result_configuration[0].encryption_configuration[0].kms_key_arn == null)
    error_message = "results are encrypted otherwise"
  }
}

run "results_elsewhere" {
  variables {
    athena_results_url = "s3://results-bucket/logs/"
    glue_database      = "archive"
    object_lock        = { mode = "GOVERNANCE", days = 1 }
  }

  assert {
    condition     = aws_athena_workgroup.logs[0].configuration[0].result_configuration[0].output_location == "s3://results-bucket/logs/"
    error_message = "results go elsewhere"
  }
  assert {
    condition     = length([for r in aws_s3_bucket_lifecycle_configuration.logs.rule : r if r.id == "expire-query-results"]) == 0
    error_message = "there is a rule for results that are not here"
  }
  assert {
    condition     = output.database_name == "archive"
    error_message = "the database is ${output.database_name}"
  }
}

run "without" {
  variables {
    query = false
  }

  assert {
    condition = (length(aws_glue_catalog_database.logs) + length(aws_glue_catalog_table.logs) + length(aws_athena_workgroup.logs) +
    length(aws_athena_named_query.logs) + length(aws_iam_policy.query) == 0)
    error_message = "there is something to query with"
  }
  assert {
    condition     = alltrue([for name in [output.database_name, output.table_name, output.ndjson_table_name, output.workgroup_name, output.query_policy_arn] : name == null])
    error_message = "something is announced that is not there"
  }
}
