package archiver

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/coldtail/coldtail/archiver/spool"
	"github.com/coldtail/coldtail/codec"
	"github.com/coldtail/coldtail/codec/chunkfile"
)

// DefaultCacheBytes and DefaultSpoolBytes are Config's defaults.
const (
	DefaultCacheBytes = 4 << 30
	DefaultSpoolBytes = 16 << 30
)

// Config is what an Archiver needs to know. Zero values of the lower part mean
// the defaults.
type Config struct {
	StateDir   string                // made if it does not exist
	Logger     *slog.Logger          // never sees a log line
	Registerer prometheus.Registerer // nil: no metrics

	Workers         int           // uploads at once; 4
	CommitInterval  time.Duration // group commit; 500ms
	CommitBytes     int64         // group commit, per container; 1 MiB
	ShutdownTimeout time.Duration // for uploads once Run's context ends; 8s
	CacheBytes      int64         // archived segments kept, of all containers; 4 GiB
	CacheAge        time.Duration // archived segments kept; 7 days
	SpoolBytes      int64         // not archived, of all containers; 16 GiB
	// Defaults are the options of a log without any, which an early version left;
	// DefaultOptions.
	Defaults Options
	// OnEnd is called after a FIFO ended without Detach, as its writer died.
	OnEnd func(path string)
	// Now is the arrival clock; time.Now.
	Now func() time.Time
	// Hook is called after each step of a segment's life, with the name of the file
	// or object. Tests crash there.
	Hook func(step, name string)

	newEncoder func(codec.Format, io.Writer, codec.Meta, codec.ChunkInfo) (codec.Encoder, error) // codec.NewEncoder; tests break it
}

func (c *Config) setDefaults() error {
	if c.StateDir == "" || c.Logger == nil {
		return errors.New("configure archiver: a state directory and a logger are required")
	}
	c.Workers = cmp.Or(c.Workers, 4)
	c.CommitInterval = cmp.Or(c.CommitInterval, 500*time.Millisecond)
	c.CommitBytes = cmp.Or(c.CommitBytes, 1<<20)
	c.ShutdownTimeout = cmp.Or(c.ShutdownTimeout, 8*time.Second)
	c.CacheBytes = cmp.Or(c.CacheBytes, DefaultCacheBytes)
	c.CacheAge = cmp.Or(c.CacheAge, 7*24*time.Hour)
	c.SpoolBytes = cmp.Or(c.SpoolBytes, DefaultSpoolBytes)
	c.Defaults = cmp.Or(c.Defaults, DefaultOptions())
	if err := c.Defaults.Validate(); err != nil {
		return fmt.Errorf("configure archiver: default options: %w", err)
	}
	if c.OnEnd == nil {
		c.OnEnd = func(string) {}
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Hook == nil {
		c.Hook = func(string, string) {}
	}
	if c.newEncoder == nil {
		c.newEncoder = chunkfile.NewEncoder
	}
	return nil
}

// Options are a container's, from its log-opts.
type Options struct {
	Format     codec.Format  `json:"format"`
	RollBytes  int64         `json:"roll_bytes"`
	RollAge    time.Duration `json:"roll_age"`
	CacheBytes int64         `json:"cache_bytes"` // archived segments kept of this container
	SpoolBytes int64         `json:"spool_bytes"` // kept of this container while it cannot be archived
	Overflow   Overflow      `json:"overflow"`    // what happens beyond that
}

// DefaultOptions are what a container without log-opts gets.
func DefaultOptions() Options {
	return Options{
		Format: codec.Parquet, RollBytes: 64 << 20, RollAge: 10 * time.Minute,
		CacheBytes: 256 << 20, SpoolBytes: 4 << 30, Overflow: DropOld,
	}
}

// Validate returns what is wrong with the options.
func (o Options) Validate() error {
	if _, err := codec.ParseFormat(string(o.Format)); err != nil {
		return err
	}
	if o.RollBytes <= 0 || o.RollAge <= 0 || o.CacheBytes < 0 || o.SpoolBytes <= 0 {
		return fmt.Errorf("roll size %d, roll age %s, cache %d, spool %d: must be positive", o.RollBytes, o.RollAge, o.CacheBytes, o.SpoolBytes)
	}
	if !slices.Contains(Overflows(), o.Overflow) {
		return fmt.Errorf("overflow %q: must be one of %v", o.Overflow, Overflows())
	}
	return nil
}

// rollBytes is the segment size in use: an eighth of the quota at most, or much
// would be dropped at a time.
func (o Options) rollBytes() int64 { return max(1, min(o.RollBytes, o.SpoolBytes/8)) }

// frozen is what the container's segments keep of its options.
func (o Options) frozen(meta codec.Meta) spool.Frozen {
	return spool.Frozen{Format: o.Format, Meta: meta, Limits: &spool.Limits{
		SpoolBytes: o.SpoolBytes, Overflow: string(o.Overflow), RollBytes: o.RollBytes,
		RollAgeNano: int64(o.RollAge), CacheBytes: o.CacheBytes,
	}}
}

// restored is o with what a container's segments kept of its options. If this
// version does not know them, nothing is dropped.
func (o Options) restored(f spool.Frozen) Options {
	o.Format = f.Format
	if l := f.Limits; l != nil {
		o.RollBytes, o.RollAge, o.CacheBytes = l.RollBytes, time.Duration(l.RollAgeNano), l.CacheBytes
		o.SpoolBytes, o.Overflow = l.SpoolBytes, Overflow(l.Overflow)
	}
	if o.Validate() != nil {
		o = DefaultOptions()
		o.Overflow = Block
	}
	return o
}

// Source is a FIFO and the container whose entries come through it.
type Source struct {
	Path    string     `json:"path"`
	Meta    codec.Meta `json:"meta"`
	Options Options    `json:"options"`
	// Resume is set if the FIFO was attached before a restart of the process: an
	// unfinished frame in the spool may go on in it.
	Resume bool `json:"-"`
}
