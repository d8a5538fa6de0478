package ddl

import (
	"cmp"
	"fmt"
	"net/url"
	"path/filepath"
	"regexp"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/coldtail/coldtail/cmd/coldtail/bucketurl"
	"github.com/coldtail/coldtail/codec"
	"github.com/coldtail/coldtail/plugin"
)

// table is what the templates are filled with.
type table struct {
	Database, Table string
	Chunks          string // the table, or view, of the objects, on which Table is a view
	Format          codec.Format
	Ext             string // of the objects' names
	Since           string // YYYY-MM-DD
	Columns         []column

	// Location is the folder of the objects, with a slash at its end, as the
	// engine names it.
	Location  string
	Bucket    string // "" for a folder
	Prefix    string // of the keys in the bucket, with a slash at its end, or ""
	Region    string // "" where nothing says it
	Endpoint  string // the server's URL; "" for Amazon's
	PathStyle bool
}

// column is a column with the engine's name of its type, and what is its value in
// the view.
type column struct{ Name, Type, Value string }

// nameText is what every engine takes for a name, quoted.
var nameText = regexp.MustCompile(`^[a-z][a-z0-9_]{0,127}$`)

// Options are what is asked for. Names are those of the command's flags.
type Options struct {
	Format   string // parquet or ndjson
	Database string // "" is the engine's default
	Table    string
	Since    string // YYYY-MM-DD
	Bucket   string // URL
	Getenv   func(string) string
}

// Print returns the statements that make the archive a table of the engine. An
// error says which option, or which engine, it does not take.
func Print(engine string, o *Options) ([]byte, error) {
	e, err := dialectOf(engine)
	if err != nil {
		return nil, err
	}
	t, err := o.table(e)
	if err != nil {
		return nil, err
	}
	return e.print(t)
}

func (o *Options) table(e *dialect) (*table, error) {
	format, err := codec.ParseFormat(o.Format)
	if err != nil {
		return nil, fmt.Errorf("--%w", err)
	}
	t := &table{Database: cmp.Or(o.Database, e.database), Table: o.Table, Chunks: o.Table + "_chunks", Format: format, Ext: format.Ext(), Since: o.Since}
	for flag, name := range map[string]string{"--database": t.Database, "--table": t.Table} {
		if !nameText.MatchString(name) {
			return nil, fmt.Errorf("%s %q: must be of lower-case letters, digits and underscores, and start with a letter", flag, name)
		}
	}
	if _, err := time.Parse(time.DateOnly, o.Since); err != nil {
		return nil, fmt.Errorf("--since %q: must be a day such as 2026-01-31", o.Since)
	}
	for _, col := range codec.Columns() {
		t.Columns = append(t.Columns, column{col.Name, e.typeOf(col, format), e.valueOf(col, format)})
	}
	u, err := bucketurl.Parse(o.Bucket, o.Getenv)
	if err != nil {
		return nil, err
	}
	return t, t.locate(e, u, o.Getenv)
}

// locate fills in where the objects are. What the URL leaves to the AWS SDK's
// environment is told too: engines do not look there, or not at all of it.
func (t *table) locate(e *dialect, u *bucketurl.URL, getenv func(string) string) error {
	if u.Prefix != "" {
		t.Prefix = u.Prefix + "/"
	}
	t.Prefix += string(t.Format) + "/"
	switch {
	case u.File != nil:
		if !e.folders {
			return fmt.Errorf("%s reads no folders: name a bucket with --bucket or %s", e.name, plugin.EnvBucket)
		}
		t.Prefix = filepath.Join(u.File.Dir, string(t.Format)) + "/"
		t.Location = e.folder + t.Prefix
	case u.S3 != nil:
		region, endpoint, err := bucketurl.SDKEnv(getenv)
		if err != nil && (u.S3.Region == "" || u.S3.Endpoint == "") {
			return err
		}
		t.Bucket, t.Region = u.S3.Bucket, cmp.Or(u.S3.Region, region)
		t.Endpoint = strings.TrimRight(cmp.Or(u.S3.Endpoint, endpoint), "/")
		// The certificate of Amazon's hosts has no names with more dots.
		t.PathStyle = u.S3.PathStyle || t.Endpoint != "" && !u.S3.HostStyle || t.Endpoint == "" && strings.Contains(t.Bucket, ".")
	default:
		t.Bucket, t.Region, t.PathStyle = u.MinIO.Bucket, u.MinIO.Region, !u.MinIO.HostStyle
		t.Endpoint = "http://" + u.MinIO.Endpoint
		if u.MinIO.TLS {
			t.Endpoint = "https://" + u.MinIO.Endpoint
		}
	}
	if t.Endpoint != "" {
		if e.amazonOnly {
			return fmt.Errorf("%s reads Amazon's S3 only: name an s3:// bucket without endpoint with --bucket or %s", e.name, plugin.EnvBucket)
		}
		t.Region = cmp.Or(t.Region, "us-east-1") // what stores without regions take
	}
	if t.Bucket != "" {
		t.Location = e.scheme + "://" + t.Bucket + "/" + t.Prefix
	}
	return t.check()
}

// check refuses what engines take for something else than it is: patterns,
// variables and escapes, each engine its own; and what is not seen where the SQL
// is read before it is run.
func (t *table) check() error {
	// Brackets are around a host's IPv6 address.
	endpoint := strings.NewReplacer("[", "", "]", "").Replace(t.Endpoint)
	for _, place := range []struct{ what, text string }{{"folder or prefix", t.Location}, {"endpoint", endpoint}} {
		for _, r := range place.text {
			if strings.ContainsRune("*?[]{}$\\", r) || r == utf8.RuneError || codec.Visible(string(r)) != string(r) {
				return fmt.Errorf("the %s %q has a character that query engines take for a pattern, or that is not seen: %q", place.what, place.text, r)
			}
		}
	}
	return nil
}

// Host is the server's host and port.
func (t *table) Host() string {
	_, host, _ := strings.Cut(t.Endpoint, "://")
	return host
}

// TLS tells whether the server speaks it.
func (t *table) TLS() bool { return !strings.HasPrefix(t.Endpoint, "http://") }

// ObjectsURL is Location over HTTP.
func (t *table) ObjectsURL() string {
	endpoint := t.Endpoint
	if endpoint == "" {
		endpoint = "https://s3.amazonaws.com"
		if t.Region != "" {
			endpoint = "https://s3." + t.Region + ".amazonaws.com"
		}
	}
	path := (&url.URL{Path: "/" + t.Prefix}).EscapedPath()
	if t.PathStyle {
		return endpoint + "/" + t.Bucket + path
	}
	scheme, host, _ := strings.Cut(endpoint, "://")
	return scheme + "://" + t.Bucket + "." + host + path
}

// Structure lists the columns and their types, as ClickHouse's table functions
// want them.
func (t *table) Structure() string {
	var cols []string
	for _, c := range t.Columns {
		cols = append(cols, c.Name+" "+c.Type)
	}
	return strings.Join(cols, ", ")
}
