# A mocked provider takes any value. The real one refuses some, such as a policy
# that is no JSON, already when it plans, which needs no account.

provider "aws" {
  region                      = "eu-central-1"
  access_key                  = "none"
  secret_key                  = "none"
  skip_credentials_validation = true
  skip_metadata_api_check     = true
  skip_region_validation      = true
  skip_requesting_account_id  = true
}

override_data {
  target = module.coldtail.data.aws_caller_identity.current[0]
  values = { account_id = "123456789012" }
}

variables {
  bucket_name = "logs-bucket"
}

run "all_by_default" {
  command = plan

  assert {
    condition     = jsondecode(aws_s3_bucket_policy.logs.policy).Statement[0].Resource == ["arn:aws:s3:::logs-bucket", "arn:aws:s3:::logs-bucket/*"]
    error_message = "a plan does not show the bucket policy, or it is ${aws_s3_bucket_policy.logs.policy}"
  }
  assert {
    condition     = length(jsondecode(aws_iam_policy.writer.policy).Statement) == 3 && length(jsondecode(aws_iam_policy.reader.policy).Statement) == 2
    error_message = "a plan does not show the policies"
  }
}

# The limits of what the module takes are the provider's.
run "limits" {
  command = plan

  variables {
    athena_scan_limit_gb = 0.01048576
    expire_days          = 2
    noncurrent_days      = 1
    transitions          = [{ days = 0, storage_class = "GLACIER_IR" }, { days = 1, storage_class = "INTELLIGENT_TIERING" }]
    object_lock          = { mode = "GOVERNANCE", days = 1 }
    athena_results_url   = "s3://results-bucket/"
    name                 = "abcdefghijklmnopqrstuvwxyz-ABCDEFGHIJKLMNOPQRS_.12"
    writer_role          = { ec2 = true, principals = { arns = ["arn:aws:iam::123456789012:root"] } }
  }
}

run "minimal" {
  command = plan

  module {
    source = "./examples/minimal"
  }

  variables {
    host_role_name = "hosts"
  }
}

run "complete" {
  command = plan

  module {
    source = "./examples/complete"
  }

  variables {
    oidc_provider_arn = "arn:aws:iam::123456789012:oidc-provider/oidc.eks.eu-central-1.amazonaws.com/id/AB12"
  }
}
