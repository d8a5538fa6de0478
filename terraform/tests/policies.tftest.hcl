# What the policies say, word for word: a change of any of them has to be made
# here too.

mock_provider "aws" {
  mock_data "aws_partition" {
    defaults = { partition = "aws", dns_suffix = "amazonaws.com" }
  }
  mock_resource "aws_iam_policy" {
    defaults = { arn = "arn:aws:iam::123456789012:policy/mock" }
  }
  mock_resource "aws_glue_catalog_database" {
    defaults = { arn = "arn:aws:glue:eu-central-1:123456789012:database/coldtail" }
  }
  mock_resource "aws_glue_catalog_table" {
    defaults = { arn = "arn:aws:glue:eu-central-1:123456789012:table/coldtail/mock" }
  }
  mock_resource "aws_athena_workgroup" {
    defaults = { arn = "arn:aws:athena:eu-central-1:123456789012:workgroup/coldtail" }
  }
}

variables {
  bucket_name = "logs-bucket"
}

run "with_a_prefix" {
  variables {
    prefix = "prod/a"
  }

  assert {
    condition = jsondecode(aws_iam_policy.writer.policy) == {
      Version = "2012-10-17"
      Statement = [
        {
          Sid    = "Write"
          Effect = "Allow"
          Action = ["s3:PutObject", "s3:AbortMultipartUpload", "s3:ListMultipartUploadParts"]
          Resource = [
            "arn:aws:s3:::logs-bucket/prod/a/doctor/*", "arn:aws:s3:::logs-bucket/prod/a/index/*",
            "arn:aws:s3:::logs-bucket/prod/a/ndjson/*", "arn:aws:s3:::logs-bucket/prod/a/parquet/*",
          ]
        },
        {
          Sid    = "Read"
          Effect = "Allow"
          Action = ["s3:GetObject"]
          Resource = [
            "arn:aws:s3:::logs-bucket/prod/a/doctor/*", "arn:aws:s3:::logs-bucket/prod/a/index/*",
            "arn:aws:s3:::logs-bucket/prod/a/ndjson/*", "arn:aws:s3:::logs-bucket/prod/a/parquet/*",
          ]
        },
        {
          Sid       = "List"
          Effect    = "Allow"
          Action    = ["s3:ListBucket"]
          Resource  = ["arn:aws:s3:::logs-bucket"]
          Condition = { StringLike = { "s3:prefix" = ["prod/a/*"] } }
        },
      ]
    }
    error_message = "the writer policy is ${aws_iam_policy.writer.policy}"
  }

  assert {
    condition = jsondecode(aws_iam_policy.reader.policy) == {
      Version = "2012-10-17"
      Statement = [
        {
          Sid    = "Read"
          Effect = "Allow"
          Action = ["s3:GetObject"]
          Resource = [
            "arn:aws:s3:::logs-bucket/prod/a/doctor/*", "arn:aws:s3:::logs-bucket/prod/a/index/*",
            "arn:aws:s3:::logs-bucket/prod/a/ndjson/*", "arn:aws:s3:::logs-bucket/prod/a/parquet/*",
          ]
        },
        {
          Sid       = "List"
          Effect    = "Allow"
          Action    = ["s3:ListBucket"]
          Resource  = ["arn:aws:s3:::logs-bucket"]
          Condition = { StringLike = { "s3:prefix" = ["prod/a/*"] } }
        },
      ]
    }
    error_message = "the reader policy is ${aws_iam_policy.reader.policy}"
  }

  assert {
    condition = jsondecode(aws_iam_policy.query[0].policy) == {
      Version = "2012-10-17"
      Statement = [
        {
          Sid      = "ReadLogs"
          Effect   = "Allow"
          Action   = ["s3:GetObject"]
          Resource = ["arn:aws:s3:::logs-bucket/prod/a/ndjson/*", "arn:aws:s3:::logs-bucket/prod/a/parquet/*"]
        },
        {
          Sid       = "ListLogs"
          Effect    = "Allow"
          Action    = ["s3:ListBucket"]
          Resource  = ["arn:aws:s3:::logs-bucket"]
          Condition = { StringLike = { "s3:prefix" = ["prod/a/ndjson/*", "prod/a/parquet/*"] } }
        },
        {
          Sid      = "Results"
          Effect   = "Allow"
          Action   = ["s3:PutObject", "s3:GetObject", "s3:AbortMultipartUpload", "s3:ListMultipartUploadParts"]
          Resource = ["arn:aws:s3:::logs-bucket/prod/a/athena-results/*"]
        },
        {
          Sid       = "ListResults"
          Effect    = "Allow"
          Action    = ["s3:ListBucket"]
          Resource  = ["arn:aws:s3:::logs-bucket"]
          Condition = { StringLike = { "s3:prefix" = ["prod/a/athena-results/*"] } }
        },
        {
          Sid      = "LocateBuckets"
          Effect   = "Allow"
          Action   = ["s3:GetBucketLocation"]
          Resource = ["arn:aws:s3:::logs-bucket"]
        },
        {
          Sid    = "Tables"
          Effect = "Allow"
          Action = [
            "glue:GetDatabase", "glue:GetDatabases", "glue:GetTable", "glue:GetTables",
            "glue:GetPartition", "glue:GetPartitions", "glue:BatchGetPartition",
          ]
          Resource = [
            "arn:aws:glue:eu-central-1:123456789012:catalog",
            "arn:aws:glue:eu-central-1:123456789012:database/default",
            "arn:aws:glue:eu-central-1:123456789012:database/coldtail",
            "arn:aws:glue:eu-central-1:123456789012:table/coldtail/mock",
            "arn:aws:glue:eu-central-1:123456789012:table/coldtail/mock",
          ]
        },
        {
          Sid    = "Query"
          Effect = "Allow"
          Action = [
            "athena:StartQueryExecution", "athena:StopQueryExecution", "athena:GetQueryExecution", "athena:BatchGetQueryExecution",
            "athena:ListQueryExecutions", "athena:GetQueryResults", "athena:GetQueryResultsStream", "athena:GetQueryRuntimeStatistics",
            "athena:GetWorkGroup", "athena:GetNamedQuery", "athena:BatchGetNamedQuery", "athena:ListNamedQueries",
          ]
          Resource = ["arn:aws:athena:eu-central-1:123456789012:workgroup/coldtail"]
        },
        {
          Sid      = "Catalog"
          Effect   = "Allow"
          Action   = ["athena:GetDataCatalog", "athena:ListDatabases", "athena:GetDatabase", "athena:ListTableMetadata", "athena:GetTableMetadata"]
          Resource = ["arn:aws:athena:eu-central-1:123456789012:datacatalog/AwsDataCatalog"]
        },
        {
          Sid      = "Console"
          Effect   = "Allow"
          Action   = ["athena:ListDataCatalogs", "athena:ListEngineVersions", "athena:ListWorkGroups"]
          Resource = ["*"]
        },
      ]
    }
    error_message = "the query policy is ${aws_iam_policy.query[0].policy}"
  }

  assert {
    condition = jsondecode(aws_s3_bucket_policy.logs.policy) == {
      Version = "2012-10-17"
      Statement = [{
        Sid       = "TLSOnly"
        Effect    = "Deny"
        Principal = "*"
        Action    = "s3:*"
        Resource  = ["arn:aws:s3:::logs-bucket", "arn:aws:s3:::logs-bucket/*"]
        Condition = { Bool = { "aws:SecureTransport" = "false" } }
      }]
    }
    error_message = "the bucket policy is ${aws_s3_bucket_policy.logs.policy}"
  }
}

run "without_a_prefix" {
  assert {
    condition = jsondecode(aws_iam_policy.writer.policy).Statement[0].Resource == [
      "arn:aws:s3:::logs-bucket/doctor/*", "arn:aws:s3:::logs-bucket/index/*",
      "arn:aws:s3:::logs-bucket/ndjson/*", "arn:aws:s3:::logs-bucket/parquet/*",
    ]
    error_message = "the writer policy is ${aws_iam_policy.writer.policy}"
  }

  # A request to list the whole bucket names no prefix, and would meet no condition on it.
  assert {
    condition = jsondecode(aws_iam_policy.reader.policy).Statement[1] == {
      Sid      = "List"
      Effect   = "Allow"
      Action   = ["s3:ListBucket"]
      Resource = ["arn:aws:s3:::logs-bucket"]
    }
    error_message = "the reader policy is ${aws_iam_policy.reader.policy}"
  }
}

run "a_writer_need_not_read" {
  variables {
    writer_reads_back = false
    kms_key_arn       = "arn:aws:kms:eu-central-1:123456789012:key/abc"
  }

  assert {
    condition = jsondecode(aws_iam_policy.writer.policy) == {
      Version = "2012-10-17"
      Statement = [
        {
          Sid    = "Write"
          Effect = "Allow"
          Action = ["s3:PutObject", "s3:AbortMultipartUpload", "s3:ListMultipartUploadParts"]
          Resource = [
            "arn:aws:s3:::logs-bucket/doctor/*", "arn:aws:s3:::logs-bucket/index/*",
            "arn:aws:s3:::logs-bucket/ndjson/*", "arn:aws:s3:::logs-bucket/parquet/*",
          ]
        },
        {
          Sid      = "Encrypt"
          Effect   = "Allow"
          Action   = ["kms:GenerateDataKey", "kms:Decrypt"]
          Resource = ["arn:aws:kms:eu-central-1:123456789012:key/abc"]
          Condition = {
            StringEquals = { "kms:ViaService" = ["s3.eu-central-1.amazonaws.com"] }
            StringLike   = { "kms:EncryptionContext:aws:s3:arn" = ["arn:aws:s3:::logs-bucket", "arn:aws:s3:::logs-bucket/*"] }
          }
        },
      ]
    }
    error_message = "the policy of a writer that does not read is ${aws_iam_policy.writer.policy}"
  }
}

run "with_a_key" {
  variables {
    kms_key_arn = "arn:aws:kms:eu-central-1:123456789012:key/abc"
  }

  assert {
    condition = jsondecode(aws_iam_policy.reader.policy).Statement[2] == {
      Sid      = "Decrypt"
      Effect   = "Allow"
      Action   = ["kms:Decrypt"]
      Resource = ["arn:aws:kms:eu-central-1:123456789012:key/abc"]
      Condition = {
        StringEquals = { "kms:ViaService" = ["s3.eu-central-1.amazonaws.com"] }
        StringLike   = { "kms:EncryptionContext:aws:s3:arn" = ["arn:aws:s3:::logs-bucket", "arn:aws:s3:::logs-bucket/*"] }
      }
    }
    error_message = "the reader policy is ${aws_iam_policy.reader.policy}"
  }

  assert {
    condition = (length(jsondecode(aws_iam_policy.reader.policy).Statement) == 3 &&
      jsondecode(aws_iam_policy.writer.policy).Statement[*].Sid == ["Write", "Read", "List", "Encrypt"] &&
    jsondecode(aws_iam_policy.query[0].policy).Statement[9] == jsondecode(aws_iam_policy.writer.policy).Statement[3])
    error_message = "the policies use the key otherwise than to read, or to write"
  }
}

run "extra_actions" {
  variables {
    writer_extra_actions = ["s3:PutObjectTagging", "s3:PutObjectRetention"]
  }

  assert {
    condition = jsondecode(aws_iam_policy.writer.policy).Statement[0].Action == [
      "s3:PutObject", "s3:AbortMultipartUpload", "s3:ListMultipartUploadParts", "s3:PutObjectRetention", "s3:PutObjectTagging",
    ]
    error_message = "the writer may ${jsonencode(jsondecode(aws_iam_policy.writer.policy).Statement[0].Action)}"
  }
}

run "write_once" {
  variables {
    prefix     = "prod/a"
    write_once = true
  }

  assert {
    condition = jsondecode(aws_s3_bucket_policy.logs.policy) == {
      Version = "2012-10-17"
      Statement = [
        {
          Sid       = "TLSOnly"
          Effect    = "Deny"
          Principal = "*"
          Action    = "s3:*"
          Resource  = ["arn:aws:s3:::logs-bucket", "arn:aws:s3:::logs-bucket/*"]
          Condition = { Bool = { "aws:SecureTransport" = "false" } }
        },
        {
          Sid       = "WriteOnce"
          Effect    = "Deny"
          Principal = "*"
          Action    = "s3:PutObject"
          Resource = [
            "arn:aws:s3:::logs-bucket/prod/a/doctor/*", "arn:aws:s3:::logs-bucket/prod/a/index/*",
            "arn:aws:s3:::logs-bucket/prod/a/ndjson/*", "arn:aws:s3:::logs-bucket/prod/a/parquet/*",
          ]
          Condition = {
            Null = { "s3:if-none-match" = "true" }
            Bool = { "s3:ObjectCreationOperation" = "true" }
          }
        },
      ]
    }
    error_message = "the bucket policy is ${aws_s3_bucket_policy.logs.policy}"
  }
}

run "results_elsewhere" {
  variables {
    athena_results_url = "s3://results-bucket/"
  }

  assert {
    condition = (jsondecode(aws_iam_policy.query[0].policy).Statement[2].Resource == ["arn:aws:s3:::results-bucket/*"] &&
      jsondecode(aws_iam_policy.query[0].policy).Statement[3].Resource == ["arn:aws:s3:::results-bucket"] &&
      jsondecode(aws_iam_policy.query[0].policy).Statement[3].Condition == { StringLike = { "s3:prefix" = ["*"] } } &&
    jsondecode(aws_iam_policy.query[0].policy).Statement[4].Resource == ["arn:aws:s3:::logs-bucket", "arn:aws:s3:::results-bucket"])
    error_message = "the query policy is ${aws_iam_policy.query[0].policy}"
  }
}

run "elsewhere" {
  override_data {
    target = data.aws_partition.current
    values = { partition = "aws-cn", dns_suffix = "amazonaws.com.cn" }
  }

  variables {
    kms_key_arn = "arn:aws-cn:kms:cn-north-1:123456789012:key/abc"
  }

  assert {
    condition = jsondecode(aws_iam_policy.reader.policy).Statement[2].Condition == {
      StringEquals = { "kms:ViaService" = ["s3.cn-north-1.amazonaws.com", "s3.cn-north-1.amazonaws.com.cn"] }
      StringLike   = { "kms:EncryptionContext:aws:s3:arn" = ["arn:aws-cn:s3:::logs-bucket", "arn:aws-cn:s3:::logs-bucket/*"] }
    }
    error_message = "the reader policy is ${aws_iam_policy.reader.policy}"
  }
}
