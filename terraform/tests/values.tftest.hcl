# What the module refuses, and what it hands on.

mock_provider "aws" {
  mock_data "aws_partition" {
    defaults = { partition = "aws", dns_suffix = "amazonaws.com" }
  }
  mock_resource "aws_s3_bucket" {
    defaults = { id = "logs-bucket", arn = "arn:aws:s3:::logs-bucket", region = "eu-central-1" }
  }
}

override_resource {
  target = aws_iam_policy.writer
  values = { arn = "arn:aws:iam::123456789012:policy/writer" }
}

override_resource {
  target = aws_iam_policy.reader
  values = { arn = "arn:aws:iam::123456789012:policy/reader" }
}

override_resource {
  target = aws_iam_policy.query
  values = { arn = "arn:aws:iam::123456789012:policy/query" }
}

variables {
  bucket_name = "logs-bucket"
}

run "bucket_url" {
  assert {
    condition     = output.bucket_url == "s3://logs-bucket?region=eu-central-1"
    error_message = "bucket_url is ${output.bucket_url}"
  }
}

run "bucket_url_with_a_prefix" {
  variables {
    prefix = "prod/a"
  }

  assert {
    condition     = output.bucket_url == "s3://logs-bucket/prod/a?region=eu-central-1"
    error_message = "bucket_url is ${output.bucket_url}"
  }
  assert {
    condition     = output.bucket_name == "logs-bucket" && output.bucket_arn == "arn:aws:s3:::logs-bucket"
    error_message = "the outputs name another bucket"
  }
}

run "policies" {
  assert {
    condition = [output.writer_policy_arn, output.reader_policy_arn, output.query_policy_arn] == [
      "arn:aws:iam::123456789012:policy/writer", "arn:aws:iam::123456789012:policy/reader", "arn:aws:iam::123456789012:policy/query",
    ]
    error_message = "an output is another policy's"
  }
}

run "bad_values" {
  command = plan

  variables {
    bucket_name          = "Logs"
    name                 = "a/b"
    prefix               = "/a/"
    kms_key_arn          = "alias/a"
    object_lock          = { mode = "NONE", days = 0 }
    transitions          = [{ days = 90, storage_class = "GLACIER_IR" }, { days = 10, storage_class = "STANDARD_IA" }]
    expire_days          = -1
    noncurrent_days      = 0
    writer_extra_actions = ["s3:DeleteObject"]
    writer_role          = {}
    glue_database        = "Logs-1"
    first_day            = "2026-02-30"
    athena_scan_limit_gb = 0.01048575
    athena_results_url   = "s3://results"
    athena_results_days  = 1.5
  }

  expect_failures = [
    var.bucket_name, var.name, var.prefix, var.kms_key_arn, var.object_lock, var.transitions, var.expire_days, var.noncurrent_days,
    var.writer_extra_actions, var.writer_role, var.glue_database, var.first_day, var.athena_scan_limit_gb, var.athena_results_url,
    var.athena_results_days,
  ]
}

# COLDTAIL_BUCKET with these would be refused.
run "names_that_coldtail_refuses" {
  command = plan

  variables {
    bucket_name = "logs..bucket"
    prefix      = "prod/../a"
  }

  expect_failures = [var.bucket_name, var.prefix]
}

run "any_service_account" {
  command = plan

  variables {
    writer_role = {
      irsa = {
        oidc_provider_arn = "arn:aws:iam::123456789012:oidc-provider/oidc.example.com/id/AB12"
        service_accounts  = ["*:*"]
      }
    }
  }

  expect_failures = [var.writer_role]
}

run "anybody" {
  command = plan

  variables {
    writer_role = { principals = { arns = ["*"] } }
  }

  expect_failures = [var.writer_role]
}

run "unknown_storage_class" {
  command = plan

  variables {
    transitions = [{ days = 30, storage_class = "COLD" }]
  }

  expect_failures = [var.transitions]
}

run "transition_after_expiry" {
  command = plan

  variables {
    expire_days = 60
    transitions = [{ days = 60, storage_class = "GLACIER_IR" }]
  }

  expect_failures = [aws_s3_bucket_lifecycle_configuration.logs]
}

run "locked_results" {
  command = plan

  variables {
    object_lock = { mode = "GOVERNANCE", days = 1 }
  }

  expect_failures = [aws_athena_workgroup.logs]
}

run "results_among_the_logs" {
  command = plan

  variables {
    prefix             = "prod"
    athena_results_url = "s3://logs-bucket/prod/parquet/results/"
  }

  expect_failures = [aws_athena_workgroup.logs]
}

run "results_in_a_tree" {
  command = plan

  variables {
    prefix             = "prod"
    athena_results_url = "s3://logs-bucket/prod/ndjson/"
  }

  expect_failures = [aws_athena_workgroup.logs]
}

run "results_in_the_index" {
  command = plan

  variables {
    prefix             = "prod"
    athena_results_url = "s3://logs-bucket/prod/index/results/"
  }

  expect_failures = [aws_athena_workgroup.logs]
}

run "results_in_the_doctors_tree" {
  command = plan

  variables {
    prefix             = ""
    athena_results_url = "s3://logs-bucket/doctor/a/"
  }

  expect_failures = [aws_athena_workgroup.logs]
}

run "results_around_the_bucket" {
  command = plan

  variables {
    prefix             = "prod"
    athena_results_url = "s3://logs-bucket/"
  }

  expect_failures = [aws_athena_workgroup.logs]
}

run "results_around_the_bucket_without_a_prefix" {
  command = plan

  variables {
    prefix             = ""
    athena_results_url = "s3://logs-bucket/"
  }

  expect_failures = [aws_athena_workgroup.logs]
}

run "results_around_the_prefix" {
  command = plan

  variables {
    prefix             = "prod"
    athena_results_url = "s3://logs-bucket/prod/"
  }

  expect_failures = [aws_athena_workgroup.logs]
}

run "results_around_a_prefix_of_two_parts" {
  command = plan

  variables {
    prefix             = "prod/a"
    athena_results_url = "s3://logs-bucket/prod/"
  }

  expect_failures = [aws_athena_workgroup.logs]
}

run "results_a_tree_itself" {
  command = plan

  variables {
    prefix             = "prod"
    athena_results_url = "s3://logs-bucket/prod/parquet/"
  }

  expect_failures = [aws_athena_workgroup.logs]
}

run "results_with_a_wildcard" {
  command = plan

  variables {
    prefix             = "prod"
    athena_results_url = "s3://logs-bucket/pro*/"
  }

  expect_failures = [var.athena_results_url]
}

run "results_with_a_policy_variable" {
  command = plan

  variables {
    prefix             = "prod"
    athena_results_url = "s3://logs-bucket/$${aws:username}/"
  }

  expect_failures = [var.athena_results_url]
}

run "results_with_an_empty_part" {
  command = plan

  variables {
    prefix             = "prod"
    athena_results_url = "s3://logs-bucket//prod/"
  }

  expect_failures = [var.athena_results_url]
}

run "results_in_capitals" {
  command = plan

  variables {
    prefix             = "prod"
    athena_results_url = "s3://LOGS-BUCKET/prod/"
  }

  expect_failures = [var.athena_results_url]
}

run "results_without_a_slash" {
  command = plan

  variables {
    prefix             = "prod"
    athena_results_url = "s3://logs-bucket/pro"
  }

  expect_failures = [var.athena_results_url]
}

run "results_of_another_scheme" {
  command = plan

  variables {
    prefix             = "prod"
    athena_results_url = "s3a://logs-bucket/prod/"
  }

  expect_failures = [var.athena_results_url]
}

run "results_beside_the_prefix" {
  command = plan

  variables {
    prefix             = "prod"
    athena_results_url = "s3://logs-bucket/pro/"
  }

  # Matched as S3 does: the grant ends in one wildcard.
  assert {
    condition = alltrue([for tree in local.tree_arns : alltrue([
      for granted in one([for s in local.query_s3_statements : s.Resource if s.Sid == "Results"]) :
      !startswith(tree, trimsuffix(granted, "*")) && !startswith(granted, trimsuffix(tree, "*"))
    ])])
    error_message = "results may be written where logs are"
  }
}

run "results_with_the_prefix_as_a_start" {
  command = plan

  variables {
    prefix             = "prod"
    athena_results_url = "s3://logs-bucket/prod2/"
  }

  # Matched as S3 does: the grant ends in one wildcard.
  assert {
    condition = alltrue([for tree in local.tree_arns : alltrue([
      for granted in one([for s in local.query_s3_statements : s.Resource if s.Sid == "Results"]) :
      !startswith(tree, trimsuffix(granted, "*")) && !startswith(granted, trimsuffix(tree, "*"))
    ])])
    error_message = "results may be written where logs are"
  }
}

run "results_below_the_prefix" {
  command = plan

  variables {
    prefix             = "prod"
    athena_results_url = "s3://logs-bucket/prod/parquet-results/"
  }

  # Matched as S3 does: the grant ends in one wildcard.
  assert {
    condition = alltrue([for tree in local.tree_arns : alltrue([
      for granted in one([for s in local.query_s3_statements : s.Resource if s.Sid == "Results"]) :
      !startswith(tree, trimsuffix(granted, "*")) && !startswith(granted, trimsuffix(tree, "*"))
    ])])
    error_message = "results may be written where logs are"
  }
}

run "results_in_another_bucket" {
  command = plan

  variables {
    prefix             = "prod"
    athena_results_url = "s3://other/prod/parquet/"
  }

  # Matched as S3 does: the grant ends in one wildcard.
  assert {
    condition = alltrue([for tree in local.tree_arns : alltrue([
      for granted in one([for s in local.query_s3_statements : s.Resource if s.Sid == "Results"]) :
      !startswith(tree, trimsuffix(granted, "*")) && !startswith(granted, trimsuffix(tree, "*"))
    ])])
    error_message = "results may be written where logs are"
  }
}

run "results_all_of_another_bucket" {
  command = plan

  variables {
    prefix             = "prod"
    athena_results_url = "s3://other/"
  }

  # Matched as S3 does: the grant ends in one wildcard.
  assert {
    condition = alltrue([for tree in local.tree_arns : alltrue([
      for granted in one([for s in local.query_s3_statements : s.Resource if s.Sid == "Results"]) :
      !startswith(tree, trimsuffix(granted, "*")) && !startswith(granted, trimsuffix(tree, "*"))
    ])])
    error_message = "results may be written where logs are"
  }
}

run "any_key" {
  command = plan

  variables {
    kms_key_arn = "arn:aws:kms:eu-central-1:123456789012:key/*"
  }

  expect_failures = [var.kms_key_arn]
}

run "any_provider" {
  command = plan

  variables {
    writer_role = {
      irsa = {
        oidc_provider_arn = "arn:aws:iam::123456789012:oidc-provider/*"
        service_accounts  = ["a:b"]
      }
    }
  }

  expect_failures = [var.writer_role]
}

run "empty_external_id" {
  command = plan

  variables {
    writer_role = { principals = { arns = ["arn:aws:iam::123456789012:root"], external_id = "" } }
  }

  expect_failures = [var.writer_role]
}

run "long_prefix" {
  command = plan

  variables {
    prefix = join("", [for i in range(301) : "p"])
  }

  expect_failures = [var.prefix]
}

run "longest_prefix" {
  command = plan

  variables {
    prefix = join("", [for i in range(300) : "p"])
  }
}
