variable "bucket_name" {
  description = "Name of the S3 bucket that holds the archive."
  type        = string

  validation {
    condition     = can(regex("^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$", var.bucket_name))
    error_message = "bucket_name must be 3 to 63 lower-case letters, digits, dots and hyphens, as S3 requires."
  }
}

variable "prefix" {
  description = "Prefix of all objects in the bucket, without slashes at its ends; empty for none."
  type        = string
  default     = ""

  validation {
    condition     = can(regex("^([A-Za-z0-9_.=-]+(/[A-Za-z0-9_.=-]+)*)?$", var.prefix))
    error_message = "prefix must be letters, digits and _ . = - in parts divided by single slashes, without one at either end."
  }
}

variable "kms_key_arn" {
  description = "ARN of the KMS key that encrypts the objects; null encrypts with S3's own keys (AES256)."
  type        = string
  default     = null

  validation {
    condition     = var.kms_key_arn == null || can(regex("^arn:[a-z-]+:kms:[a-z0-9-]+:[0-9]{12}:key/.+$", var.kms_key_arn))
    error_message = "kms_key_arn must be the ARN of a key, arn:aws:kms:REGION:ACCOUNT:key/ID, not an alias."
  }
}

variable "expire_days" {
  description = "Days after which archived logs are deleted; 0 keeps them for ever."
  type        = number
  default     = 0

  validation {
    condition     = var.expire_days >= 0 && floor(var.expire_days) == var.expire_days
    error_message = "expire_days must be a whole number of days, or 0 for never."
  }
}

variable "noncurrent_days" {
  description = "Days for which an overwritten or deleted object can still be restored."
  type        = number
  default     = 30

  validation {
    condition     = var.noncurrent_days >= 1 && floor(var.noncurrent_days) == var.noncurrent_days
    error_message = "noncurrent_days must be a whole number of days, at least 1."
  }
}

variable "writer_reads_back" {
  description = "Whether the writer policy lets hosts answer docker logs from the bucket. Without it they can answer only what is in their spool."
  type        = bool
  default     = true
}

variable "policy_name_prefix" {
  description = "Start of the names of the two IAM policies."
  type        = string
  default     = "coldtail"

  validation {
    condition     = can(regex("^[A-Za-z0-9+=,.@_-]{1,100}$", var.policy_name_prefix))
    error_message = "policy_name_prefix must be 1 to 100 letters, digits and + = , . @ _ -, as IAM requires."
  }
}

variable "force_destroy" {
  description = "Whether terraform destroy may delete a bucket that still holds logs."
  type        = bool
  default     = false
}

variable "tags" {
  description = "Tags of everything that can bear them."
  type        = map(string)
  default     = {}
}
