output "bucket_url" {
  description = "The value of COLDTAIL_BUCKET."
  value       = "s3://${aws_s3_bucket.logs.id}${var.prefix == "" ? "" : "/${var.prefix}"}?region=${aws_s3_bucket.logs.region}"
}

output "bucket_name" {
  description = "Name of the bucket."
  value       = aws_s3_bucket.logs.id
}

output "bucket_arn" {
  description = "ARN of the bucket."
  value       = aws_s3_bucket.logs.arn
}

output "writer_policy_arn" {
  description = "ARN of the policy for hosts that archive."
  value       = aws_iam_policy.writer.arn
}

output "reader_policy_arn" {
  description = "ARN of the policy for people and programs that read objects: coldtail logs, coldtail verify, DuckDB, Spark."
  value       = aws_iam_policy.reader.arn
}

output "query_policy_arn" {
  description = "ARN of the policy for people and programs that query through Athena; null without query."
  value       = one(aws_iam_policy.query[*].arn)
}

output "writer_role_arn" {
  description = "ARN of the role for hosts that archive; null without writer_role."
  value       = one(aws_iam_role.writer[*].arn)
}

output "writer_instance_profile_name" {
  description = "Name of the instance profile with the writer's role; null without writer_role.ec2."
  value       = one(aws_iam_instance_profile.writer[*].name)
}

output "database_name" {
  description = "Name of the Glue database; null without query."
  value       = one(aws_glue_catalog_database.logs[*].name)
}

output "table_name" {
  description = "Name of the table of Parquet objects; null without query."
  value       = one([for table in values(aws_glue_catalog_table.logs) : table.name if table.name == local.tables.parquet.name])
}

output "ndjson_table_name" {
  description = "Name of the table of NDJSON objects; null without query."
  value       = one([for table in values(aws_glue_catalog_table.logs) : table.name if table.name == local.tables.ndjson.name])
}

output "workgroup_name" {
  description = "Name of the Athena workgroup; null without query."
  value       = one(aws_athena_workgroup.logs[*].name)
}
