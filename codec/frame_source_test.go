package codec_test

import (
	"testing"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/coldtail/coldtail/codec"
)

// A source that is no text is one from where it enters on.
func TestSourcesAreText(t *testing.T) {
	body := protowire.AppendBytes([]byte{1<<3 | byte(protowire.BytesType)}, []byte("st\xffd"))
	var e codec.Entry
	if _, err := codec.ParseFrame(append([]byte{0, 0, 0, byte(len(body))}, body...), &e); err != nil || e.Source != "st\uFFFDd" {
		t.Errorf("source %q, error %v", e.Source, err)
	}
}
