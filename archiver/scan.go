package archiver

import (
	"io/fs"
	"os"
	"time"

	"github.com/coldtail/coldtail/archiver/spool"
)

// scanOnce looks at all directories, unless that was done since the start.
func (a *Archiver) scanOnce() {
	a.scanMu.Lock()
	defer a.scanMu.Unlock()
	if !a.cache.wasScanned() {
		a.scan()
	}
}

// scan looks at all containers' directories for what is cached. It returns the
// containers that have been finished, with nothing cached, for as long as a cached
// segment would stay. Called with scanMu held.
func (a *Archiver) scan() (dead []string) {
	a.cache.beginScan()
	found := map[string]cachedLog{}
	old := a.cfg.Now().Add(-a.cfg.CacheAge)
	ids, err := a.state.Containers()
	if err != nil {
		a.cfg.Logger.Error("cannot look for what is cached", "err", err)
	}
	for _, id := range ids {
		des, err := os.ReadDir(a.state.Log(id))
		if err != nil {
			continue // it was removed, or is no directory
		}
		if a.finished.Has(id) && !spool.Finished(des) {
			a.notFinished(id, des)
		}
		var l cachedLog
		for _, c := range cachedIn(id, des) {
			if l.sizeBytes == 0 {
				l.oldest = c.modified
			}
			l.sizeBytes += c.sizeBytes
		}
		if l.sizeBytes > 0 {
			found[id] = l
		} else if spool.Finished(des) && allOlder(des, old) {
			dead = append(dead, id)
		}
	}
	a.cache.endScan(found, err == nil)
	if err == nil {
		if err := a.finished.Keep(ids); err != nil {
			a.cfg.Logger.Error("cannot shorten the list of finished containers", "err", err)
		}
	}
	return dead
}

// notFinished is for a container that is listed as finished although something of it
// waits: an early version, which has no list, used the state in between, or the
// directory was put back.
func (a *Archiver) notFinished(id string, des []fs.DirEntry) {
	if err := a.finished.Begin(id); err != nil {
		a.cfg.Logger.Error("cannot list a container that is not finished", "container", id, "err", err)
	}
	a.aside.look(id)
	if spool.Waits(des) {
		a.contain("recover a container's log", id, func() { a.recover(id) })
	}
}

func allOlder(des []fs.DirEntry, than time.Time) bool {
	for _, de := range des {
		if fi, err := de.Info(); err != nil || fi.ModTime().After(than) {
			return false
		}
	}
	return true
}

// scanAgain is scan, for one caller at a time.
func (a *Archiver) scanAgain() []string {
	a.scanMu.Lock()
	defer a.scanMu.Unlock()
	return a.scan()
}

// noteFinished lists containers whose logs were closed, but for those that are open
// again.
func (a *Archiver) noteFinished(ids ...string) {
	closed := func(id string) bool {
		if a.isOpen(id) {
			return false
		}
		des, err := os.ReadDir(a.state.Log(id))
		return err == nil && spool.Finished(des)
	}
	if err := a.finished.Add(closed, ids...); err != nil {
		a.cfg.Logger.Error("cannot list finished containers", "err", err)
	}
}

func (a *Archiver) isOpen(id string) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.streams[id] != nil
}
