package plugin // beside config_test.go

// sdkSettings lists the variables that are read by what the plugin is built
// upon: the object stores' SDKs and Go's HTTP client. They have no flags.
func sdkSettings() []Setting {
	return []Setting{
		{"AWS_ACCESS_KEY_ID", "for an s3:// bucket; empty uses COLDTAIL_CREDENTIALS_FILE or the host's role"},
		{"AWS_SECRET_ACCESS_KEY", "for an s3:// bucket; docker plugin inspect shows it, but not what COLDTAIL_CREDENTIALS_FILE holds"},
		{"AWS_SESSION_TOKEN", "for an s3:// bucket, with temporary credentials"},
		{"AWS_PROFILE", "profile of COLDTAIL_CREDENTIALS_FILE; empty is default"},
		{"AWS_REGION", "for an s3:// bucket whose URL has no region"},
		{"AWS_ENDPOINT_URL_S3", "for an s3:// bucket whose URL has no endpoint"},
		{"AWS_ROLE_ARN", "role to assume with AWS_WEB_IDENTITY_TOKEN_FILE"},
		{"AWS_WEB_IDENTITY_TOKEN_FILE", "file with the token for AWS_ROLE_ARN"},
		{"AWS_EC2_METADATA_DISABLED", "true: do not ask the instance metadata service"},
		{"MINIO_ACCESS_KEY", "for a minio:// bucket"},
		{"MINIO_SECRET_KEY", "for a minio:// bucket; docker plugin inspect shows it, but not what COLDTAIL_CREDENTIALS_FILE holds"},
		{"MINIO_SESSION_TOKEN", "for a minio:// bucket, with temporary credentials"},
		{"HTTP_PROXY", "proxy for http endpoints"},
		{"HTTPS_PROXY", "proxy for https endpoints"},
		{"NO_PROXY", "hosts that need no proxy, separated by commas"},
		{"SSL_CERT_FILE", "file of certificate authorities instead of the built-in ones"},
	}
}
