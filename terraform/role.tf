# A role for hosts that archive, which several kinds of callers may assume.

data "aws_caller_identity" "current" {
  count = local.trust.ecs ? 1 : 0
}

locals {
  # Never null, so that the statements below can be written without asking.
  trust = {
    ec2        = try(var.writer_role.ec2, false)
    ecs        = try(var.writer_role.ecs, false)
    irsa       = try(var.writer_role.irsa, null)
    principals = try(var.writer_role.principals, null)
  }

  # Who the service itself is does not tell for whom it acts.
  trust_ecs = [for account in data.aws_caller_identity.current[*].account_id : {
    Sid       = "ECS"
    Effect    = "Allow"
    Principal = { Service = "ecs-tasks.amazonaws.com" }
    Action    = "sts:AssumeRole"
    Condition = {
      StringEquals = { "aws:SourceAccount" = account }
      ArnLike      = { "aws:SourceArn" = "arn:${data.aws_partition.current.partition}:ecs:*:${account}:*" }
    }
  }]

  trust_ec2 = [for wanted in [local.trust.ec2] : {
    Sid       = "EC2"
    Effect    = "Allow"
    Principal = { Service = "ec2.amazonaws.com" }
    Action    = "sts:AssumeRole"
  } if wanted]

  trust_irsa = [for irsa in [local.trust.irsa] : {
    Sid       = "IRSA"
    Effect    = "Allow"
    Principal = { Federated = irsa.oidc_provider_arn }
    Action    = "sts:AssumeRoleWithWebIdentity"
    Condition = {
      StringEquals = {
        "${split("oidc-provider/", irsa.oidc_provider_arn)[1]}:aud" = "sts.amazonaws.com"
        "${split("oidc-provider/", irsa.oidc_provider_arn)[1]}:sub" = [for account in sort(irsa.service_accounts) : "system:serviceaccount:${account}"]
      }
    }
  } if irsa != null]

  trust_principals = [for principals in [local.trust.principals] : merge(
    {
      Sid       = "Principals"
      Effect    = "Allow"
      Principal = { AWS = sort(principals.arns) }
      Action    = "sts:AssumeRole"
    },
    { for id in compact([principals.external_id]) : "Condition" => { StringEquals = { "sts:ExternalId" = id } } },
  ) if principals != null]
}

resource "aws_iam_role" "writer" {
  count = var.writer_role == null ? 0 : 1

  name                 = "${var.name}-writer"
  description          = "Hosts and tasks that archive with coldtail."
  permissions_boundary = var.writer_role.permissions_boundary_arn
  tags                 = var.tags

  assume_role_policy = jsonencode({
    Version   = "2012-10-17"
    Statement = concat(local.trust_ec2, local.trust_ecs, local.trust_irsa, local.trust_principals)
  })
}

resource "aws_iam_role_policy_attachment" "writer" {
  count = var.writer_role == null ? 0 : 1

  role       = aws_iam_role.writer[0].name
  policy_arn = aws_iam_policy.writer.arn
}

resource "aws_iam_instance_profile" "writer" {
  count = local.trust.ec2 ? 1 : 0

  name = "${var.name}-writer"
  role = aws_iam_role.writer[0].name
  tags = var.tags
}
