package codec_test

import (
	"testing"

	"github.com/coldtail/coldtail/codec"
)

func TestFloorMicros(t *testing.T) {
	for nano, want := range map[int64]int64{0: 0, 999: 0, 1000: 1, -1: -1, -1000: -1, -1001: -2, -1 << 63: -9223372036854776} {
		if got := codec.FloorMicros(nano); got != want {
			t.Errorf("floorMicros(%d) = %d, want %d", nano, got, want)
		}
	}
}
