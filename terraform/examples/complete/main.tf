# All of it: an archive that hosts can neither overwrite nor shorten, encrypted
# with a key of its own, and open to queries.

terraform {
  required_version = ">= 1.7"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = ">= 5.70, < 7.0"
    }
  }
}

resource "aws_kms_key" "logs" {
  description         = "Container logs."
  enable_key_rotation = true
}

# Query results are no archive: here they are not kept.
resource "aws_s3_bucket" "results" {
  bucket = "${var.bucket_name}-results"
}

resource "aws_s3_bucket_public_access_block" "results" {
  bucket                  = aws_s3_bucket.results.id
  block_public_acls       = true
  block_public_policy     = true
  ignore_public_acls      = true
  restrict_public_buckets = true
}

resource "aws_s3_bucket_lifecycle_configuration" "results" {
  bucket = aws_s3_bucket.results.id

  rule {
    id     = "expire"
    status = "Enabled"

    filter {}

    expiration {
      days = 7
    }
  }
}

module "coldtail" {
  # Elsewhere: github.com/coldtail/coldtail//terraform?ref=VERSION
  source = "../.."

  name        = "shop-logs"
  bucket_name = var.bucket_name
  prefix      = "prod/eu"
  kms_key_arn = aws_kms_key.logs.arn

  write_once  = true
  object_lock = { mode = "GOVERNANCE", days = 90 }

  transitions = [
    { days = 30, storage_class = "STANDARD_IA" },
    { days = 90, storage_class = "GLACIER_IR" },
  ]
  expire_days     = 400
  noncurrent_days = 30

  # The hosts answer docker logs from their own disks, and see nothing of each other's.
  writer_reads_back = false
  writer_role = {
    ec2 = true
    ecs = true
    irsa = {
      oidc_provider_arn = var.oidc_provider_arn
      service_accounts  = ["logging:coldtail"]
    }
  }

  first_day            = "2026-01-01"
  athena_scan_limit_gb = 20
  athena_results_url   = "s3://${aws_s3_bucket.results.bucket}/coldtail/"

  tags = { team = "platform" }
}

variable "bucket_name" {
  description = "Name of the bucket to make."
  type        = string
}

variable "oidc_provider_arn" {
  description = "ARN of the EKS cluster's OIDC provider."
  type        = string
}

output "coldtail_bucket" {
  description = "The value of COLDTAIL_BUCKET on the hosts."
  value       = module.coldtail.bucket_url
}

output "instance_profile" {
  description = "Name of the instance profile for the hosts."
  value       = module.coldtail.writer_instance_profile_name
}

output "query_policy_arn" {
  description = "ARN of the policy for who queries."
  value       = module.coldtail.query_policy_arn
}

output "workgroup" {
  description = "Name of the Athena workgroup to query in."
  value       = module.coldtail.workgroup_name
}
