// Package durable makes files that are whole or absent after any crash, and small
// JSON files that say whether they are what was written: see [JSON].
//
// Invariants:
//
//  1. There is one order of steps that survives a crash, and only this package
//     has it: write a temporary file, fsync it, rename it, fsync the directory.
//     Without the first fsync a power loss may leave the new name with no content;
//     without the second it may forget the rename.
//  2. After an error a file is what it was before, or complete with [ErrUnsynced].
//  3. What a JSON file of a newer version holds is never taken for damage.
package durable
