package codec

import "testing"

func TestFloorMicros(t *testing.T) {
	for nano, want := range map[int64]int64{0: 0, 999: 0, 1000: 1, -1: -1, -1000: -1, -1001: -2, -1 << 63: -9223372036854776} {
		if got := FloorMicros(nano); got != want {
			t.Errorf("floorMicros(%d) = %d, want %d", nano, got, want)
		}
	}
}
