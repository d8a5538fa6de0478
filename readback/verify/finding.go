package verify

// Kind says what is wrong.
type Kind string

// The kinds of findings.
const (
	// Gap: sequence numbers that no object holds, and no gap row accounts for.
	Gap Kind = "gap"
	// Beginning: a history that does not begin with its origin. Objects that
	// the bucket's retention removed look like that, too.
	Beginning Kind = "beginning"
	// Duplicate: sequence numbers of one spool that two objects hold.
	Duplicate Kind = "duplicate"
	// Unreadable: an object that cannot be read or decoded to its end.
	Unreadable Kind = "unreadable"
	// Misplaced: rows in an object of another hour.
	Misplaced Kind = "misplaced"
	// Mismatch: an object that is not what its key, its footer, its size or
	// its listing say.
	Mismatch Kind = "mismatch"
	// Unindexed: an object without the day marker by which readers find it.
	Unindexed Kind = "unindexed"
	// Newer: an object that only a later version of coldtail can read.
	Newer Kind = "newer"
	// Foreign: an object whose name is none of coldtail's. A note.
	Foreign Kind = "foreign"
	// Absurd: rows whose times are too early or too late to tell whether they
	// are in their partition. A note.
	Absurd Kind = "absurd"
)

// Note tells that the kind is worth knowing, but no damage.
func (k Kind) Note() bool { return k == Foreign || k == Absurd }

// Finding is one thing that is wrong, or worth knowing.
type Finding struct {
	Kind Kind `json:"kind"`
	// Key is the object concerned, of a gap the one after it.
	Key string `json:"key,omitempty"`
	// Other is the second object of a duplicate, of a gap the one before it.
	Other       string `json:"other,omitempty"`
	ContainerID string `json:"container_id,omitempty"`
	SpoolID     string `json:"spool_id,omitempty"`
	// FirstSeq and LastSeq enclose the sequence numbers concerned; zero where
	// it is not about some.
	FirstSeq int64 `json:"first_seq,omitempty"`
	LastSeq  int64 `json:"last_seq,omitempty"`
	// Entries counts the entries concerned; zero where that is not known.
	Entries int64  `json:"entries,omitempty"`
	Detail  string `json:"detail"`
}

// Summary counts what was read and found.
type Summary struct {
	Containers int   `json:"containers"`
	Objects    int64 `json:"objects"`
	SizeBytes  int64 `json:"size_bytes"`
	Entries    int64 `json:"entries"`
	// GapRows counts rows of stream coldtail, and Dropped the entries for
	// which they stand.
	GapRows  int64 `json:"gap_rows"`
	Dropped  int64 `json:"dropped"`
	Findings int64 `json:"findings"` // notes not counted
	Notes    int64 `json:"notes"`
}
