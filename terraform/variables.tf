variable "bucket_name" {
  description = "Name of the S3 bucket that holds the archive."
  type        = string

  validation {
    condition     = can(regex("^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$", var.bucket_name)) && !strcontains(var.bucket_name, "..")
    error_message = "bucket_name must be 3 to 63 lower-case letters, digits, hyphens and single dots, as S3 requires."
  }
}

variable "name" {
  description = "Start of the names of policies, role and instance profile, and name of the Athena workgroup. A second instance of the module in an account needs another."
  type        = string
  default     = "coldtail"

  validation {
    condition     = can(regex("^[A-Za-z][A-Za-z0-9._-]{0,49}$", var.name))
    error_message = "name must start with a letter and have 1 to 50 letters, digits and . _ -, which IAM and Athena both take."
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

  validation {
    condition     = alltrue([for part in split("/", var.prefix) : !contains([".", ".."], part)])
    error_message = "prefix must not contain the parts . and .., which coldtail refuses."
  }

  validation {
    condition     = length(var.prefix) <= 300
    error_message = "prefix must be at most 300 bytes long, as coldtail refuses longer ones."
  }
}

variable "kms_key_arn" {
  description = "ARN of the KMS key that encrypts the objects; null encrypts with S3's own keys (AES256)."
  type        = string
  default     = null

  validation {
    condition     = var.kms_key_arn == null || can(regex("^arn:[a-z-]+:kms:[a-z0-9-]+:[0-9]{12}:key/[A-Za-z0-9-]+$", var.kms_key_arn))
    error_message = "kms_key_arn must be the ARN of one key, arn:aws:kms:REGION:ACCOUNT:key/ID, not an alias, and without wildcards."
  }
}

variable "write_once" {
  description = "Whether the bucket refuses to overwrite what is archived, whoever asks: objects can be stored only under new keys, and not be copied in."
  type        = bool
  default     = false
}

variable "object_lock" {
  description = "For how many days no version of an object can be deleted: mode GOVERNANCE, which some may bypass, or COMPLIANCE, which nobody can. Can be set only when the bucket is made."
  type = object({
    mode = string
    days = number
  })
  default = null

  validation {
    condition     = var.object_lock == null || contains(["GOVERNANCE", "COMPLIANCE"], try(var.object_lock.mode, ""))
    error_message = "object_lock.mode must be GOVERNANCE or COMPLIANCE."
  }

  validation {
    condition     = var.object_lock == null || try(var.object_lock.days >= 1 && floor(var.object_lock.days) == var.object_lock.days, false)
    error_message = "object_lock.days must be a whole number of days, at least 1."
  }
}

variable "transitions" {
  description = "After how many days archived logs move to which storage class, soonest first. Logs in GLACIER and DEEP_ARCHIVE can neither be read nor queried until they are restored."
  type = list(object({
    days          = number
    storage_class = string
  }))
  default  = []
  nullable = false

  validation {
    condition = alltrue([for t in var.transitions :
      contains(["STANDARD_IA", "ONEZONE_IA", "INTELLIGENT_TIERING", "GLACIER_IR", "GLACIER", "DEEP_ARCHIVE"], t.storage_class)
    ])
    error_message = "storage_class must be STANDARD_IA, ONEZONE_IA, INTELLIGENT_TIERING, GLACIER_IR, GLACIER or DEEP_ARCHIVE."
  }

  validation {
    condition = alltrue([for t in var.transitions :
      t.days >= (endswith(t.storage_class, "_IA") ? 30 : 0) && floor(t.days) == t.days
    ])
    error_message = "days must be a whole number, and at least 30 for STANDARD_IA and ONEZONE_IA, as S3 requires."
  }

  validation {
    condition     = alltrue([for i, t in var.transitions : i == 0 || try(var.transitions[i - 1].days < t.days, false)])
    error_message = "transitions must be in the order of their days, each later than the one before."
  }
}

variable "expire_days" {
  description = "Days after which archived logs are deleted; 0 keeps them for ever."
  type        = number
  default     = 0
  nullable    = false

  validation {
    condition     = var.expire_days >= 0 && floor(var.expire_days) == var.expire_days
    error_message = "expire_days must be a whole number of days, or 0 for never."
  }
}

variable "noncurrent_days" {
  description = "Days for which an overwritten or deleted object can still be restored."
  type        = number
  default     = 30
  nullable    = false

  validation {
    condition     = var.noncurrent_days >= 1 && floor(var.noncurrent_days) == var.noncurrent_days
    error_message = "noncurrent_days must be a whole number of days, at least 1."
  }
}

variable "writer_reads_back" {
  description = "Whether the writer policy lets hosts answer docker logs from the bucket. Without it they answer from their own disk only."
  type        = bool
  default     = true
}

variable "writer_extra_actions" {
  description = "What options of the bucket URL need beyond storing objects: s3:PutObjectTagging for tags, s3:PutObjectRetention for object-lock-mode. A host may then do so to any object of the archive."
  type        = set(string)
  default     = []
  nullable    = false

  validation {
    condition     = length(setsubtract(var.writer_extra_actions, ["s3:PutObjectTagging", "s3:PutObjectRetention"])) == 0
    error_message = "writer_extra_actions must be s3:PutObjectTagging or s3:PutObjectRetention."
  }
}

variable "writer_role" {
  description = "Role with the writer policy, assumed by EC2 instances (with an instance profile), ECS tasks, Kubernetes service accounts, as NAMESPACE:NAME, through an EKS cluster's OIDC provider, or users and roles that COLDTAIL_ROLE_ARN and COLDTAIL_ROLE_EXTERNAL_ID are given to; null for none."
  type = object({
    ec2 = optional(bool, false)
    ecs = optional(bool, false)
    irsa = optional(object({
      oidc_provider_arn = string
      service_accounts  = set(string)
    }))
    principals = optional(object({
      arns        = set(string)
      external_id = optional(string)
    }))
    permissions_boundary_arn = optional(string)
  })
  default = null

  validation {
    condition     = var.writer_role == null || try(var.writer_role.ec2 || var.writer_role.ecs || var.writer_role.irsa != null || var.writer_role.principals != null, false)
    error_message = "writer_role must name who may assume it: ec2, ecs, irsa or principals."
  }

  validation {
    condition     = try(var.writer_role.irsa, null) == null || can(regex("^arn:[a-z-]+:iam::[0-9]{12}:oidc-provider/[A-Za-z0-9._/-]+$", var.writer_role.irsa.oidc_provider_arn))
    error_message = "writer_role.irsa.oidc_provider_arn must be the ARN of one OIDC provider, arn:aws:iam::ACCOUNT:oidc-provider/HOST/PATH."
  }

  validation {
    condition = try(var.writer_role.irsa, null) == null || try(length(var.writer_role.irsa.service_accounts) > 0 && alltrue([
      for account in var.writer_role.irsa.service_accounts : can(regex("^[a-z0-9]([a-z0-9-]*[a-z0-9])?:[a-z0-9]([a-z0-9.-]*[a-z0-9])?$", account))
    ]), false)
    error_message = "writer_role.irsa.service_accounts must name service accounts as NAMESPACE:NAME, without wildcards."
  }

  # An empty one would be none.
  validation {
    condition     = try(var.writer_role.principals.external_id, null) == null || try(length(var.writer_role.principals.external_id) <= 1224 && can(regex("^[A-Za-z0-9+=,.@:/_-][A-Za-z0-9+=,.@:/_-]+$", var.writer_role.principals.external_id)), false)
    error_message = "writer_role.principals.external_id must be 2 to 1224 letters, digits and + = , . @ : / _ -, or null for none."
  }

  validation {
    condition = try(var.writer_role.principals, null) == null || try(length(var.writer_role.principals.arns) > 0 && alltrue([
      for arn in var.writer_role.principals.arns : can(regex("^arn:[a-z-]+:iam::[0-9]{12}:(root|(user|role)/[A-Za-z0-9+=,.@_/-]+)$", arn))
    ]), false)
    error_message = "writer_role.principals.arns must be ARNs of users, roles or accounts, arn:aws:iam::ACCOUNT:user/NAME, role/NAME or root, without wildcards."
  }
}

variable "query" {
  description = "Whether to make what queries need: Glue database and tables, Athena workgroup with named queries, and a policy for who queries."
  type        = bool
  default     = true
  nullable    = false
}

variable "glue_database" {
  description = "Name of the Glue database; null takes the module's name, with underscores."
  type        = string
  default     = null

  validation {
    condition     = var.glue_database == null || can(regex("^[a-z][a-z0-9_]{0,127}$", var.glue_database))
    error_message = "glue_database must be lower-case letters, digits and underscores, and start with a letter."
  }
}

variable "first_day" {
  description = "First day, YYYY-MM-DD, for which the tables look for objects. One close to the first log makes queries without a filter on dt cheaper; no log is filed before the default."
  type        = string
  default     = "2013-01-01"
  nullable    = false

  validation {
    condition     = can(regex("^[0-9]{4}-[0-9]{2}-[0-9]{2}$", var.first_day)) && can(formatdate("YYYY-MM-DD", "${var.first_day}T00:00:00Z"))
    error_message = "first_day must be a day as YYYY-MM-DD."
  }
}

variable "athena_scan_limit_gb" {
  description = "Gigabytes (10^9 bytes) that one query may scan before Athena cancels it."
  type        = number
  default     = 100
  nullable    = false

  validation {
    condition     = floor(var.athena_scan_limit_gb * 1000000000) >= 10485760
    error_message = "athena_scan_limit_gb must be at least 0.0105 (10 MiB), as Athena requires."
  }
}

variable "athena_results_url" {
  description = "Where Athena puts results, s3://BUCKET/PREFIX/; null puts them under athena-results/ below the prefix in the archive's bucket."
  type        = string
  default     = null

  validation {
    condition     = var.athena_results_url == null || can(regex("^s3://[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]/([A-Za-z0-9_.=@+:,!()-]+/)*$", var.athena_results_url))
    error_message = "athena_results_url must be s3://BUCKET/ or s3://BUCKET/PREFIX/, with a slash at its end, no empty parts, and nothing that means more than itself in a policy, such as * and $."
  }
}

variable "athena_results_days" {
  description = "Days after which results in the archive's bucket are deleted."
  type        = number
  default     = 7
  nullable    = false

  validation {
    condition     = var.athena_results_days >= 1 && floor(var.athena_results_days) == var.athena_results_days
    error_message = "athena_results_days must be a whole number of days, at least 1."
  }
}

variable "force_destroy" {
  description = "Whether terraform destroy may delete a bucket that still holds logs, and a workgroup that holds queries."
  type        = bool
  default     = false
}

variable "tags" {
  description = "Tags of everything that can bear them."
  type        = map(string)
  default     = {}
}
