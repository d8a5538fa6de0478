terraform {
  # 1.7 mocks providers in tests.
  required_version = ">= 1.7"

  required_providers {
    aws = {
      source = "hashicorp/aws"
      # 5.70 knows transition_default_minimum_object_size.
      version = ">= 5.70, < 7.0"
    }
  }
}
