# A bucket, and a policy to attach to the role that hosts have already.

terraform {
  required_version = ">= 1.7"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = ">= 5.70, < 7.0"
    }
  }
}

module "coldtail" {
  # Elsewhere: github.com/coldtail/coldtail//terraform?ref=VERSION
  source = "../.."

  bucket_name = var.bucket_name
}

resource "aws_iam_role_policy_attachment" "hosts" {
  role       = var.host_role_name
  policy_arn = module.coldtail.writer_policy_arn
}

variable "bucket_name" {
  description = "Name of the bucket to make."
  type        = string
}

variable "host_role_name" {
  description = "Name of the role that the hosts have."
  type        = string
}

output "coldtail_bucket" {
  description = "The value of COLDTAIL_BUCKET on the hosts."
  value       = module.coldtail.bucket_url
}
