// Package ranged reads a file by few, large, bounded ranges, some of them at the
// same time, and holds those that several columns share.
package ranged
