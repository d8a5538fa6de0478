package main

import (
	"fmt"
	"os"

	"github.com/schollz/progressbar/v3"

	"github.com/coldtail/coldtail/readback/verify"
)

// verifyBar shows how much has been read.
type verifyBar struct {
	to    *os.File
	bar   *progressbar.ProgressBar
	total int64
}

func newVerifyBar(to *os.File) *verifyBar { return &verifyBar{to: to} }

func (b *verifyBar) show(done, total verify.Amount) {
	// What is archived meanwhile is read, too.
	size := max(total.SizeBytes, done.SizeBytes, 1)
	if b.bar == nil {
		b.bar = newBar(b.to, size, progressbar.OptionShowBytes(true), progressbar.OptionShowTotalBytes(true))
		b.total = size
	}
	if size != b.total {
		b.total = size
		b.bar.ChangeMax64(size)
	}
	b.bar.Describe(fmt.Sprintf("%d/%d objects", done.Objects, max(total.Objects, done.Objects)))
	_ = b.bar.Set64(done.SizeBytes)
}

func (b *verifyBar) clear() {
	if b.bar != nil {
		_ = b.bar.Clear()
	}
}
