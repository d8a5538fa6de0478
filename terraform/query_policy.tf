# For people and programs that query through the workgroup. They read the logs
# with their own rights, and write results.

locals {
  query_s3_statements = [
    {
      Sid      = "ReadLogs"
      Effect   = "Allow"
      Action   = ["s3:GetObject"]
      Resource = [for format in local.formats : "${local.bucket_arn}/${local.key_prefix}${format}/*"]
    },
    {
      Sid       = "ListLogs"
      Effect    = "Allow"
      Action    = ["s3:ListBucket"]
      Resource  = [local.bucket_arn]
      Condition = { StringLike = { "s3:prefix" = [for format in local.formats : "${local.key_prefix}${format}/*"] } }
    },
    {
      Sid      = "Results"
      Effect   = "Allow"
      Action   = ["s3:PutObject", "s3:GetObject", "s3:AbortMultipartUpload", "s3:ListMultipartUploadParts"]
      Resource = ["${local.results_arn}/${local.results_key}*"]
    },
    {
      Sid       = "ListResults"
      Effect    = "Allow"
      Action    = ["s3:ListBucket"]
      Resource  = [local.results_arn]
      Condition = { StringLike = { "s3:prefix" = ["${local.results_key}*"] } }
    },
    {
      Sid      = "LocateBuckets"
      Effect   = "Allow"
      Action   = ["s3:GetBucketLocation"]
      Resource = distinct([local.bucket_arn, local.results_arn])
    },
  ]

  # Athena asks for the database "default" whatever is queried.
  query_glue_statements = [for database in aws_glue_catalog_database.logs[*].arn : {
    Sid    = "Tables"
    Effect = "Allow"
    Action = [
      "glue:GetDatabase", "glue:GetDatabases", "glue:GetTable", "glue:GetTables",
      "glue:GetPartition", "glue:GetPartitions", "glue:BatchGetPartition",
    ]
    Resource = concat(
      [
        replace(database, "/:database/.*$/", ":catalog"),
        replace(database, "/:database/.*$/", ":database/default"),
        database,
      ],
      [for format in local.formats : aws_glue_catalog_table.logs[format].arn],
    )
  }]

  query_athena_statements = flatten([for workgroup in aws_athena_workgroup.logs[*].arn : [
    {
      Sid    = "Query"
      Effect = "Allow"
      Action = [
        "athena:StartQueryExecution", "athena:StopQueryExecution", "athena:GetQueryExecution", "athena:BatchGetQueryExecution",
        "athena:ListQueryExecutions", "athena:GetQueryResults", "athena:GetQueryResultsStream", "athena:GetQueryRuntimeStatistics",
        "athena:GetWorkGroup", "athena:GetNamedQuery", "athena:BatchGetNamedQuery", "athena:ListNamedQueries",
      ]
      Resource = [workgroup]
    },
    {
      Sid      = "Catalog"
      Effect   = "Allow"
      Action   = ["athena:GetDataCatalog", "athena:ListDatabases", "athena:GetDatabase", "athena:ListTableMetadata", "athena:GetTableMetadata"]
      Resource = [replace(workgroup, "/:workgroup/.*$/", ":datacatalog/AwsDataCatalog")]
    },
    # The console shows these names before anything is chosen.
    {
      Sid      = "Console"
      Effect   = "Allow"
      Action   = ["athena:ListDataCatalogs", "athena:ListEngineVersions", "athena:ListWorkGroups"]
      Resource = ["*"]
    },
  ]])
}

resource "aws_iam_policy" "query" {
  count = var.query ? 1 : 0

  name        = "${var.name}-query"
  description = "What querying the logs through the Athena workgroup ${var.name} needs."
  tags        = var.tags

  policy = jsonencode({
    Version = "2012-10-17"
    # Results are encrypted as logs are.
    Statement = concat(local.query_s3_statements, local.query_glue_statements, local.query_athena_statements, local.kms_write_statements)
  })
}
