package statedir

import (
	"errors"
	"os"
	"path/filepath"
)

// Path is that of a state directory, which another process may use.
type Path string

// The names in a state directory.
const (
	lockFile      = "lock"
	stateFile     = "state.json"
	stateCopyFile = "state-copy.json"
	useFile       = "use.json"
	markPrefix    = "mark-" // see use
	finishedFile  = "finished"
	ballastFile   = "ballast"
	spoolDir      = "spool"
	tempDir       = "tmp"
	attemptsDir   = "encoding"
	registryDir   = "fifos"
	pipesDir      = "pipes"
	bucketDir     = "bucket"
)

// removedExt ends the name of a state directory that is being removed.
const removedExt = ".removed"

func (p Path) join(names ...string) string {
	return filepath.Join(append([]string{string(p)}, names...)...)
}

// Spool is the folder of the containers' logs.
func (p Path) Spool() string { return p.join(spoolDir) }

// Log is the folder of a container's log. The id is as in keys.
func (p Path) Log(containerID string) string { return p.join(spoolDir, containerID) }

// Temp is the folder of what does not outlive the process. It may not exist.
func (p Path) Temp() string { return p.join(tempDir) }

// Attempts is the folder that has a file of each segment that is being encoded.
func (p Path) Attempts() string { return p.join(attemptsDir) }

// Ballast is the file that takes disk space which can be given up.
func (p Path) Ballast() string { return p.join(ballastFile) }

// Registry is the folder of plugin's registry of FIFOs.
func (p Path) Registry() string { return p.join(registryDir) }

// Finished is the file of the list of finished containers.
func (p Path) Finished() string { return p.join(finishedFile) }

// Pipes is the folder of the states of pipes.
func (p Path) Pipes() string { return p.join(pipesDir) }

// Bucket is the folder that stands in for a bucket where none is configured.
func (p Path) Bucket() string { return p.join(bucketDir) }

// Containers returns the names in the spool, in no order.
func (p Path) Containers() ([]string, error) {
	f, err := os.Open(p.Spool())
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return f.Readdirnames(-1)
}
