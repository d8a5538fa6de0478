package bucketurl

import "fmt"

// SDKEnv returns the region and the address that the AWS SDK takes from its
// environment where a URL has none, by the checks of the URL's parameters. Its
// errors do not show an address, in which there may be a password.
func SDKEnv(getenv func(string) string) (region, endpoint string, err error) {
	var from string
	for _, from = range []string{"AWS_REGION", "AWS_DEFAULT_REGION"} {
		if region = getenv(from); region != "" {
			break
		}
	}
	if region != "" && !isRegion.MatchString(region) {
		return "", "", fmt.Errorf("%s=%q must be a region's name such as eu-central-1", from, region)
	}
	for _, from = range []string{"AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL"} {
		if endpoint = getenv(from); endpoint != "" {
			break
		}
	}
	if endpoint == "" {
		return region, "", nil
	}
	switch named, ok := checkEndpoint(endpoint); {
	case named:
		return "", "", fmt.Errorf("%s must not contain a user name or password: name a file with credentials-file, or set them in the environment", from)
	case !ok:
		return "", "", fmt.Errorf("%s must be a URL such as https://host:9000", from)
	}
	return region, endpoint, nil
}
