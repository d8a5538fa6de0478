# Nothing of coldtail's deletes objects, so neither policy allows it. Policies are
# written with jsonencode rather than as data sources, so that tests with a mocked
# provider see what they say.

locals {
  objects_arn = "${aws_s3_bucket.logs.arn}/${local.key_prefix}*"

  write_statement = {
    Sid      = "Write"
    Effect   = "Allow"
    Action   = ["s3:PutObject", "s3:AbortMultipartUpload", "s3:ListMultipartUploadParts"]
    Resource = [local.objects_arn]
  }

  read_statements = [
    {
      Sid      = "Read"
      Effect   = "Allow"
      Action   = ["s3:GetObject"]
      Resource = [local.objects_arn]
    },
    {
      Sid       = "List"
      Effect    = "Allow"
      Action    = ["s3:ListBucket"]
      Resource  = [aws_s3_bucket.logs.arn]
      Condition = { StringLike = { "s3:prefix" = ["${local.key_prefix}*"] } }
    },
  ]

  # A multipart upload needs kms:Decrypt too, also of a writer that never reads.
  kms_write_statements = [for arn in compact([var.kms_key_arn]) : {
    Sid      = "Encrypt"
    Effect   = "Allow"
    Action   = ["kms:GenerateDataKey", "kms:Decrypt"]
    Resource = [arn]
  }]

  kms_read_statements = [for arn in compact([var.kms_key_arn]) : {
    Sid      = "Decrypt"
    Effect   = "Allow"
    Action   = ["kms:Decrypt"]
    Resource = [arn]
  }]
}

resource "aws_iam_policy" "writer" {
  name        = "${var.policy_name_prefix}-writer"
  description = "What a host with the coldtail plugin needs."
  tags        = var.tags

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = concat(
      [local.write_statement],
      [for s in local.read_statements : s if var.writer_reads_back],
      local.kms_write_statements,
    )
  })
}

resource "aws_iam_policy" "reader" {
  name        = "${var.policy_name_prefix}-reader"
  description = "What coldtail logs and query engines need."
  tags        = var.tags

  policy = jsonencode({
    Version   = "2012-10-17"
    Statement = concat(local.read_statements, local.kms_read_statements)
  })
}
