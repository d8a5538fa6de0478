// Package bucketurl opens a bucket by its URL:
//
//	file:///path?max-size=10g
//	s3://bucket/prefix?region=eu-central-1&endpoint=https://host
//	minio://host:port/bucket/prefix?tls=false
//
// Options lists the parameters; each is also an environment variable. It is
// strict: what it does not know is an error, one sentence that names the
// parameter and what is allowed. A URL never holds credentials, so that it may
// be logged: these come from files, roles and the environment.
package bucketurl

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"net/url"
	"strings"
	"unicode"
	"unicode/utf8"

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
// gives the parameters that are not in the URL, and MinIO's credentials:
// MINIO_ACCESS_KEY, MINIO_SECRET_KEY and MINIO_SESSION_TOKEN. All other
// credentials are the SDKs' matter, which read the process's own environment.
func Open(ctx context.Context, rawURL string, getenv func(string) string, log *slog.Logger) (bucket.Bucket, error) {
	u, err := Parse(rawURL, getenv)
	if err != nil {
		return nil, err
	}
	if err := checkKeys(u, getenv); err != nil {
		return nil, fmt.Errorf("bucket credentials: %w", err)
	}
	var b bucket.Bucket
	switch {
	case u.File != nil:
		b, err = filebucket.Open(*u.File, log)
	case u.S3 != nil:
		b, err = s3bucket.Open(ctx, *u.S3)
	default:
		c := *u.MinIO
		c.AccessKey, c.SecretKey, c.SessionToken = getenv("MINIO_ACCESS_KEY"), getenv("MINIO_SECRET_KEY"), getenv("MINIO_SESSION_TOKEN")
		b, err = miniobucket.Open(c)
	}
	if err != nil {
		return nil, err
	}
	return bucket.Prefix(b, u.Prefix), nil
}

// Parse checks a bucket's URL, and the parameters that getenv gives where the
// URL does not.
func Parse(rawURL string, getenv func(string) string) (*URL, error) {
	u, err := parse(rawURL, getenv)
	if err != nil {
		return nil, fmt.Errorf("bucket URL: %w", err)
	}
	return u, nil
}

func parse(rawURL string, getenv func(string) string) (*URL, error) {
	u, err := split(rawURL)
	if err != nil {
		return nil, err
	}
	query, err := url.ParseQuery(u.RawQuery)
	if err != nil {
		return nil, errors.New("malformed parameters after the question mark")
	}
	p := &params{scheme: u.Scheme, values: query, getenv: getenv}
	result, err := parseScheme(u, p)
	if err != nil {
		return nil, err
	}
	return result, p.err()
}

// keyNames are the variables that hold credentials.
var keyNames = []string{
	"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_ACCESS_KEY", "AWS_SECRET_KEY",
	"MINIO_ACCESS_KEY", "MINIO_SECRET_KEY", "MINIO_SESSION_TOKEN",
}

// checkKeys refuses credentials that no store gives, such as those of a file
// with its line's end: the clients' own complaint would pass for an outage.
func checkKeys(u *URL, getenv func(string) string) error {
	if u.File != nil || u.S3 != nil && u.S3.CredentialsFile != "" || u.MinIO != nil && u.MinIO.CredentialsFile != "" {
		return nil
	}
	for _, name := range keyNames {
		if strings.ContainsFunc(getenv(name), func(r rune) bool { return r <= ' ' || r > '~' }) {
			return fmt.Errorf("%s has a blank, a line's end or another character in it that no key has: set it without", name)
		}
	}
	return nil
}

// split refuses what no bucket's URL has. What it refuses may have a password in
// it, wherever: nothing of it is shown.
func split(rawURL string) (*url.URL, error) {
	if strings.TrimSpace(rawURL) != rawURL {
		return nil, errors.New("must not begin or end with a blank or a line's end")
	}
	u, err := url.Parse(rawURL)
	switch {
	case err != nil && strings.ContainsFunc(rawURL, unicode.IsControl):
		return nil, errors.New("not a URL: it has a control character in it")
	case err != nil:
		return nil, errors.New("not a URL: write file:///path, s3://bucket/prefix or minio://host:port/bucket/prefix, and odd characters as %20")
	case u.User != nil:
		return nil, errors.New("must not contain a user name or password: name a file with credentials-file, or set them in the environment")
	case u.Fragment != "":
		return nil, errors.New("must not contain a # part")
	case u.Opaque != "":
		return nil, errors.New("must have // after the colon, as in file:///path, s3://bucket or minio://host:port/bucket")
	case strings.ContainsFunc(u.Path, unicode.IsControl):
		return nil, errors.New("must not contain control characters, nor as %0D")
	}
	return u, nil
}

func parseScheme(u *url.URL, p *params) (*URL, error) {
	switch u.Scheme {
	case schemeFile:
		return parseFile(u, p)
	case schemeS3:
		return parseS3(u, p)
	case schemeMinIO:
		return parseMinIO(u, p)
	}
	return nil, errors.New("must start with file://, s3:// or minio://")
}

func parseFile(u *url.URL, p *params) (*URL, error) {
	if u.Host != "" && u.Host != "localhost" || u.Path == "" {
		return nil, errors.New("a folder needs an absolute path, as in file:///var/lib/coldtail (three slashes)")
	}
	return &URL{File: &filebucket.Config{Dir: u.Path, MaxSizeBytes: p.size("max-size", 1, math.MaxInt64, 0)}}, nil
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
	cfg := &s3bucket.Config{Bucket: u.Host, Region: p.matching("region", isRegion), Endpoint: p.endpoint("endpoint"), Options: storeOptions(p)}
	cfg.PathStyle, cfg.HostStyle = p.boolean("path-style", cfg.Endpoint != ""), !p.boolean("path-style", true)
	return &URL{S3: cfg, Prefix: prefix}, nil
}

func parseMinIO(u *url.URL, p *params) (*URL, error) {
	name, rest, _ := strings.Cut(strings.TrimPrefix(u.Path, "/"), "/")
	if u.Hostname() == "" || name == "" {
		return nil, errors.New("MinIO needs a server and a bucket, as in minio://host:9000/bucket/prefix")
	}
	if !validPort(u) {
		return nil, errors.New("a server's port is a number from 1 to 65535, as in minio://host:9000/bucket/prefix")
	}
	prefix, err := parsePrefix(rest)
	if err != nil {
		return nil, err
	}
	if err := checkName(name); err != nil {
		return nil, err
	}
	return &URL{Prefix: prefix, MinIO: &miniobucket.Config{
		Endpoint: u.Host, Bucket: name, TLS: p.boolean("tls", true), Region: p.matching("region", isRegion),
		HostStyle: !p.boolean("path-style", true), Options: storeOptions(p),
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
	if bad && strings.Contains(name, "@") {
		name = "what is before and after the @" // may be a password
	}
	if bad {
		return fmt.Errorf("%q cannot be a bucket's name: these have 3 to 63 lower-case letters, digits, hyphens and dots, and start and end with a letter or digit", name)
	}
	return nil
}

func alphanumeric(r rune) bool {
	return 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9'
}

// prefixMaxBytes leaves room for the longest key, a marker by name of some 690
// bytes, in the 1,024 bytes that S3 allows: beyond it a container with long names
// could never be archived.
const prefixMaxBytes = 300

// parsePrefix refuses prefixes that stores or their tools understand differently.
func parsePrefix(path string) (string, error) {
	prefix := strings.Trim(path, "/")
	if !utf8.ValidString(prefix) {
		return "", errors.New("the prefix must be UTF-8")
	}
	if len(prefix) > prefixMaxBytes {
		return "", fmt.Errorf("the prefix must be at most %d bytes long, as keys have at most 1024", prefixMaxBytes)
	}
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
