# Who may assume the writer's role.

mock_provider "aws" {
  mock_data "aws_partition" {
    defaults = { partition = "aws", dns_suffix = "amazonaws.com" }
  }
  mock_data "aws_caller_identity" {
    defaults = { account_id = "123456789012" }
  }
  mock_resource "aws_iam_policy" {
    defaults = { arn = "arn:aws:iam::123456789012:policy/another" }
  }
  mock_resource "aws_iam_role" {
    defaults = { arn = "arn:aws:iam::123456789012:role/writer" }
  }
}

override_resource {
  target = aws_iam_policy.writer
  values = { arn = "arn:aws:iam::123456789012:policy/writer" }
}

variables {
  bucket_name = "logs-bucket"
  name        = "shop"
}

run "none_by_default" {
  assert {
    condition     = length(aws_iam_role.writer) + length(aws_iam_role_policy_attachment.writer) + length(aws_iam_instance_profile.writer) == 0
    error_message = "there is a role that nobody asked for"
  }
  assert {
    condition     = output.writer_role_arn == null && output.writer_instance_profile_name == null
    error_message = "a role is announced that is not there"
  }
}

run "ec2" {
  variables {
    writer_role = { ec2 = true, permissions_boundary_arn = "arn:aws:iam::123456789012:policy/boundary" }
  }

  assert {
    condition = jsondecode(aws_iam_role.writer[0].assume_role_policy) == {
      Version   = "2012-10-17"
      Statement = [{ Sid = "EC2", Effect = "Allow", Principal = { Service = "ec2.amazonaws.com" }, Action = "sts:AssumeRole" }]
    }
    error_message = "the role is trusted to ${aws_iam_role.writer[0].assume_role_policy}"
  }
  assert {
    condition     = aws_iam_role.writer[0].permissions_boundary == "arn:aws:iam::123456789012:policy/boundary"
    error_message = "the role has no boundary"
  }
  assert {
    condition = (aws_iam_role_policy_attachment.writer[0].role == "shop-writer" &&
    aws_iam_role_policy_attachment.writer[0].policy_arn == "arn:aws:iam::123456789012:policy/writer")
    error_message = "the role has another policy than the writer's"
  }
  assert {
    condition     = aws_iam_instance_profile.writer[0].role == "shop-writer" && output.writer_instance_profile_name == "shop-writer"
    error_message = "instances cannot take the role"
  }
  assert {
    condition     = output.writer_role_arn == "arn:aws:iam::123456789012:role/writer"
    error_message = "writer_role_arn is ${output.writer_role_arn}"
  }
}

run "ecs" {
  variables {
    writer_role = { ecs = true }
  }

  assert {
    condition = jsondecode(aws_iam_role.writer[0].assume_role_policy) == {
      Version = "2012-10-17"
      Statement = [{
        Sid       = "ECS"
        Effect    = "Allow"
        Principal = { Service = "ecs-tasks.amazonaws.com" }
        Action    = "sts:AssumeRole"
        Condition = {
          StringEquals = { "aws:SourceAccount" = "123456789012" }
          ArnLike      = { "aws:SourceArn" = "arn:aws:ecs:*:123456789012:*" }
        }
      }]
    }
    error_message = "the role is trusted to ${aws_iam_role.writer[0].assume_role_policy}"
  }
  assert {
    condition     = length(aws_iam_instance_profile.writer) == 0
    error_message = "instances can take a role that is for tasks"
  }
}

run "irsa" {
  variables {
    writer_role = {
      irsa = {
        oidc_provider_arn = "arn:aws:iam::123456789012:oidc-provider/oidc.eks.eu-central-1.amazonaws.com/id/AB12"
        service_accounts  = ["logging:coldtail", "apps:batch"]
      }
    }
  }

  assert {
    condition = jsondecode(aws_iam_role.writer[0].assume_role_policy) == {
      Version = "2012-10-17"
      Statement = [{
        Sid       = "IRSA"
        Effect    = "Allow"
        Principal = { Federated = "arn:aws:iam::123456789012:oidc-provider/oidc.eks.eu-central-1.amazonaws.com/id/AB12" }
        Action    = "sts:AssumeRoleWithWebIdentity"
        Condition = {
          StringEquals = {
            "oidc.eks.eu-central-1.amazonaws.com/id/AB12:aud" = "sts.amazonaws.com"
            "oidc.eks.eu-central-1.amazonaws.com/id/AB12:sub" = ["system:serviceaccount:apps:batch", "system:serviceaccount:logging:coldtail"]
          }
        }
      }]
    }
    error_message = "the role is trusted to ${aws_iam_role.writer[0].assume_role_policy}"
  }
}

run "principals" {
  variables {
    writer_role = {
      principals = {
        arns        = ["arn:aws:iam::210987654321:user/edge", "arn:aws:iam::123456789012:role/hosts"]
        external_id = "shop-1"
      }
    }
  }

  assert {
    condition = jsondecode(aws_iam_role.writer[0].assume_role_policy) == {
      Version = "2012-10-17"
      Statement = [{
        Sid       = "Principals"
        Effect    = "Allow"
        Principal = { AWS = ["arn:aws:iam::123456789012:role/hosts", "arn:aws:iam::210987654321:user/edge"] }
        Action    = "sts:AssumeRole"
        Condition = { StringEquals = { "sts:ExternalId" = "shop-1" } }
      }]
    }
    error_message = "the role is trusted to ${aws_iam_role.writer[0].assume_role_policy}"
  }
}

run "several" {
  variables {
    writer_role = { ec2 = true, ecs = true, principals = { arns = ["arn:aws:iam::123456789012:root"] } }
  }

  assert {
    condition     = jsondecode(aws_iam_role.writer[0].assume_role_policy).Statement[*].Sid == ["EC2", "ECS", "Principals"]
    error_message = "the role is trusted to ${aws_iam_role.writer[0].assume_role_policy}"
  }
}
