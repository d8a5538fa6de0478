package main

import (
	"strconv"

	"github.com/coldtail/coldtail/codec"
)

// printable quotes what a terminal would act on: names in a bucket may be
// anybody's.
func printable(s string) string {
	if codec.Visible(s) == s {
		return s
	}
	return strconv.Quote(s)
}
