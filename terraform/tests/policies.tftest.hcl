mock_provider "aws" {
  mock_resource "aws_s3_bucket" {
    defaults = { id = "logs-bucket", arn = "arn:aws:s3:::logs-bucket", region = "eu-central-1" }
  }
  mock_resource "aws_iam_policy" {
    defaults = { arn = "arn:aws:iam::123456789012:policy/mock" }
  }
}

variables {
  bucket_name = "logs-bucket"
}

run "writer_is_confined_to_its_prefix" {
  variables {
    prefix = "prod/a"
  }

  assert {
    condition     = jsondecode(aws_iam_policy.writer.policy).Statement[0].Resource == ["arn:aws:s3:::logs-bucket/prod/a/*"]
    error_message = "the writer may write outside its prefix"
  }
  assert {
    condition     = jsondecode(aws_iam_policy.writer.policy).Statement[2].Condition.StringLike["s3:prefix"] == ["prod/a/*"]
    error_message = "the writer may list outside its prefix"
  }
  assert {
    condition     = output.bucket_url == "s3://logs-bucket/prod/a?region=eu-central-1"
    error_message = "bucket_url is ${output.bucket_url}"
  }
}

run "nobody_deletes" {
  assert {
    condition     = !strcontains(aws_iam_policy.writer.policy, "Delete") && !strcontains(aws_iam_policy.reader.policy, "Delete")
    error_message = "a policy allows deleting"
  }
  assert {
    condition     = !strcontains(aws_iam_policy.reader.policy, "Put")
    error_message = "the reader may write"
  }
  assert {
    condition     = output.bucket_url == "s3://logs-bucket?region=eu-central-1"
    error_message = "bucket_url is ${output.bucket_url}"
  }
}

run "a_writer_need_not_read" {
  variables {
    writer_reads_back = false
  }

  assert {
    condition     = !strcontains(aws_iam_policy.writer.policy, "GetObject") && !strcontains(aws_iam_policy.writer.policy, "ListBucket")
    error_message = "a write-only writer may read"
  }
}

run "kms" {
  variables {
    kms_key_arn = "arn:aws:kms:eu-central-1:123456789012:key/abc"
  }

  assert {
    condition     = strcontains(aws_iam_policy.writer.policy, "kms:GenerateDataKey") && strcontains(aws_iam_policy.reader.policy, "kms:Decrypt")
    error_message = "a policy lacks what the key needs"
  }
}

run "names_do_not_expire" {
  variables {
    prefix      = "prod"
    expire_days = 90
  }

  assert {
    condition = toset([
      for r in aws_s3_bucket_lifecycle_configuration.logs.rule : r.filter[0].prefix if length(r.expiration) > 0
    ]) == toset(["prod/parquet/", "prod/ndjson/", "prod/index/day/"])
    error_message = "other objects expire than chunks and the markers of their days"
  }
}

run "tls_only" {
  assert {
    condition = (jsondecode(aws_s3_bucket_policy.logs.policy).Statement[0].Effect == "Deny" &&
    jsondecode(aws_s3_bucket_policy.logs.policy).Statement[0].Condition.Bool["aws:SecureTransport"] == "false")
    error_message = "plain HTTP is not denied"
  }
}

run "bad_values_are_refused" {
  command = plan

  variables {
    bucket_name     = "Logs"
    prefix          = "/a/"
    kms_key_arn     = "alias/a"
    expire_days     = -1
    noncurrent_days = 0
  }

  expect_failures = [var.bucket_name, var.prefix, var.kms_key_arn, var.expire_days, var.noncurrent_days]
}
