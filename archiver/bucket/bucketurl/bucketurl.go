// Package bucketurl opens a bucket by its URL:
//
//	file:///path?max-size=10g
//	s3://bucket/prefix?region=eu-central-1&endpoint=https://host&path-style=true&ca-file=/path
//	minio://host:port/bucket/prefix?tls=false&region=us-east-1&ca-file=/path
//
// It is strict: what it does not know is an error, one sentence that names the
// parameter and what is allowed. A URL never holds credentials, so that it may
// be logged: these come from the environment.
package bucketurl

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/docker/go-units"

	"github.com/coldtail/coldtail/archiver/bucket"
	"github.com/coldtail/coldtail/archiver/bucket/filebucket"
	"github.com/coldtail/coldtail/archiver/bucket/miniobucket"
	"github.com/coldtail/coldtail/archiver/bucket/s3bucket"
)

// URL is what a bucket's URL says. Exactly one of File, S3 and MinIO is set.
type URL struct {
	Prefix string // without slashes around it
	File   *filebucket.Config
	S3     *s3bucket.Config
	MinIO  *miniobucket.Config // without credentials
}

// Open opens the bucket without touching the network: it may be away. getenv
// gives MinIO's credentials, MINIO_ACCESS_KEY and MINIO_SECRET_KEY; those of S3
// are the AWS SDK's matter.
func Open(ctx context.Context, rawURL string, getenv func(string) string, log *slog.Logger) (bucket.Bucket, error) {
	u, err := Parse(rawURL)
	if err != nil {
		return nil, err
	}
	var b bucket.Bucket
	switch {
	case u.File != nil:
		b, err = filebucket.Open(*u.File, log)
	case u.S3 != nil:
		b, err = s3bucket.Open(ctx, *u.S3)
	default:
		u.MinIO.AccessKey, u.MinIO.SecretKey = getenv("MINIO_ACCESS_KEY"), getenv("MINIO_SECRET_KEY")
		if u.MinIO.AccessKey == "" || u.MinIO.SecretKey == "" {
			return nil, errors.New("bucket URL: minio:// needs MINIO_ACCESS_KEY and MINIO_SECRET_KEY in the environment")
		}
		b, err = miniobucket.Open(*u.MinIO)
	}
	if err != nil {
		return nil, err
	}
	return bucket.Prefix(b, u.Prefix), nil
}

// Parse checks a bucket's URL.
func Parse(rawURL string) (*URL, error) {
	u, err := parse(rawURL)
	if err != nil {
		return nil, fmt.Errorf("bucket URL: %w", err)
	}
	return u, nil
}

func parse(rawURL string) (*URL, error) {
	u, err := url.Parse(rawURL)
	if err != nil {
		// url.Parse's error repeats the URL, which might have a password in it.
		var parseErr *url.Error
		if errors.As(err, &parseErr) {
			err = parseErr.Err
		}
		return nil, fmt.Errorf("not a URL: %w", err)
	}
	switch {
	case u.User != nil:
		return nil, errors.New("must not contain a user name or password: set credentials in the environment")
	case u.Fragment != "":
		return nil, errors.New("must not contain a # part")
	case u.Opaque != "":
		return nil, errors.New("must have // after the colon, as in file:///path, s3://bucket or minio://host:port/bucket")
	}
	query, err := url.ParseQuery(u.RawQuery)
	if err != nil {
		return nil, errors.New("malformed parameters after the question mark")
	}
	p := &params{values: query}
	var result *URL
	switch u.Scheme {
	case "file":
		result, err = parseFile(u, p)
	case "s3":
		result, err = parseS3(u, p)
	case "minio":
		result, err = parseMinIO(u, p)
	default:
		return nil, errors.New("must start with file://, s3:// or minio://")
	}
	if err != nil {
		return nil, err
	}
	return result, p.err(u.Scheme)
}

func parseFile(u *url.URL, p *params) (*URL, error) {
	if u.Host != "" && u.Host != "localhost" || u.Path == "" {
		return nil, errors.New("a folder needs an absolute path, as in file:///var/lib/coldtail (three slashes)")
	}
	return &URL{File: &filebucket.Config{Dir: u.Path, MaxSizeBytes: p.size("max-size")}}, nil
}

func parseS3(u *url.URL, p *params) (*URL, error) {
	if u.Host == "" || u.Port() != "" {
		return nil, errors.New("S3 needs a bucket's name, as in s3://bucket/prefix; a server's address goes into endpoint=")
	}
	prefix, err := parsePrefix(u.Path)
	if err != nil {
		return nil, err
	}
	if err := checkName(u.Host); err != nil {
		return nil, err
	}
	cfg := &s3bucket.Config{Bucket: u.Host, Region: p.region("region"), Endpoint: p.endpoint("endpoint"), CAFile: p.text("ca-file")}
	// Most stores other than Amazon's have no host name for each bucket.
	cfg.PathStyle = p.boolean("path-style", cfg.Endpoint != "")
	return &URL{S3: cfg, Prefix: prefix}, nil
}

func parseMinIO(u *url.URL, p *params) (*URL, error) {
	name, rest, _ := strings.Cut(strings.TrimPrefix(u.Path, "/"), "/")
	if u.Hostname() == "" || name == "" {
		return nil, errors.New("MinIO needs a server and a bucket, as in minio://host:9000/bucket/prefix")
	}
	prefix, err := parsePrefix(rest)
	if err != nil {
		return nil, err
	}
	if err := checkName(name); err != nil {
		return nil, err
	}
	return &URL{Prefix: prefix, MinIO: &miniobucket.Config{
		Endpoint: u.Host, Bucket: name, TLS: p.boolean("tls", true), Region: p.region("region"), CAFile: p.text("ca-file"),
	}}, nil
}

// checkName refuses what no store takes for a bucket's name, since a store that
// is away cannot say so: the clients' own complaint would pass for an outage,
// and be repeated for ever. Capitals and underscores are not Amazon's any more,
// but some stores'.
func checkName(name string) error {
	const punctuation = "-._"
	bad := len(name) < 3 || len(name) > 63 || strings.Contains(name, "..") ||
		strings.ContainsRune(punctuation, rune(name[0])) || strings.ContainsRune(punctuation, rune(name[len(name)-1]))
	for _, r := range name {
		bad = bad || !alphanumeric(r) && !strings.ContainsRune(punctuation, r)
	}
	if bad {
		return fmt.Errorf("%q cannot be a bucket's name: these have 3 to 63 lower-case letters, digits, hyphens and dots, and start and end with a letter or digit", name)
	}
	return nil
}

func alphanumeric(r rune) bool {
	return 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9'
}

// parsePrefix refuses prefixes that stores or their tools understand differently.
func parsePrefix(path string) (string, error) {
	prefix := strings.Trim(path, "/")
	if prefix == "" {
		return "", nil
	}
	for part := range strings.SplitSeq(prefix, "/") {
		if part == "" || part == "." || part == ".." {
			return "", errors.New("the prefix must not contain the parts . and .. or empty ones")
		}
	}
	return prefix, nil
}

// params takes parameters out of a query and remembers the first that is wrong.
type params struct {
	values url.Values
	known  []string
	first  error
}

// text returns a parameter's value, or "".
func (p *params) text(name string) string {
	p.known = append(p.known, name)
	v, ok := p.values[name]
	switch {
	case !ok:
		return ""
	case len(v) > 1:
		p.fail("%s is given more than once", name)
	case v[0] == "":
		p.fail("%s is empty", name)
	}
	return v[0]
}

func (p *params) fail(format string, args ...any) {
	if p.first == nil {
		p.first = fmt.Errorf(format, args...)
	}
}

func (p *params) boolean(name string, byDefault bool) bool {
	v := p.text(name)
	if v == "" {
		return byDefault
	}
	b, err := strconv.ParseBool(v)
	if err != nil {
		p.fail("%s=%q must be true or false", name, v)
	}
	return b
}

// region is checked for the same reason as a bucket's name.
func (p *params) region(name string) string {
	v := p.text(name)
	if strings.ContainsFunc(v, func(r rune) bool { return !alphanumeric(r) && r != '-' }) {
		p.fail("%s=%q must be a region's name such as eu-central-1", name, v)
	}
	return v
}

func (p *params) size(name string) int64 {
	v := p.text(name)
	if v == "" {
		return 0
	}
	n, err := units.RAMInBytes(v)
	if err != nil || n <= 0 {
		p.fail("%s=%q must be a size such as 500m or 10g", name, v)
	}
	return n
}

func (p *params) endpoint(name string) string {
	v := p.text(name)
	if v == "" {
		return ""
	}
	u, err := url.Parse(v)
	switch {
	case err == nil && u.User != nil, err != nil && strings.Contains(v, "@"):
		p.fail("%s must not contain a user name or password: set credentials in the environment", name)
	case err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.RawQuery != "" || u.Fragment != "":
		p.fail("%s=%q must be a URL such as https://host:9000", name, v)
	}
	return v
}

// err is the first wrong parameter, or one that nothing asked for. Its value
// is not shown: it may be a secret in the wrong place.
func (p *params) err(scheme string) error {
	if p.first != nil {
		return p.first
	}
	unknown := []string{}
	for name := range p.values {
		if !slices.Contains(p.known, name) {
			unknown = append(unknown, name)
		}
	}
	if len(unknown) == 0 {
		return nil
	}
	slices.Sort(unknown)
	slices.Sort(p.known)
	return fmt.Errorf("unknown parameter %q: %s:// allows %s", unknown[0], scheme, strings.Join(p.known, ", "))
}
