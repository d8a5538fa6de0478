// Package plugin speaks the Docker daemon's log driver protocol: HTTP with JSON
// bodies on a unix socket, and one FIFO per attached container log (moby
// daemon/logger/{plugin,proxy,adapter}.go).
//
//	/LogDriver.StartLogging {"File":…,"Info":{…}}   attach a FIFO
//	/LogDriver.StopLogging  {"File":…}              drain and close it
//	/LogDriver.Capabilities                         can be read back
//	/LogDriver.ReadLogs     {"Info":…,"Config":{…}} a stream of frames (package codec)
//	/metrics, /status, /flush                       coldtail's own
//
// Invariants:
//
//  1. The socket listens before anything slow happens, and nothing that the
//     daemon, a user or the disk does ends the process: what is wrong is said by
//     StartLogging, in one sentence.
//  2. Every answer but a stream of logs and a flush comes in bounded time,
//     because the daemon holds the container's lock meanwhile and may have no
//     timeout of its own.
//  3. StopLogging never answers an error: the daemon would leak the FIFO and a
//     reference to the plugin.
//  4. A FIFO is in the registry before it is attached and until it is drained, so
//     that a restarted plugin, to which the daemon does not repeat StartLogging,
//     goes on reading it.
//  5. Of Info only what is archived leaves this package: a container's
//     environment, arguments and other labels reach neither a disk nor a log.
package plugin
