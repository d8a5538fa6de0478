package main

import (
	"context"
	"errors"
	"io/fs"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"github.com/docker/go-units"

	"github.com/coldtail/coldtail/archiver/bucket"
	"github.com/coldtail/coldtail/cmd/coldtail/bucketurl"
	"github.com/coldtail/coldtail/cmd/coldtail/probe"
	"github.com/coldtail/coldtail/plugin"
)

// checkBucket checks the bucket's URL, then the bucket, then whether what this
// state archived is in it.
func (d *doctor) checkBucket(ctx context.Context) {
	opened, ok := within(ctx, d.timeout, d.openBucket)
	if !ok {
		opened.res = failing("see whether the bucket's disk hangs", "it was not opened within %v", d.timeout)
	}
	d.reportAs("bucket", opened.res)
	const earlier = "earlier bucket"
	if opened.bucket == nil {
		d.reportAs(earlier, skipping("", "there is no bucket to look into"))
		return
	}
	probe.Run(ctx, probe.Config{Bucket: opened.bucket, Host: hostName(), Timeout: d.timeout}, d.report)
	d.check(ctx, earlier, func(ctx context.Context) probe.Result { return d.earlierBucket(ctx, opened.bucket, opened.bounded) })
	if opened.undo != nil {
		opened.undo()
	}
}

// opened is a bucket and what is to be said of its URL.
type opened struct {
	bucket  bucket.Bucket // nil: it cannot be opened
	bounded bool          // it removes objects by itself
	undo    func()        // removes the directories that the probe made; or nil
	res     probe.Result
}

func (d *doctor) openBucket(ctx context.Context) (o opened) {
	rawURL, standIn := d.c.bucketURL()
	u, err := bucketurl.Parse(rawURL, d.app.getenv)
	if err != nil {
		o.res = failing("set "+plugin.EnvBucket+" right; containers do not start with it", "%v", err)
		return o
	}
	o.res = passing("%s", rawURL)
	open := d.onHost(rawURL)
	if u.File != nil {
		o.res = d.folder(u, rawURL, standIn)
		o.bounded = u.File.MaxSizeBytes > 0
		dir := d.hostPath(u.File.Dir)
		o.undo = removeMade(dir)
		// Without its bound: to make room for the probe would remove the
		// oldest chunks.
		open = (&url.URL{Scheme: "file", Path: dir}).String()
	}
	b, err := bucketurl.Open(ctx, open, d.app.getenv, slog.New(slog.DiscardHandler))
	if err != nil {
		remedy := "correct the plugin's settings"
		if d.managed != nil && errors.Is(err, fs.ErrNotExist) {
			remedy = "put the file into a directory of the host, and name that by docker plugin set " + d.managed.Name + " secrets.source=DIRECTORY"
		}
		o.res = failing(remedy, "%v", err)
		return o
	}
	o.bucket = b
	return o
}

// folder judges a folder bucket's configuration.
func (d *doctor) folder(u *bucketurl.URL, rawURL string, standIn bool) probe.Result {
	bound := units.BytesSize(float64(u.File.MaxSizeBytes))
	switch {
	case standIn:
		return warning("set "+plugin.EnvBucket+" to an s3://, minio:// or file:// URL",
			"none is configured: logs go to a folder in the state directory, at most %s, oldest removed first, which is for trying out", bound)
	case d.managed != nil && !d.managed.mounted(u.File.Dir):
		return failing("use a path below "+d.managed.mount()+", or an object store",
			"%s is inside of the plugin's own root file system, which an upgrade replaces", rawURL)
	case u.File.MaxSizeBytes > 0:
		return passing("%s (of more than %s, the oldest is removed)", rawURL, bound)
	}
	return passing("%s", rawURL)
}

// onHost is a bucket's URL with the paths in it as they are on the host.
func (d *doctor) onHost(rawURL string) string {
	u, err := url.Parse(rawURL)
	if err != nil {
		return rawURL
	}
	q := u.Query()
	for _, name := range []string{"ca-file", "credentials-file"} {
		if q.Has(name) {
			q.Set(name, d.hostPath(q.Get(name)))
			u.RawQuery = q.Encode()
		}
	}
	return u.String()
}

// inCredentialsFile returns what is in the bucket's credentials file, as an
// environment.
func (d *doctor) inCredentialsFile() (environ []string) {
	rawURL, _ := d.c.bucketURL()
	u, err := bucketurl.Parse(d.onHost(rawURL), d.app.getenv)
	if err != nil {
		return nil
	}
	var file string
	switch {
	case u.S3 != nil:
		file = u.S3.CredentialsFile
	case u.MinIO != nil:
		file = u.MinIO.CredentialsFile
	}
	if file == "" {
		return nil
	}
	content, err := os.ReadFile(file)
	if err != nil {
		return nil // the check of the bucket says so
	}
	for line := range strings.Lines(string(content)) {
		if name, value, ok := strings.Cut(line, "="); ok {
			environ = append(environ, strings.ToUpper(strings.TrimSpace(name))+"="+strings.TrimSpace(value))
		}
	}
	return environ
}

// hostPath is where a path of the configuration is on this host.
func (d *doctor) hostPath(path string) string {
	if d.managed == nil {
		return path
	}
	return d.managed.hostPath(path)
}

// removeMade returns a function that removes the directories that a folder
// bucket makes at its first put, where they were not there before and are
// empty again.
func removeMade(dir string) func() {
	made := []string{filepath.Join(dir, ".tmp")}
	for p := dir; ; p = filepath.Dir(p) {
		if _, err := os.Lstat(p); err == nil || p == filepath.Dir(p) {
			break
		}
		made = append(made, p)
	}
	if _, err := os.Lstat(made[0]); err == nil {
		made = nil
	}
	return func() {
		for _, p := range made {
			_ = os.Remove(p) // is left where something is in it by now
		}
	}
}
