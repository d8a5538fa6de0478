data "aws_partition" "current" {}

locals {
  # Made from the name and not read from the bucket, so that a plan shows what
  # the policies will say.
  bucket_arn = "arn:${data.aws_partition.current.partition}:s3:::${var.bucket_name}"

  # "logs/" or "": what object keys and policies start with.
  key_prefix = var.prefix == "" ? "" : "${var.prefix}/"

  # What coldtail writes (docs/format.md), and the probe of `coldtail doctor`.
  formats = ["ndjson", "parquet"]
  trees   = concat(["doctor", "index"], local.formats)

  tree_arns = [for tree in local.trees : "${local.bucket_arn}/${local.key_prefix}${tree}/*"]
}

resource "aws_s3_bucket" "logs" {
  bucket              = var.bucket_name
  force_destroy       = var.force_destroy
  object_lock_enabled = var.object_lock != null
  tags                = var.tags
}

resource "aws_s3_bucket_public_access_block" "logs" {
  bucket                  = aws_s3_bucket.logs.id
  block_public_acls       = true
  block_public_policy     = true
  ignore_public_acls      = true
  restrict_public_buckets = true
}

resource "aws_s3_bucket_ownership_controls" "logs" {
  bucket = aws_s3_bucket.logs.id

  rule {
    object_ownership = "BucketOwnerEnforced"
  }
}

resource "aws_s3_bucket_versioning" "logs" {
  bucket = aws_s3_bucket.logs.id

  versioning_configuration {
    status = "Enabled"
  }
}

resource "aws_s3_bucket_server_side_encryption_configuration" "logs" {
  bucket = aws_s3_bucket.logs.id

  rule {
    # A bucket key saves a KMS request per object.
    bucket_key_enabled = var.kms_key_arn != null

    apply_server_side_encryption_by_default {
      sse_algorithm     = var.kms_key_arn == null ? "AES256" : "aws:kms"
      kms_master_key_id = var.kms_key_arn
    }
  }
}

resource "aws_s3_bucket_object_lock_configuration" "logs" {
  count = var.object_lock == null ? 0 : 1

  bucket = aws_s3_bucket.logs.id

  # Locks need versions.
  depends_on = [aws_s3_bucket_versioning.logs]

  rule {
    default_retention {
      mode = var.object_lock.mode
      days = var.object_lock.days
    }
  }
}

resource "aws_s3_bucket_policy" "logs" {
  bucket = aws_s3_bucket.logs.id

  # A public policy would be refused anyway; in this order the block is there first.
  depends_on = [aws_s3_bucket_public_access_block.logs]

  policy = jsonencode({
    Version   = "2012-10-17"
    Statement = concat([local.tls_only], [for s in [local.write_once] : s if var.write_once])
  })
}

locals {
  tls_only = {
    Sid       = "TLSOnly"
    Effect    = "Deny"
    Principal = "*"
    Action    = "s3:*"
    Resource  = [local.bucket_arn, "${local.bucket_arn}/*"]
    Condition = { Bool = { "aws:SecureTransport" = "false" } }
  }

  # Whoever stores an object must ask for that there be none. What starts a
  # multipart upload, and its parts, cannot bear the header: these create no
  # object, the completion does.
  # https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes-enforce.html
  write_once = {
    Sid       = "WriteOnce"
    Effect    = "Deny"
    Principal = "*"
    Action    = "s3:PutObject"
    Resource  = local.tree_arns
    Condition = {
      Null = { "s3:if-none-match" = "true" }
      Bool = { "s3:ObjectCreationOperation" = "true" }
    }
  }
}
