package codec // compares an allowance's own counts

import (
	"testing"
)

func TestAllowanceRaised(t *testing.T) {
	ahead, shared := NewMemory(100), NewMemory(50)
	a := Allow(0, ahead)
	if a.Grow(80) != nil || a.Grow(30) == nil || ahead.Left() != 20 {
		t.Errorf("%d are left", ahead.Left())
	}
	a.Raise(10, shared) // 70 are more than there are
	if ahead.Left() != 20 || shared.Left() != 50 {
		t.Errorf("%d and %d are left", ahead.Left(), shared.Left())
	}
	a.Raise(60, shared)
	if ahead.Left() != 100 || shared.Left() != 30 {
		t.Errorf("%d and %d are left", ahead.Left(), shared.Left())
	}
	if a.held-a.free != a.taken {
		t.Errorf("%d are held, %d of them free, %d are taken", a.held, a.free, a.taken)
	}
	a.Release()
	if shared.Left() != 50 {
		t.Errorf("%d are left", shared.Left())
	}
}
