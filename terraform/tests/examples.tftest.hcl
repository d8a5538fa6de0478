# The examples as their users start from them.

mock_provider "aws" {
  mock_data "aws_partition" {
    defaults = { partition = "aws", dns_suffix = "amazonaws.com" }
  }
  mock_data "aws_caller_identity" {
    defaults = { account_id = "123456789012" }
  }
  mock_resource "aws_s3_bucket" {
    defaults = { id = "logs-bucket", region = "eu-central-1" }
  }
  mock_resource "aws_kms_key" {
    defaults = { arn = "arn:aws:kms:eu-central-1:123456789012:key/abc" }
  }
  mock_resource "aws_iam_policy" {
    defaults = { arn = "arn:aws:iam::123456789012:policy/mock" }
  }
}

variables {
  bucket_name = "logs-bucket"
}

run "minimal" {
  module {
    source = "./examples/minimal"
  }

  variables {
    host_role_name = "hosts"
  }

  assert {
    condition     = output.coldtail_bucket == "s3://logs-bucket?region=eu-central-1"
    error_message = "coldtail_bucket is ${output.coldtail_bucket}"
  }
}

run "complete" {
  module {
    source = "./examples/complete"
  }

  variables {
    oidc_provider_arn = "arn:aws:iam::123456789012:oidc-provider/oidc.eks.eu-central-1.amazonaws.com/id/AB12"
  }

  assert {
    condition     = output.coldtail_bucket == "s3://logs-bucket/prod/eu?region=eu-central-1"
    error_message = "coldtail_bucket is ${output.coldtail_bucket}"
  }
  assert {
    condition     = output.instance_profile == "shop-logs-writer" && output.workgroup == "shop-logs"
    error_message = "the outputs name something else"
  }
}
