package parquet

import (
	"bytes"
	"encoding/binary"
	"maps"
	"slices"
	"strings"
)

// Limits of a page of constant values, whose bytes say nothing about how much
// an engine makes of it.
const (
	constantPageValues = 1 << 20
	// A page of a map has all of a row's indexes, of eight rows or more; each page
	// costs those of a row, so there are to be few.
	tiledPageBytes = 1 << 20
)

// writeConstant writes rows times v; nil is null.
func writeConstant(c *columnChunk, v *string, rows int64) error {
	if v == nil {
		return writeNulls(c, rows)
	}
	s := strings.ToValidUTF8(*v, "\uFFFD")
	for left := rows; left > 0; {
		n := int(min(left, constantPageValues))
		var data []byte
		if c.maxDef > 0 {
			data = appendLevels(data, appendRun(nil, 1, n, 1))
		}
		data = append(data, 1) // bit width
		data = appendRun(data, 0, n, 1)
		if err := c.addPage(&page{data: data, rows: n, values: n, min: []byte(s), max: []byte(s)}); err != nil {
			return err
		}
		left -= int64(n)
	}
	return c.addDictionary([]string{s})
}

// writeNulls writes rows nulls. Without a value there is no dictionary.
func writeNulls(c *columnChunk, rows int64) error {
	c.plain = true
	for left := rows; left > 0; {
		n := int(min(left, constantPageValues))
		var data []byte
		if c.maxRep > 0 {
			data = appendLevels(data, appendRun(nil, 0, n, 1))
		}
		data = appendLevels(data, appendRun(nil, 0, n, c.maxDef))
		if err := c.addPage(&page{data: data, rows: n, values: n, nulls: n}); err != nil {
			return err
		}
		left -= int64(n)
	}
	return nil
}

// writeConstantMap writes rows times the map m, sorted by key; empty is null.
func writeConstantMap(keys, values *columnChunk, m map[string]string, rows int64) error {
	if len(m) == 0 {
		if err := writeNulls(keys, rows); err != nil {
			return err
		}
		return writeNulls(values, rows)
	}
	var ks, vs []string
	for _, k := range slices.Sorted(maps.Keys(m)) {
		ks = append(ks, strings.ToValidUTF8(k, "\uFFFD"))
		vs = append(vs, strings.ToValidUTF8(m[k], "\uFFFD"))
	}
	if err := writeTiled(keys, ks, rows); err != nil {
		return err
	}
	return writeTiled(values, vs, rows)
}

// writeTiled writes the list vals once a row. Eight rows' levels and indexes
// are whole bytes, so a page is one pattern again and again, and all pages but
// the last are the same.
func writeTiled(c *columnChunk, vals []string, rows int64) error {
	k := len(vals)
	dict, order := dictionaryOf(vals)
	width := indexWidth(len(dict))
	tile := widen(tileOf(order, width))
	reps := widen(tileReps(k))

	bitsPerRow := k * (width + 1)
	pageRows := max(8, min(constantPageValues/k, tiledPageBytes*8/bitsPerRow)/8*8)
	full := tiledPage(k, width, pageRows, reps, tile)
	full.min, full.max = []byte(slices.Min(vals)), []byte(slices.Max(vals))
	var compressed []byte
	left := rows
	for ; left >= int64(pageRows); left -= int64(pageRows) {
		if compressed == nil {
			compressed = c.z.EncodeAll(full.data, nil)
		}
		if err := c.addCompressed(&full, compressed); err != nil {
			return err
		}
	}
	if left > 0 {
		last := tiledPage(k, width, int(left), reps, tile)
		last.min, last.max = full.min, full.max
		if err := c.addPage(&last); err != nil {
			return err
		}
	}
	return c.addDictionary(dict)
}

// tiledPage makes a page of rows rows of k values each: rep and tile hold the
// repetition levels and the indexes of eight rows, bit-packed.
func tiledPage(k, width, rows int, rep, tile []byte) page {
	n := rows * k
	var data []byte
	if k == 1 {
		data = appendLevels(data, appendRun(nil, 0, n, 1))
	} else {
		data = appendLevels(data, appendTiled(nil, n, 1, rep))
	}
	data = appendLevels(data, appendRun(nil, 2, n, 2))
	data = append(data, byte(width))
	if k == 1 {
		data = appendRun(data, 0, n, width)
	} else {
		data = appendTiled(data, n, width, tile)
	}
	return page{data: data, rows: rows, values: n}
}

// appendTiled appends n bit-packed values with their header, from a tile that repeats.
func appendTiled(dst []byte, n, width int, tile []byte) []byte {
	groups := (n + 7) / 8
	dst = slices.Grow(dst, groups*width+binary.MaxVarintLen64)
	dst = appendPackedHeader(dst, groups)
	for left := groups * width; left > 0; {
		t := tile[:min(left, len(tile))]
		dst = append(dst, t...)
		left -= len(t)
	}
	return dst
}

// widen repeats a tile, so that filling a page takes few copies.
func widen(tile []byte) []byte { return bytes.Repeat(tile, 1+4096/len(tile)) }

// tileOf packs the indexes of eight rows.
func tileOf(order []uint32, width int) []byte {
	return appendPacked(nil, slices.Repeat(order, 8), width)
}

// tileReps packs the repetition levels of eight rows of k values: 0, then ones.
func tileReps(k int) []byte {
	row := slices.Repeat([]uint32{1}, k)
	row[0] = 0
	return tileOf(row, 1)
}

// dictionaryOf returns the distinct values, and each value's place among them.
func dictionaryOf(vals []string) (dict []string, order []uint32) {
	at := make(map[string]uint32)
	for _, v := range vals {
		i, ok := at[v]
		if !ok {
			i = uint32(len(dict))
			at[v] = i
			dict = append(dict, v)
		}
		order = append(order, i)
	}
	return dict, order
}
