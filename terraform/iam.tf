# Nothing of coldtail's deletes objects, so no policy allows it. Policies are
# written with jsonencode rather than as data sources, so that tests with a mocked
# provider see what they say.

locals {
  write_statement = {
    Sid      = "Write"
    Effect   = "Allow"
    Action   = concat(["s3:PutObject", "s3:AbortMultipartUpload", "s3:ListMultipartUploadParts"], sort(var.writer_extra_actions))
    Resource = local.tree_arns
  }

  read_statement = {
    Sid      = "Read"
    Effect   = "Allow"
    Action   = ["s3:GetObject"]
    Resource = local.tree_arns
  }

  # Without a prefix all keys may be listed, also by a request that names none,
  # to which no condition on s3:prefix would apply.
  list_statement = merge(
    {
      Sid      = "List"
      Effect   = "Allow"
      Action   = ["s3:ListBucket"]
      Resource = [local.bucket_arn]
    },
    { for key in compact([local.key_prefix]) : "Condition" => { StringLike = { "s3:prefix" = ["${key}*"] } } },
  )

  # Services are called amazonaws.com in some places of other partitions too.
  kms_services = [for suffix in distinct(["amazonaws.com", data.aws_partition.current.dns_suffix]) :
    "s3.${try(split(":", var.kms_key_arn)[3], "")}.${suffix}"
  ]

  # The key may be used by S3 only, and for this bucket's objects only.
  kms_condition = {
    StringEquals = { "kms:ViaService" = local.kms_services }
    StringLike   = { "kms:EncryptionContext:aws:s3:arn" = [local.bucket_arn, "${local.bucket_arn}/*"] }
  }

  # A multipart upload needs kms:Decrypt too, also of a writer that never reads.
  kms_write_statements = [for arn in compact([var.kms_key_arn]) : {
    Sid       = "Encrypt"
    Effect    = "Allow"
    Action    = ["kms:GenerateDataKey", "kms:Decrypt"]
    Resource  = [arn]
    Condition = local.kms_condition
  }]

  kms_read_statements = [for arn in compact([var.kms_key_arn]) : {
    Sid       = "Decrypt"
    Effect    = "Allow"
    Action    = ["kms:Decrypt"]
    Resource  = [arn]
    Condition = local.kms_condition
  }]
}

resource "aws_iam_policy" "writer" {
  name        = "${var.name}-writer"
  description = "What a host with the coldtail plugin needs."
  tags        = var.tags

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = concat(
      [local.write_statement],
      [for s in [local.read_statement] : s if var.writer_reads_back],
      [for s in [local.list_statement] : s if var.writer_reads_back],
      local.kms_write_statements,
    )
  })
}

resource "aws_iam_policy" "reader" {
  name        = "${var.name}-reader"
  description = "What coldtail logs, coldtail verify and query engines need."
  tags        = var.tags

  policy = jsonencode({
    Version   = "2012-10-17"
    Statement = concat([local.read_statement], [local.list_statement], local.kms_read_statements)
  })
}
