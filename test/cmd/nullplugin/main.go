// Command nullplugin is a log plugin that does as little as one can: it reads
// what containers write as soon as it is there and throws it away. It is what
// coldtail's speed on an engine is compared with. As it keeps nothing, it
// answers docker logs with frames made up beforehand: those of `seq 1 1000000`.
package main

import (
	"encoding/json"
	"log"
	"net/http"
	"os"
	"strconv"
	"sync"
	"time"

	"github.com/docker/go-plugins-helpers/sdk"

	"github.com/coldtail/coldtail/codec"
)

const lines = 1_000_000

// writeBytes is how much of an answer goes into one write.
const writeBytes = 256 << 10

func main() {
	frames := makeFrames()
	p := &plugin{fifos: map[string]*os.File{}}
	h := sdk.NewHandler(`{"Implements": ["LogDriver"]}`)
	h.HandleFunc("/LogDriver.Capabilities", func(w http.ResponseWriter, _ *http.Request) {
		answer(w, map[string]any{"Cap": map[string]bool{"ReadLogs": true}})
	})
	h.HandleFunc("/LogDriver.StartLogging", func(w http.ResponseWriter, r *http.Request) {
		answer(w, p.start(file(r)))
	})
	h.HandleFunc("/LogDriver.StopLogging", func(w http.ResponseWriter, r *http.Request) {
		p.stop(file(r))
		answer(w, struct{}{})
	})
	h.HandleFunc("/LogDriver.ReadLogs", func(w http.ResponseWriter, _ *http.Request) {
		for rest := frames; len(rest) > 0; {
			n := min(len(rest), writeBytes)
			if _, err := w.Write(rest[:n]); err != nil {
				return // the reader is gone
			}
			rest = rest[n:]
		}
	})
	log.Fatal(h.ServeUnix("null", 0))
}

func answer(w http.ResponseWriter, v any) {
	if err := json.NewEncoder(w).Encode(v); err != nil {
		log.Print(err)
	}
}

// file is the FIFO that a request names.
func file(r *http.Request) string {
	var req struct{ File string }
	if err := json.NewDecoder(r.Body).Decode(&req); err != nil {
		log.Print(err)
	}
	return req.File
}

func makeFrames() (out []byte) {
	now := time.Now().UnixNano()
	for i := range lines {
		e := codec.Entry{Source: codec.Stdout, TimeNano: now, Line: strconv.AppendInt(nil, int64(i)+1, 10)}
		out = codec.AppendReadFrame(out, &e)
	}
	return out
}

// plugin holds the FIFOs that are read.
type plugin struct {
	mu    sync.Mutex
	fifos map[string]*os.File
}

func (p *plugin) start(path string) any {
	f, err := os.OpenFile(path, os.O_RDONLY, 0)
	if err != nil {
		return map[string]string{"Err": err.Error()}
	}
	p.mu.Lock()
	p.fifos[path] = f
	p.mu.Unlock()
	go func() {
		buf := make([]byte, 64<<10) // a pipe's usual size
		for {
			if _, err := f.Read(buf); err != nil {
				return // io.EOF, or stop closed it
			}
		}
	}()
	return struct{}{}
}

// stop closes a FIFO. What is still in it would have been thrown away.
func (p *plugin) stop(path string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if f := p.fifos[path]; f != nil {
		_ = f.Close() // only read from
		delete(p.fifos, path)
	}
}
