package main

import (
	"bufio"
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"text/tabwriter"
	"time"

	"github.com/docker/go-units"

	"github.com/coldtail/coldtail/codec"
)

// lsAmount is an amount as `coldtail ls --json` prints it.
type lsAmount struct {
	FirstTime time.Time `json:"first_time"`
	LastTime  time.Time `json:"last_time"`
	Entries   int64     `json:"entries"`
	Objects   int64     `json:"objects"`
	SizeBytes int64     `json:"size_bytes"`
}

func (a *amount) json() lsAmount {
	return lsAmount{time.Unix(0, a.minNano).UTC(), time.Unix(0, a.maxNano).UTC(), a.entries, a.objects, a.size}
}

// cells are an amount's, as in a table.
func (a *amount) cells() string {
	at := func(nano int64) string { return time.Unix(0, nano).UTC().Format(time.RFC3339) }
	return fmt.Sprintf("%s\t%s\t%d\t%d\t%s", at(a.minNano), at(a.maxNano), a.entries, a.objects, units.BytesSize(float64(a.size)))
}

const amountHeads = "FIRST\tLAST\tENTRIES\tOBJECTS\tSIZE"

// print prints the containers, or what they belong to.
func (c *lsConfig) print(to io.Writer, rows []lsRow) error {
	buf := bufio.NewWriter(to)
	w := tabwriter.NewWriter(buf, 0, 0, 3, ' ', 0)
	enc := json.NewEncoder(visibleJSON{buf})
	enc.SetEscapeHTML(false)
	switch {
	case c.quiet:
		for _, r := range rows {
			_, _ = fmt.Fprintln(buf, c.id(r.ContainerID))
		}
	case c.by == byContainer:
		c.containers(w, enc, rows)
	default:
		c.groups(w, enc, rows)
	}
	if err := w.Flush(); err != nil {
		return err
	}
	return buf.Flush() // the first error of all
}

func (c *lsConfig) id(id string) string {
	if c.noTrunc {
		return id
	}
	return id[:12]
}

func (c *lsConfig) containers(w io.Writer, enc *json.Encoder, rows []lsRow) {
	if !c.json {
		_, _ = fmt.Fprintln(w, "CONTAINER ID\tNAME\tSERVICE\tHOST\t"+amountHeads)
	}
	for _, r := range rows {
		if c.json {
			_ = enc.Encode(struct {
				ContainerID   string `json:"container_id"`
				ContainerName string `json:"container_name"`
				ServiceName   string `json:"service_name"`
				HostName      string `json:"host_name"`
				lsAmount
			}{r.ContainerID, r.Name.Name, r.Service, r.Host, r.json()})
			continue
		}
		_, _ = fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\n", c.id(r.ContainerID), cell(r.Name.Name), cell(r.Service), cell(r.Host), r.cells())
	}
}

// cell is a name in a table, which may be unknown.
func cell(name string) string {
	if name == "" {
		return "-"
	}
	return codec.Printable(name)
}

// lsGroup is a service or a host.
type lsGroup struct {
	name       string
	containers int
	others     map[string]bool // a service's hosts, or a host's services
	amount
}

func (c *lsConfig) groups(w io.Writer, enc *json.Encoder, rows []lsRow) {
	byName := map[string]*lsGroup{}
	var groups []*lsGroup
	for _, r := range rows {
		name, other := r.Service, r.Host
		if c.by == byHost {
			name, other = other, name
		}
		g := byName[name]
		if g == nil {
			g = &lsGroup{name: name, others: map[string]bool{}}
			byName[name] = g
			groups = append(groups, g)
		}
		g.containers++
		g.others[other] = true
		g.add(r.amount)
	}
	slices.SortFunc(groups, func(a, b *lsGroup) int { return cmp.Compare(a.name, b.name) })
	switch {
	case c.json:
	case c.by == byHost:
		_, _ = fmt.Fprintln(w, "HOST\tSERVICES\tCONTAINERS\t"+amountHeads)
	default:
		_, _ = fmt.Fprintln(w, "SERVICE\tHOSTS\tCONTAINERS\t"+amountHeads)
	}
	for _, g := range groups {
		switch {
		case !c.json:
			_, _ = fmt.Fprintf(w, "%s\t%d\t%d\t%s\n", cell(g.name), len(g.others), g.containers, g.cells())
		case c.by == byHost:
			_ = enc.Encode(struct {
				HostName   string `json:"host_name"`
				Services   int    `json:"services"`
				Containers int    `json:"containers"`
				lsAmount
			}{g.name, len(g.others), g.containers, g.json()})
		default:
			_ = enc.Encode(struct {
				ServiceName string `json:"service_name"`
				Hosts       int    `json:"hosts"`
				Containers  int    `json:"containers"`
				lsAmount
			}{g.name, len(g.others), g.containers, g.json()})
		}
	}
}
