package archiver

import (
	"errors"

	"github.com/prometheus/client_golang/prometheus"
)

// metrics are the Archiver's, counted since the process started.
type metrics struct {
	entries, bytes                          prometheus.Counter
	lostBytes, quarantined, corrupt, panics prometheus.Counter
	uploads, uploadBytes, uploadEntries     prometheus.Counter
	dropped, uploadErrors, spoolErrors      prometheus.Counter
	asideRemoved                            prometheus.Counter
	commitSeconds, uploadSeconds            prometheus.Histogram
}

const namespace = "coldtail"

// newMetrics registers the metrics; without a registerer they count for nobody.
func newMetrics(reg prometheus.Registerer, a *Archiver) (*metrics, error) {
	var cs []prometheus.Collector
	counter := func(name, help string) prometheus.Counter {
		c := prometheus.NewCounter(prometheus.CounterOpts{Namespace: namespace, Name: name, Help: help})
		cs = append(cs, c)
		return c
	}
	histogram := func(name, help string) prometheus.Histogram {
		h := prometheus.NewHistogram(prometheus.HistogramOpts{
			Namespace: namespace, Name: name, Help: help, Buckets: prometheus.ExponentialBuckets(0.001, 4, 9),
		})
		cs = append(cs, h)
		return h
	}
	m := &metrics{
		entries:       counter("entries_read_total", "Entries read from FIFOs into the spool."),
		bytes:         counter("bytes_read_total", "Bytes read from FIFOs into the spool."),
		lostBytes:     counter("lost_bytes_total", "Bytes that were no whole frame, as of a writer that died, or that came from a FIFO of no container."),
		quarantined:   counter("quarantined_segments_total", "Segments and other files of a log that were put aside, or repaired, because they could not be read or archived."),
		asideRemoved:  counter("quarantine_removed_files_total", "Files that were removed from the quarantine because of its bound, the quota or a full disk."),
		corrupt:       counter("corrupt_records_total", "Parts of spooled segments that were damaged or could not be encoded, and became gap rows."),
		panics:        counter("panics_total", "Panics that were contained."),
		dropped:       counter("entries_dropped_total", "Entries that have gap rows instead: the quota was reached, the disk was full or broken, or they could not be read or encoded."),
		uploads:       counter("uploads_total", "Chunks put in the bucket, those included that it had already."),
		uploadBytes:   counter("upload_bytes_total", "Bytes of chunks put in the bucket, those included that it had already."),
		uploadEntries: counter("entries_archived_total", "Entries of chunks put in the bucket, gap rows left out."),
		uploadErrors:  counter("upload_errors_total", "Failed attempts of requests to the bucket, those included that are soon repeated."),
		spoolErrors:   counter("spool_errors_total", "Failed writes, syncs and reads of the spool."),
		commitSeconds: histogram("commit_seconds", "Duration of a group commit of one container."),
		uploadSeconds: histogram("upload_seconds", "Duration of a chunk's upload, retries included."),
	}
	gauge := func(name, help string, f func(Status) float64) {
		cs = append(cs, prometheus.NewGaugeFunc(prometheus.GaugeOpts{Namespace: namespace, Name: name, Help: help},
			func() float64 { return f(a.Status()) }))
	}
	gauge("oldest_unarchived_age_seconds", "Age of the oldest entry that is not in the bucket.", func(s Status) float64 { return s.OldestAgeSec })
	gauge("pending_bytes", "Bytes in the spool that are not in the bucket.", func(s Status) float64 { return float64(s.PendingBytes) })
	gauge("pending_segments", "Segments that are not in the bucket, active ones included.", func(s Status) float64 { return float64(s.PendingSegments) })
	quarantine := func(name, help string, f func(Quarantine) float64) {
		cs = append(cs, prometheus.NewGaugeFunc(prometheus.GaugeOpts{Namespace: namespace, Name: name, Help: help},
			func() float64 { return f(a.aside.sum()) }))
	}
	quarantine("quarantine_files", "Files in the quarantines of all containers.", func(q Quarantine) float64 { return float64(q.Files) })
	quarantine("quarantine_bytes", "Bytes in the quarantines of all containers.", func(q Quarantine) float64 { return float64(q.Bytes) })
	quarantine("quarantine_unarchived_files", "Files in quarantine with entries that are not in the bucket.", func(q Quarantine) float64 { return float64(q.Unarchived) })
	gauge("open_streams", "Containers whose log is open.", func(s Status) float64 { return float64(len(s.Streams)) })
	if reg == nil {
		return m, nil
	}
	var errs []error
	for _, c := range cs {
		errs = append(errs, reg.Register(c))
	}
	return m, errors.Join(errs...)
}
