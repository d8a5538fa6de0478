package main

import (
	"io"
	"strings"
	"unicode/utf8"

	"github.com/fatih/color"

	"github.com/coldtail/coldtail/codec"
)

// palette has the colours of docker compose logs, in its order.
func palette() []*color.Color {
	hues := []color.Attribute{color.FgCyan, color.FgYellow, color.FgGreen, color.FgMagenta, color.FgBlue}
	var out []*color.Color
	for _, bold := range []bool{false, true} {
		for _, h := range hues {
			c := color.New(h)
			if bold {
				c.Add(color.Bold)
			}
			c.EnableColor() // where it is used has been decided
			out = append(out, c)
		}
	}
	return out
}

// prefixes are what stands before the lines of several containers, as docker
// compose logs prints them: "name  | ". Containers of one label share it.
type prefixes struct {
	colorOut, colorErr bool

	colors []*color.Color
	labels map[string]*prefix
	width  int
}

type prefix struct {
	color       *color.Color
	plain, tint string
}

func newPrefixes(colorOut, colorErr bool) *prefixes {
	return &prefixes{colorOut: colorOut, colorErr: colorErr, colors: palette(), labels: map[string]*prefix{}}
}

// add makes room for a label. Colours are given in the order of the calls.
func (p *prefixes) add(label string) {
	if p.labels[label] != nil {
		return
	}
	p.labels[label] = &prefix{color: p.colors[len(p.labels)%len(p.colors)]}
	if w := utf8.RuneCountInString(label); w > p.width {
		p.width = w
		for l := range p.labels {
			p.render(l)
		}
		return
	}
	p.render(label)
}

func (p *prefixes) render(label string) {
	x := p.labels[label]
	pad := strings.Repeat(" ", p.width+1-utf8.RuneCountInString(label))
	x.plain = label + pad + " | "
	x.tint = x.color.Sprint(x.plain)
}

// of returns a label's prefix, for stdout or else for stderr.
func (p *prefixes) of(label string, out bool) string {
	x := p.labels[label]
	if out && p.colorOut || !out && p.colorErr {
		return x.tint
	}
	return x.plain
}

// setLabels labels targets by their name, and by their host too where
// containers of several hosts have the name. One without a name has its id.
func setLabels(targets []*target) {
	hosts := map[string]map[string]bool{}
	for _, t := range targets {
		if hosts[t.Name.Name] == nil {
			hosts[t.Name.Name] = map[string]bool{}
		}
		hosts[t.Name.Name][t.Host] = true
	}
	for _, t := range targets {
		switch {
		case t.Name.Name == "":
			t.label = t.ContainerID[:12]
		case len(hosts[t.Name.Name]) > 1:
			t.label = codec.Printable(t.Name.Name + "@" + t.Host)
		default:
			t.label = codec.Printable(t.Name.Name)
		}
	}
}

// colored tells whether what is written to w may have colours.
func (a *app) colored(w io.Writer) bool {
	return a.getenv("NO_COLOR") == "" && a.getenv("TERM") != "dumb" && a.terminal(w)
}
