// Package terraform tests the module in terraform/ where Terraform's own tests
// do not reach: against `coldtail ddl athena`, the documents, and a real server
// that holds coldtail to the module's policies. Terraform is run by `make
// terraform`; without it only the documents are compared.
package terraform
