// Package engines runs query engines, each as its users do, on archives in a real
// MinIO: what `coldtail ddl` prints is run unchanged, and the queries of
// docs/queries.md must give exactly the rows that were logged.
//
// test/scripts/engines.sh fetches the engines and names them in COLDTAIL_ENGINES;
// tests of others are skipped. One engine runs at a time, as two JVMs would not fit
// into a small machine's memory, and ends with its test.
package engines
