package bucketurl

import (
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/coldtail/coldtail/archiver/bucket/s3http"
)

// base is a URL of each scheme without parameters.
var base = map[string]string{schemeFile: "file:///logs", schemeS3: "s3://logs", schemeMinIO: "minio://h:9000/logs"}

func yes(b bool) *bool { return &b }

// TestStoreOptions gives each option in the URL, and again in the environment.
func TestStoreOptions(t *testing.T) {
	const role = "arn:aws:iam::123456789012:role/logs/writer"
	for _, tc := range []struct {
		options map[string]string
		want    func(*s3http.Options)
	}{
		{map[string]string{"ca-file": "/ca.pem"}, ca},
		{map[string]string{"credentials-file": "/run/keys"}, func(o *s3http.Options) { o.CredentialsFile = "/run/keys" }},
		{map[string]string{"role-arn": role}, func(o *s3http.Options) { o.Role.ARN = role }},
		{
			map[string]string{"role-arn": role, "role-external-id": "a1-b2:c/3", "role-session-name": "host-7", "role-endpoint": "https://sts.example"},
			func(o *s3http.Options) {
				o.Role = s3http.Role{ARN: role, ExternalID: "a1-b2:c/3", SessionName: "host-7", Endpoint: "https://sts.example"}
			},
		},
		{map[string]string{"storage-class": "STANDARD_IA"}, func(o *s3http.Options) { o.StorageClass = "STANDARD_IA" }},
		{map[string]string{"sse": "aes256"}, func(o *s3http.Options) { o.Encryption.Algorithm = "AES256" }},
		{
			map[string]string{"sse": "aws:kms", "sse-kms-key-id": "alias/logs", "sse-bucket-key": "true"},
			func(o *s3http.Options) {
				o.Encryption = s3http.Encryption{Algorithm: "aws:kms", KeyID: "alias/logs", BucketKey: yes(true)}
			},
		},
		{
			map[string]string{"sse": "aws:kms", "sse-bucket-key": "false"},
			func(o *s3http.Options) { o.Encryption = s3http.Encryption{Algorithm: "aws:kms", BucketKey: yes(false)} },
		},
		{
			map[string]string{"tags": "team=ops,env=prod=1,empty=,größe=1 m"},
			func(o *s3http.Options) {
				o.Tags = []s3http.Tag{{Key: "team", Value: "ops"}, {Key: "env", Value: "prod=1"}, {Key: "empty"}, {Key: "größe", Value: "1 m"}}
			},
		},
		{map[string]string{"request-checksum": "when-supported"}, func(o *s3http.Options) { o.Checksums = s3http.WhenSupported }},
		{map[string]string{"request-checksum": "When-Required"}, func(o *s3http.Options) { o.Checksums = s3http.WhenRequired }},
		{map[string]string{"multipart-threshold": "5m"}, func(o *s3http.Options) { o.MultipartBytes = 5 << 20 }},
		{map[string]string{"concurrency": "64"}, func(o *s3http.Options) { o.Concurrency = 64 }},
		{
			map[string]string{"object-lock-mode": "compliance", "object-lock-retention": "7y"},
			func(o *s3http.Options) { o.Retention = s3http.Retention{Mode: "COMPLIANCE", Years: 7} },
		},
		{
			map[string]string{"object-lock-mode": "GOVERNANCE", "object-lock-retention": "30d"},
			func(o *s3http.Options) { o.Retention = s3http.Retention{Mode: "GOVERNANCE", Days: 30} },
		},
	} {
		want := plain(tc.want)
		query, env := "", map[string]string{}
		for name, value := range tc.options {
			query += "&" + name + "=" + value
			env[EnvName(name)] = value
		}
		for _, scheme := range []string{schemeS3, schemeMinIO} {
			for how, parsed := range map[string]func() (*URL, error){
				"query":       func() (*URL, error) { return Parse(base[scheme]+"?"+strings.TrimPrefix(query, "&"), none) },
				"environment": func() (*URL, error) { return Parse(base[scheme], environment(env)) },
			} {
				u, err := parsed()
				if err != nil {
					t.Errorf("%s, %s: %v: %v", scheme, how, tc.options, err)
					continue
				}
				var got s3http.Options
				if u.S3 != nil {
					got = u.S3.Options
				} else {
					got = u.MinIO.Options
				}
				if !reflect.DeepEqual(got, want) {
					t.Errorf("%s, %s: %s", scheme, how, cmp.Diff(want, got))
				}
			}
		}
	}
}

// TestStoreOptionsRefused wants the option's name and what is allowed, by the
// name that the user gave it.
func TestStoreOptionsRefused(t *testing.T) {
	for query, want := range map[string]string{
		"role-arn=writer":                                        `role-arn="writer" must be an ARN such as`,
		"role-external-id=abc":                                   "role-external-id needs role-arn",
		"role-session-name=abc":                                  "role-session-name needs role-arn",
		"role-endpoint=https://h":                                "role-endpoint needs role-arn",
		"role-arn=arn:aws:iam::1:r&role-external-id=*":           `role-external-id="*" must be 2 or more letters`,
		"role-arn=arn:aws:iam::1:r&role-session-name=a%20b":      `role-session-name="a b" must be 2 to 64 letters`,
		"role-arn=arn:aws:iam::1:r&role-endpoint=host":           `role-endpoint="host" must be a URL such as`,
		"storage-class=cold%20storage":                           `storage-class="cold storage" must be upper-case letters`,
		"sse=rot13":                                              `sse="rot13" must be AES256 or aws:kms`,
		"sse-kms-key-id=k":                                       "sse-kms-key-id needs sse=aws:kms",
		"sse=AES256&sse-kms-key-id=k":                            "sse-kms-key-id needs sse=aws:kms",
		"sse=AES256&sse-bucket-key=true":                         "sse-bucket-key needs sse=aws:kms",
		"sse=aws:kms&sse-bucket-key=maybe":                       `sse-bucket-key="maybe" must be true or false`,
		"sse=aws:kms&sse-kms-key-id=a%20b":                       `sse-kms-key-id="a b" must be a key's id`,
		"tags=team":                                              `tags="team" must be at most 10 key=value`,
		"tags==ops":                                              "must be at most 10 key=value",
		"tags=a=1,a=2":                                           `tags has the key "a" twice`,
		"tags=a=%3Cb%3E":                                         "keys and values have letters",
		"tags=" + strings.Repeat("x", 129) + "=":                 "a key has at most 128",
		"tags=a=1,b=,c=,d=,e=,f=,g=,h=,i=,j=,k=":                 "must be at most 10 key=value",
		"request-checksum=always":                                `request-checksum="always" must be when-supported or when-required`,
		"multipart-threshold=1m":                                 `multipart-threshold="1m" must be a size from 5m to 5g`,
		"multipart-threshold=6g":                                 "must be a size from 5m to 5g",
		"concurrency=0":                                          `concurrency="0" must be a number from 1 to 64`,
		"concurrency=65":                                         "must be a number from 1 to 64",
		"concurrency=four":                                       "must be a number from 1 to 64",
		"object-lock-mode=governance":                            "object-lock-mode needs object-lock-retention",
		"object-lock-retention=30d":                              "object-lock-retention needs object-lock-mode",
		"object-lock-mode=legal&object-lock-retention=30d":       `object-lock-mode="legal" must be governance or compliance`,
		"object-lock-mode=compliance&object-lock-retention=30":   `object-lock-retention="30" must be days or years`,
		"object-lock-mode=compliance&object-lock-retention=0d":   "must be days or years",
		"object-lock-mode=compliance&object-lock-retention=101y": "at most 100 years",
		"credentials-file=":                                      "credentials-file is empty",
	} {
		for _, scheme := range []string{schemeS3, schemeMinIO} {
			if _, err := Parse(base[scheme]+"?"+query, none); err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%s?%s: %v, want %q in it", base[scheme], query, err, want)
			}
		}
	}
	for env, want := range map[string]string{
		"COLDTAIL_SSE=rot13":          `COLDTAIL_SSE="rot13" must be AES256 or aws:kms`,
		"COLDTAIL_REGION=eu central":  `COLDTAIL_REGION="eu central" must be a region's name`,
		"COLDTAIL_PATH_STYLE=si":      `COLDTAIL_PATH_STYLE="si" must be true or false`,
		"COLDTAIL_ROLE_EXTERNAL_ID=x": `COLDTAIL_ROLE_EXTERNAL_ID="x" must be`,
		"COLDTAIL_MAX_SIZE=1g":        "COLDTAIL_MAX_SIZE is set, but only file:// has max-size: unset it, or change",
	} {
		name, value, _ := strings.Cut(env, "=")
		for _, scheme := range []string{schemeS3, schemeMinIO} {
			if _, err := Parse(base[scheme], environment(map[string]string{name: value})); err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%s with %s: %v, want %q in it", base[scheme], env, err, want)
			}
		}
	}
	// A lock that a folder cannot keep is not ignored, nor is any other.
	for _, o := range Options() {
		if slices.Contains(o.Schemes, schemeFile) {
			continue
		}
		_, err := Parse(base[schemeFile], environment(map[string]string{o.Env(): "x"}))
		if err == nil || !strings.Contains(err.Error(), o.Env()+" is set, but only s3://") && !strings.Contains(err.Error(), o.Env()+" is set, but only minio://") {
			t.Errorf("file:// with %s: %v", o.Env(), err)
		}
	}
}

func TestURLCountsBeforeEnvironment(t *testing.T) {
	env := environment(map[string]string{"COLDTAIL_REGION": "us-west-2", "COLDTAIL_CONCURRENCY": "7"})
	u, err := Parse("s3://logs?region=eu-west-1", env)
	if err != nil || u.S3.Region != "eu-west-1" || u.S3.Concurrency != 7 {
		t.Errorf("%+v, %v", u, err)
	}
}

// TestOptionsAreThoseThatAreParsed keeps the list in step with the parser: what
// it does not list is unknown, and what it lists is asked for.
func TestOptionsAreThoseThatAreParsed(t *testing.T) {
	for scheme, raw := range base {
		p := &params{scheme: scheme, getenv: none}
		u, err := split(raw)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := parseScheme(u, p); err != nil {
			t.Fatal(err)
		}
		slices.Sort(p.asked)
		if got := slices.Compact(p.asked); !slices.Equal(got, optionsOf(scheme)) {
			t.Errorf("%s", cmp.Diff(optionsOf(scheme), got))
		}
	}
}

// TestDocumentedOptions compares the table of docs/configuration.md.
func TestDocumentedOptions(t *testing.T) {
	b, err := os.ReadFile("../../../docs/configuration.md")
	if err != nil {
		t.Fatal(err)
	}
	var want []string
	for _, o := range Options() {
		var schemes []string
		for _, s := range o.Schemes {
			schemes = append(schemes, "`"+s+"`")
		}
		want = append(want, strings.Join([]string{"| `" + o.Name + "`", "`" + o.Env() + "`", strings.Join(schemes, " "), o.Description, o.Values, o.Default + " |"}, " | "))
	}
	var got []string
	for line := range strings.SplitSeq(string(b), "\n") {
		if strings.HasPrefix(line, "| `") && strings.Contains(line, "| `COLDTAIL_") && strings.Count(line, "|") == 7 {
			got = append(got, line)
		}
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("the table of options should be:\n%s\n\n%s", strings.Join(want, "\n"), d)
	}
}
