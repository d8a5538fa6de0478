package codec

//go:generate protoc --gogofaster_out=paths=source_relative:. entry.proto
