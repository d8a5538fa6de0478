package plugin

import (
	"maps"
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
	extra    func() map[string]string // of ExtraAttributes
	extraMap map[string]string        // what it returned
	envMap   map[string]string        // what environment returned
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

// Command is the container's entrypoint and arguments, as far as they fit into a tag.
func (i *Info) Command() string {
	b := []byte(i.ContainerEntrypoint)
	for _, arg := range i.ContainerArgs {
		if len(b) > tagArgsMax {
			break
		}
		b = append(append(b, ' '), arg...)
	}
	return string(b[:min(len(b), tagArgsMax+1)])
}

// ExtraAttributes returns the labels and variables that the log-opts select. Docker
// documents {{(.ExtraAttributes nil).NAME}}; its argument, which changes keys, is nil.
func (i *Info) ExtraAttributes(func(string) string) map[string]string {
	if i.extraMap == nil && i.extra != nil {
		i.extraMap = i.extra()
	}
	return i.extraMap
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
	tag, tagCut, err := opts.executeTag(i)
	if err != nil {
		return codec.Meta{}, codec.Cut{}, err
	}
	var before codec.Cut
	if tagCut {
		before.Names = 1
	}
	labels, unseen := opts.labels.of(i.ContainerLabels)
	delete(labels, codec.MetaCutKey) // it is coldtail's to say
	before.Labels = unseen
	attributes, unseen := opts.env.of(i.environment())
	before.Attributes = unseen
	meta, cut := codec.Meta{
		ContainerID:   i.ContainerID,
		ContainerName: i.Name(),
		ServiceName:   i.serviceName(),
		ImageName:     i.ContainerImageName,
		ImageID:       i.ContainerImageID,
		HostName:      i.hostName,
		Tag:           tag,
		Labels:        labels,
		Attributes:    attributes,
	}.BoundAfter(before, opts.Stream.Format, slices.Concat(opts.labels.names, opts.env.names)...)
	return meta, cut, nil
}

// extraAttributes are the selected labels and variables, which win, in one map.
func (o Options) extraAttributes(i *Info) map[string]string {
	labels, _ := o.labels.of(i.ContainerLabels)
	env, _ := o.env.of(i.environment())
	m := make(map[string]string, len(labels)+len(env))
	maps.Copy(m, labels)
	maps.Copy(m, env)
	return m
}

// environment makes a map of "NAME=value" strings; the last of equal names
// counts, and what has no value does not, as in the daemon's ExtraAttributes.
func (i *Info) environment() map[string]string {
	if i.envMap == nil {
		i.envMap = make(map[string]string, len(i.ContainerEnv))
		for _, kv := range i.ContainerEnv {
			if k, v, ok := strings.Cut(kv, "="); ok {
				i.envMap[k] = v
			}
		}
	}
	return i.envMap
}

// valid makes s valid UTF-8, as columns of text must be.
func valid(s string) string { return strings.ToValidUTF8(s, "\uFFFD") }
