package plugin

import (
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/coldtail/coldtail/codec"
)

// Info is what the daemon tells of a container (moby daemon/logger/loginfo.go).
// Its fields and methods are also what a tag template can use, and their names
// are those of the JSON.
//
// It holds the container's secrets: only Meta leaves the package.
type Info struct {
	Config              map[string]string
	ContainerID         string
	ContainerName       string
	ContainerEntrypoint string
	ContainerArgs       []string
	ContainerImageID    string
	ContainerImageName  string
	ContainerCreated    time.Time
	ContainerEnv        []string
	ContainerLabels     map[string]string
	LogPath             string
	DaemonName          string

	hostName string
}

// shortID is how many digits the daemon shows of an id.
const shortID = 12

func truncateID(id string) string {
	if _, digest, ok := strings.Cut(id, ":"); ok {
		id = digest
	}
	return id[:min(shortID, len(id))]
}

// ID is the start of the container's id.
func (i *Info) ID() string { return truncateID(i.ContainerID) }

// FullID is the container's id.
func (i *Info) FullID() string { return i.ContainerID }

// Name is the container's name, without the daemon's leading slash.
func (i *Info) Name() string { return strings.TrimPrefix(i.ContainerName, "/") }

// ImageID is the start of the image's digest.
func (i *Info) ImageID() string { return truncateID(i.ContainerImageID) }

// ImageFullID is the image's digest.
func (i *Info) ImageFullID() string { return i.ContainerImageID }

// ImageName is the image's name as the container was created with.
func (i *Info) ImageName() string { return i.ContainerImageName }

// Command is the container's entrypoint and arguments.
func (i *Info) Command() string {
	return strings.Join(append([]string{i.ContainerEntrypoint}, i.ContainerArgs...), " ")
}

// Hostname is the host's name.
func (i *Info) Hostname() string { return i.hostName }

// Labels by which orchestrators name a service, the first one that is there counts.
const (
	labelCompose = "com.docker.compose.service"
	labelSwarm   = "com.docker.swarm.service.name"
)

// serviceName is what the container is an instance of.
func (i *Info) serviceName() string {
	for _, label := range []string{labelCompose, labelSwarm} {
		if name := i.ContainerLabels[label]; name != "" {
			return name
		}
	}
	return i.Name()
}

// meta selects what is archived with every entry, within codec's bounds, and
// returns what had to be cut. Errors are *OptionError.
func (i *Info) meta(opts Options) (codec.Meta, codec.Cut, error) {
	tag, err := opts.executeTag(i)
	if err != nil {
		return codec.Meta{}, codec.Cut{}, err
	}
	meta, cut := codec.Meta{
		ContainerID:   i.ContainerID,
		ContainerName: i.Name(),
		ServiceName:   i.serviceName(),
		ImageName:     i.ContainerImageName,
		ImageID:       i.ContainerImageID,
		HostName:      i.hostName,
		Tag:           tag,
		Labels:        selectKeys(i.ContainerLabels, opts.labels, opts.labelsRegex),
		Attributes:    selectKeys(environment(i.ContainerEnv), opts.env, opts.envRegex),
	}.Bound(opts.Stream.Format, slices.Concat(opts.labels, opts.env)...)
	return meta, cut, nil
}

// environment makes a map of "NAME=value" strings; the last of equal names
// counts, and what has no value does not, as in the daemon's ExtraAttributes.
func environment(env []string) map[string]string {
	m := make(map[string]string, len(env))
	for _, kv := range env {
		if k, v, ok := strings.Cut(kv, "="); ok {
			m[k] = v
		}
	}
	return m
}

// selectKeys returns the entries of m that are named or match; nil for none.
func selectKeys(m map[string]string, names []string, re *regexp.Regexp) map[string]string {
	var out map[string]string
	take := func(k, v string) {
		if out == nil {
			out = map[string]string{}
		}
		out[k] = v
	}
	for _, k := range names {
		if v, ok := m[k]; ok {
			take(k, v)
		}
	}
	if re == nil {
		return out
	}
	for k, v := range m {
		if re.MatchString(k) {
			take(k, v)
		}
	}
	return out
}

// valid makes s valid UTF-8, as columns of text must be.
func valid(s string) string { return strings.ToValidUTF8(s, "\uFFFD") }
