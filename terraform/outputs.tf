output "bucket_url" {
  description = "The value of COLDTAIL_BUCKET."
  value       = "s3://${aws_s3_bucket.logs.id}${var.prefix == "" ? "" : "/${var.prefix}"}?region=${aws_s3_bucket.logs.region}"
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
  description = "ARN of the policy for people and engines that read."
  value       = aws_iam_policy.reader.arn
}
