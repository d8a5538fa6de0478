locals {
  # A day's marker is written before its objects, some of which may wait in a
  # spool for long: it has to outlast them.
  marker_days = var.expire_days + 90
}

resource "aws_s3_bucket_lifecycle_configuration" "logs" {
  bucket = aws_s3_bucket.logs.id

  # Objects below 128 KB cost more in the other classes than here.
  transition_default_minimum_object_size = "all_storage_classes_128K"

  # Rules on noncurrent versions need versioning first.
  depends_on = [aws_s3_bucket_versioning.logs]

  rule {
    id     = "abort-incomplete-uploads"
    status = "Enabled"

    filter {
      prefix = ""
    }

    abort_incomplete_multipart_upload {
      days_after_initiation = 3
    }
  }

  rule {
    id     = "forget-noncurrent-versions"
    status = "Enabled"

    filter {
      prefix = local.key_prefix
    }

    noncurrent_version_expiration {
      noncurrent_days = var.noncurrent_days
    }

    expiration {
      expired_object_delete_marker = true
    }
  }

  dynamic "rule" {
    for_each = length(var.transitions) > 0 || var.expire_days > 0 ? local.formats : []

    content {
      id     = "age-${rule.value}"
      status = "Enabled"

      filter {
        prefix = "${local.key_prefix}${rule.value}/"
      }

      dynamic "transition" {
        for_each = var.transitions

        content {
          days          = transition.value.days
          storage_class = transition.value.storage_class
        }
      }

      dynamic "expiration" {
        for_each = var.expire_days > 0 ? [var.expire_days] : []

        content {
          days = expiration.value
        }
      }
    }
  }

  # The markers of names stay: a container may well outlive its oldest logs. Those
  # of days, also by name and by host, go.
  dynamic "rule" {
    for_each = var.expire_days > 0 ? ["day", "by-name", "by-host"] : []

    content {
      id     = "expire-${rule.value}-markers"
      status = "Enabled"

      filter {
        prefix = "${local.key_prefix}index/${rule.value}/"
      }

      expiration {
        days = local.marker_days
      }
    }
  }

  dynamic "rule" {
    for_each = local.results_here ? [var.athena_results_days] : []

    content {
      id     = "expire-query-results"
      status = "Enabled"

      filter {
        prefix = local.results_key
      }

      expiration {
        days = rule.value
      }
    }
  }

  lifecycle {
    precondition {
      condition     = var.expire_days == 0 || alltrue([for t in var.transitions : t.days < var.expire_days])
      error_message = "transitions must come before expire_days (${var.expire_days}), when objects are deleted."
    }
  }
}
