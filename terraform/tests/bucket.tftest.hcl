# The bucket's hardening and its lifecycle.

mock_provider "aws" {
  mock_data "aws_partition" {
    defaults = { partition = "aws", dns_suffix = "amazonaws.com" }
  }
  mock_resource "aws_s3_bucket" {
    defaults = { id = "logs-bucket", arn = "arn:aws:s3:::logs-bucket", region = "eu-central-1" }
  }
}

variables {
  bucket_name = "logs-bucket"
}

run "hardened" {
  assert {
    condition = (aws_s3_bucket_public_access_block.logs.block_public_acls && aws_s3_bucket_public_access_block.logs.block_public_policy &&
    aws_s3_bucket_public_access_block.logs.ignore_public_acls && aws_s3_bucket_public_access_block.logs.restrict_public_buckets)
    error_message = "the bucket may be made public"
  }
  assert {
    condition     = aws_s3_bucket_ownership_controls.logs.rule[0].object_ownership == "BucketOwnerEnforced"
    error_message = "objects may have another owner than the bucket"
  }
  assert {
    condition     = aws_s3_bucket_versioning.logs.versioning_configuration[0].status == "Enabled"
    error_message = "what is overwritten or deleted is gone at once"
  }
  assert {
    condition = alltrue([for bucket in [
      aws_s3_bucket_public_access_block.logs.bucket, aws_s3_bucket_ownership_controls.logs.bucket, aws_s3_bucket_versioning.logs.bucket,
      aws_s3_bucket_server_side_encryption_configuration.logs.bucket, aws_s3_bucket_policy.logs.bucket,
      aws_s3_bucket_lifecycle_configuration.logs.bucket,
    ] : bucket == "logs-bucket"])
    error_message = "a setting is another bucket's"
  }
  assert {
    condition     = aws_s3_bucket.logs.force_destroy == false && aws_s3_bucket.logs.object_lock_enabled == false
    error_message = "by default the bucket can be destroyed with its logs, or has locks that cannot be taken off"
  }
  assert {
    condition = alltrue([for rule in aws_s3_bucket_server_side_encryption_configuration.logs.rule :
      one(rule.apply_server_side_encryption_by_default).sse_algorithm == "AES256" && !rule.bucket_key_enabled
    ])
    error_message = "objects are not encrypted with S3's own keys"
  }
  assert {
    condition     = length(aws_s3_bucket_object_lock_configuration.logs) == 0
    error_message = "objects are locked"
  }
}

run "kms" {
  variables {
    kms_key_arn = "arn:aws:kms:eu-central-1:123456789012:key/abc"
  }

  assert {
    condition = alltrue([for rule in aws_s3_bucket_server_side_encryption_configuration.logs.rule :
      one(rule.apply_server_side_encryption_by_default).sse_algorithm == "aws:kms" &&
      one(rule.apply_server_side_encryption_by_default).kms_master_key_id == "arn:aws:kms:eu-central-1:123456789012:key/abc" &&
      rule.bucket_key_enabled
    ])
    error_message = "objects are not encrypted with the key, or without a bucket key"
  }
}

run "object_lock" {
  variables {
    object_lock = { mode = "COMPLIANCE", days = 30 }
    query       = false
  }

  assert {
    condition     = aws_s3_bucket.logs.object_lock_enabled
    error_message = "the bucket knows no locks"
  }
  assert {
    condition = (aws_s3_bucket_object_lock_configuration.logs[0].rule[0].default_retention[0].mode == "COMPLIANCE" &&
    aws_s3_bucket_object_lock_configuration.logs[0].rule[0].default_retention[0].days == 30)
    error_message = "objects are not locked as told"
  }
}

run "nothing_ages_by_default" {
  variables {
    query = false
  }

  assert {
    condition     = [for r in aws_s3_bucket_lifecycle_configuration.logs.rule : r.id] == ["abort-incomplete-uploads", "forget-noncurrent-versions"]
    error_message = "rules are ${join(", ", [for r in aws_s3_bucket_lifecycle_configuration.logs.rule : r.id])}"
  }
  assert {
    condition     = aws_s3_bucket_lifecycle_configuration.logs.rule[0].abort_incomplete_multipart_upload[0].days_after_initiation == 3
    error_message = "parts of uploads that came to nothing are kept"
  }
  assert {
    condition     = aws_s3_bucket_lifecycle_configuration.logs.rule[0].filter[0].prefix == ""
    error_message = "parts are removed below a prefix only"
  }
  assert {
    condition = (aws_s3_bucket_lifecycle_configuration.logs.rule[1].noncurrent_version_expiration[0].noncurrent_days == 30 &&
    aws_s3_bucket_lifecycle_configuration.logs.rule[1].expiration[0].expired_object_delete_marker)
    error_message = "versions that are no longer current are kept"
  }
  assert {
    condition     = alltrue([for r in aws_s3_bucket_lifecycle_configuration.logs.rule : alltrue([for e in r.expiration : e.days == 0 || e.days == null])])
    error_message = "logs expire"
  }
}

run "aging" {
  variables {
    prefix              = "prod"
    expire_days         = 400
    noncurrent_days     = 5
    athena_results_days = 3
    transitions = [
      { days = 30, storage_class = "STANDARD_IA" },
      { days = 90, storage_class = "GLACIER_IR" },
    ]
  }

  # The names' markers do not expire, the days' do so after their objects.
  assert {
    condition = ({ for r in aws_s3_bucket_lifecycle_configuration.logs.rule : r.filter[0].prefix => r.expiration[0].days if try(r.expiration[0].days > 0, false) }
    == { "prod/parquet/" = 400, "prod/ndjson/" = 400, "prod/index/by-host/" = 490, "prod/index/by-name/" = 490, "prod/index/day/" = 490, "prod/athena-results/" = 3 })
    error_message = "other objects expire, or at another time"
  }
  assert {
    condition = ({ for r in aws_s3_bucket_lifecycle_configuration.logs.rule :
      r.filter[0].prefix => toset([for t in r.transition : "${t.days} ${t.storage_class}"]) if length(r.transition) > 0
      } == {
      "prod/parquet/" = toset(["30 STANDARD_IA", "90 GLACIER_IR"]),
      "prod/ndjson/"  = toset(["30 STANDARD_IA", "90 GLACIER_IR"]),
    })
    error_message = "other objects move, or to another class"
  }
  assert {
    condition     = aws_s3_bucket_lifecycle_configuration.logs.transition_default_minimum_object_size == "all_storage_classes_128K"
    error_message = "objects move that cost more after than before"
  }
  assert {
    condition = ({ for r in aws_s3_bucket_lifecycle_configuration.logs.rule : r.filter[0].prefix => r.noncurrent_version_expiration[0].noncurrent_days if length(r.noncurrent_version_expiration) > 0 }
    == { "prod/" = 5 })
    error_message = "other versions are forgotten than the prefix's"
  }
  assert {
    condition     = alltrue([for r in aws_s3_bucket_lifecycle_configuration.logs.rule : r.status == "Enabled"])
    error_message = "a rule is off"
  }
}
