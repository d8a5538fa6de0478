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
