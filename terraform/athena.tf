locals {
  results_url    = coalesce(var.athena_results_url, "s3://${var.bucket_name}/${local.key_prefix}athena-results/")
  results_bucket = split("/", local.results_url)[2]
  results_key    = trimprefix(local.results_url, "s3://${local.results_bucket}/")
  results_arn    = "arn:${data.aws_partition.current.partition}:s3:::${local.results_bucket}"
  results_here   = var.query && var.athena_results_url == null
}

resource "aws_athena_workgroup" "logs" {
  count = var.query ? 1 : 0

  name          = var.name
  description   = "Queries of container logs archived by coldtail."
  force_destroy = var.force_destroy
  tags          = var.tags

  configuration {
    # Or a client could put its results elsewhere, and pass the limit by.
    enforce_workgroup_configuration    = true
    bytes_scanned_cutoff_per_query     = floor(var.athena_scan_limit_gb * 1000000000)
    publish_cloudwatch_metrics_enabled = true

    result_configuration {
      output_location = local.results_url

      # Another bucket has its own.
      dynamic "encryption_configuration" {
        for_each = local.results_here ? [true] : []

        content {
          encryption_option = var.kms_key_arn == null ? "SSE_S3" : "SSE_KMS"
          kms_key_arn       = var.kms_key_arn
        }
      }
    }
  }

  lifecycle {
    precondition {
      condition     = var.object_lock == null || local.results_bucket != var.bucket_name
      error_message = "object_lock would keep query results as long as logs: set athena_results_url to a place in another bucket, or query to false."
    }

    precondition {
      condition = local.results_bucket != var.bucket_name || alltrue([
        for tree in local.trees :
        !startswith(local.results_key, "${local.key_prefix}${tree}/") && !startswith("${local.key_prefix}${tree}/", local.results_key)
      ])
      error_message = "athena_results_url must neither lie among the archived logs, which queries would then read, nor contain them, or everybody who queries could overwrite them: set it to a place beside them, or in another bucket."
    }
  }
}

resource "aws_athena_named_query" "logs" {
  for_each = { for file in fileset("${path.module}/queries", "*.sql") : trimsuffix(file, ".sql") => file("${path.module}/queries/${file}") if var.query }

  name        = each.key
  description = trimprefix(split("\n", each.value)[0], "-- ")
  workgroup   = aws_athena_workgroup.logs[0].name
  database    = aws_glue_catalog_database.logs[0].name
  query       = each.value
}
