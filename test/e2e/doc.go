// Package e2e holds the end-to-end tests: a real Docker engine, the plugin as
// `make plugin` makes it, and the docker command line, which is what people use.
// They compare `docker logs` of one workload under Docker's own drivers and under
// coldtail.
//
// The tests have the build tag e2e, so that `go test ./...` of this module needs
// no engine; `make e2e` runs them, with COLDTAIL_E2E_IMAGE set to an image with a
// busybox shell.
package e2e
