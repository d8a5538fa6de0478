package key

import (
	"fmt"
	"strings"
	"time"
)

// IndexPrefix is what the keys of all markers start with.
const IndexPrefix = "index/"

// ByHostPrefix is what the keys of all markers by host start with.
const ByHostPrefix = "index/by-host/"

const byNamePrefix = "index/by-name/"

// Complete is the key of a marker of the archive, not of a container: each container
// is found by its name and its host, as all who ever wrote gave these markers, or
// `coldtail reindex` did.
const Complete = "index/complete/by-name"

// Seen tells that a container had chunks on a day, and who it was. It is what is
// found by a container's name or its host, where Name is found by its service.
type Seen struct {
	Name
	Day time.Time // its start, UTC
}

// NameKey is the key of the marker by name.
func (s Seen) NameKey() string { return s.key(byNamePrefix, s.Name.Name, s.Service, s.Host) }

// HostKey is the key of the marker by host.
func (s Seen) HostKey() string { return s.key(ByHostPrefix, s.Host, s.Service, s.Name.Name) }

func (s Seen) key(tree, by, second, third string) string {
	return tree + escape(by) + "/" + DayText(s.Day) + "/" + escape(second) + "/" + escape(third) + "/" + s.ContainerID
}

// ParseSeen is the inverse of NameKey and HostKey, as strict as ParseName.
func ParseSeen(key string) (Seen, error) {
	tree, host := byNamePrefix, false
	if strings.HasPrefix(key, ByHostPrefix) {
		tree, host = ByHostPrefix, true
	}
	rest, ok := strings.CutPrefix(key, tree)
	parts := strings.Split(rest, "/")
	if !ok || len(parts) != 5 || !isHex(parts[4], containerLen) {
		return Seen{}, keyError(key, errMarker)
	}
	s := Seen{Name: Name{ContainerID: parts[4]}}
	var err error
	if s.Day, err = time.Parse(dayLayout, parts[1]); err != nil {
		return Seen{}, keyError(key, fmt.Errorf("%w: no such day", errMarker))
	}
	by := [3]*string{&s.Name.Name, &s.Service, &s.Host}
	if host {
		by = [3]*string{&s.Host, &s.Service, &s.Name.Name}
	}
	for i, part := range []string{parts[0], parts[2], parts[3]} {
		if *by[i], err = unescape(part); err != nil {
			return Seen{}, keyError(key, err)
		}
	}
	return s, nil
}

// ByName is what the keys of the markers by a name start with. If the name is too
// long for a key, its prefix is that of all names that begin so, as only what is left
// of it is compared: what gave the marker may have known less of the name. Then whole
// is false, and the keys are not in the order of days.
func ByName(name string) (prefix string, whole bool) { return seenPrefix(byNamePrefix, name) }

// ByHost is what the keys of the markers by a host start with, as for ByName.
func ByHost(host string) (prefix string, whole bool) { return seenPrefix(ByHostPrefix, host) }

func seenPrefix(tree, by string) (prefix string, whole bool) {
	kept, _, wasCut := strings.Cut(escape(by), cutMark)
	if wasCut {
		return tree + kept + cutMark, false
	}
	return tree + kept + "/", true
}

// Markers are the keys of all markers that announce a chunk of who n is, to be put
// before it.
func (m Meta) Markers(n Name) []string {
	n.ContainerID = m.ContainerID
	s := Seen{n, startOfDay(m.Hour)}
	return []string{n.Key(), s.HostKey(), s.NameKey(), m.DayKey()}
}

// NameMarker is a name marker's key as it is, which has all of a long name's hash.
type NameMarker struct {
	service, name, host string // escaped
	ContainerID         string
}

// ParseNameMarker returns the parts of a name marker's key as they are.
func ParseNameMarker(key string) (NameMarker, error) {
	if _, err := ParseName(key); err != nil {
		return NameMarker{}, err
	}
	p := strings.Split(key[len(namePrefix):], "/")
	return NameMarker{p[0], p[1], p[2], p[3]}, nil
}

// ByNamePrefix is what the keys of all markers by m's name start with, which others
// may have given.
func (m NameMarker) ByNamePrefix() string { return byNamePrefix + m.name + "/" }

// SameName reports whether both are of one name.
func (m NameMarker) SameName(o NameMarker) bool { return m.name == o.name }

// Seen are the keys of the markers by host and by name of a day.
func (m NameMarker) Seen(day time.Time) (byHost, byName string) {
	date := DayText(day)
	return ByHostPrefix + m.host + "/" + date + "/" + m.service + "/" + m.name + "/" + m.ContainerID,
		byNamePrefix + m.name + "/" + date + "/" + m.service + "/" + m.host + "/" + m.ContainerID
}

// IsMarker reports whether a key is that of a marker of this version.
func IsMarker(key string) bool {
	_, day := ParseDay(key)
	_, name := ParseName(key)
	_, seen := ParseSeen(key)
	return day == nil || name == nil || seen == nil || key == Complete
}
