// Package filebucket is a bucket in a folder, for trying coldtail out and for
// tests: each object is one file, the key its path.
//
// An object is whole or absent after any crash (package durable); unfinished
// files live in the folder's .tmp, are never listed, and go at the first Put
// once they are an hour old. Two processes may use one folder.
//
// The folder may be a link; in it none is followed, as others may be able to
// write there. Every file is opened in an os.Root, so that one which appears
// between a check and its use leads nowhere outside.
//
// As a path cannot be both, "a" and "a/b" cannot both be objects: the later
// Put fails. coldtail's own keys never ask for it.
//
// With a maximum size the folder is bounded: see limit.go.
package filebucket
