// Package quarantine keeps the files of a container's log that cannot be used: its
// owner decides which, and nothing here is ever removed or replaced.
package quarantine
