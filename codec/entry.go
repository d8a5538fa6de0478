package codec

// Names of an entry's source. The daemon sends the first two; GapSource marks
// a gap row, which coldtail writes itself where entries were dropped.
const (
	Stdout    = "stdout"
	Stderr    = "stderr"
	GapSource = "coldtail"
)

// Entry is one LogEntry of the daemon, with what coldtail adds to it.
//
// Byte slices belong to whoever produced the entry and are valid only until
// the next one is produced; copy what must live longer.
type Entry struct {
	// Seq is the entry's place in its container's arrival order.
	Seq int64
	// TimeNano is the daemon's timestamp, Unix nanoseconds; not monotonic.
	TimeNano int64
	// ArrivalNano is when the plugin read the entry, Unix nanoseconds, to the
	// precision of a group commit. Zero in entries decoded from a chunk.
	ArrivalNano int64
	// Source is "stdout" or "stderr" for everything the daemon sends.
	Source string
	// Line is the text without its newline; any bytes.
	Line []byte
	// Partial means that Line is a part of a longer line, also of its last part.
	Partial bool
	// Last means that a partial entry ends its line. Without Partial it means nothing.
	Last bool
	// PartID is equal for the parts of one line; empty where the daemon sent
	// none, and in entries decoded from a chunk.
	PartID []byte
	// Ordinal counts the parts of one line from 1.
	Ordinal int32
}

// Newline reports whether the container wrote a newline after Line.
func (e *Entry) Newline() bool { return !e.Partial || e.Last }

// Meta is what all rows of one chunk have in common. It is frozen in the
// segment's header, so that a chunk is a function of its segment alone.
type Meta struct {
	ContainerID   string            `json:"container_id"`
	ContainerName string            `json:"container_name"`
	ServiceName   string            `json:"service_name"`
	ImageName     string            `json:"image_name"`
	ImageID       string            `json:"image_id"`
	HostName      string            `json:"host_name"`
	Tag           string            `json:"tag,omitempty"`        // "" is null in the chunk
	Labels        map[string]string `json:"labels,omitempty"`     // empty is null in the chunk
	Attributes    map[string]string `json:"attributes,omitempty"` // empty is null in the chunk
}
