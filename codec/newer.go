package codec

import "errors"

// ErrNewer means that something was made by a version of coldtail that is newer
// than this one. It is to be left exactly as it is.
var ErrNewer = errors.New("made by a newer coldtail: upgrade coldtail to read it")
