// Package codectest has what the tests of codec's packages share: entries of
// every kind, and what a format must do with crafted files.
package codectest
