package engines_test

import (
	"crypto/sha256"
	"fmt"
	"unicode/utf8"

	"github.com/coldtail/coldtail/codec"
	"github.com/coldtail/coldtail/test/samples"
)

// unusualRows are the rows of samples.Archive with all columns, in the order of
// container_id and seq, as docs/format.md says; empty maps and lists are those that
// are null elsewhere.
func unusualRows(empty bool) (rows []string) {
	containers := samples.Containers()
	if containers[0].Meta.ContainerID > containers[1].Meta.ContainerID {
		containers[0], containers[1] = containers[1], containers[0]
	}
	for _, c := range containers {
		var join []codec.Entry
		for _, e := range c.Entries() {
			join = append(join, e)
			size := 0
			for i := range join {
				size += len(join[i].Line)
			}
			if e.Partial && !e.Last && size < codec.JoinMaxBytes {
				continue
			}
			rows = append(rows, unusualRow(&c.Meta, join, empty))
			join = nil
		}
	}
	return rows
}

// unusualRow is the row of the parts that were joined.
func unusualRow(m *codec.Meta, join []codec.Entry, empty bool) string {
	first, last := join[0], join[len(join)-1]
	var ofParts, bodyRaw any
	var all []byte
	var each []any
	for _, e := range join {
		all = append(all, e.Line...)
		each = append(each, list([]any{e.Seq, len(e.Line)}))
	}
	if first.Partial {
		ofParts = list(each)
	}
	line := string(all)
	if !utf8.Valid(all) {
		bodyRaw = raw(all)
		var valid []rune
		for _, r := range string(all) { // one U+FFFD for each byte
			valid = append(valid, r)
		}
		line = string(valid)
	}
	var tag, labels, attributes any
	if empty {
		labels, attributes = texts(nil), texts(nil)
		if ofParts == nil {
			ofParts = list([]any{})
		}
	}
	if m.Tag != "" {
		tag = m.Tag
	}
	if m.Labels != nil {
		labels = texts(m.Labels)
	}
	if m.Attributes != nil {
		attributes = texts(m.Attributes)
	}
	t := samples.LineTime(int((first.TimeNano - samples.Start.UnixNano()) / samples.EveryNano))
	return row([]any{
		t, first.TimeNano, first.Seq, first.Source, line, bodyRaw, last.Partial && !last.Last, ofParts,
		m.ServiceName, m.ContainerID, m.ContainerName, m.ImageName, m.ImageID, m.HostName, tag, labels, attributes,
		t.Format("2006-01-02"), t.Hour(),
	})
}

func texts(m map[string]string) string {
	values := map[string]any{}
	for k, v := range m {
		values[k] = v
	}
	return pairs(values)
}

// row is a row as a line of text, in which long values are short.
func row(values []any) string {
	short := make([]any, len(values))
	for i, v := range values {
		s := samples.Text(v)
		if len(s) > 1000 {
			s = fmt.Sprintf("%d bytes, %x", len(s), sha256.Sum256([]byte(s)))
		}
		short[i] = s
	}
	return samples.Row(short...)
}

func rows(a answer) (lines []string) {
	for _, r := range a.rows {
		lines = append(lines, row(r))
	}
	return lines
}
