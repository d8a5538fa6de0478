package encode

import (
	"maps"
	"slices"
	"time"

	"github.com/coldtail/coldtail/archiver/spool"
	"github.com/coldtail/coldtail/codec"
)

// Why entries were given up, as gap rows say it.
const (
	ReasonDamaged = "damaged in the spool"
	ReasonEncode  = "could not be encoded"
	ReasonKilled  = "encoding them ended the process"
)

// Gap describes a segment that is about to be dropped.
func Gap(v *spool.View, reason string) (spool.Gap, error) {
	byHour, _, err := (&content{v: v}).hours()
	if err != nil {
		return spool.Gap{}, err
	}
	g := spool.Gap{Gap: codec.Gap{Reason: reason}}
	for _, h := range slices.SortedFunc(maps.Keys(byHour), time.Time.Compare) {
		sum := byHour[h]
		g.Replaced = append(g.Replaced, spool.Replaced{
			Key: chunkMeta(v.Header, h, sum).Key(), Entries: sum.numbers(), FirstNano: sum.MinNano, LastNano: sum.MaxNano,
		})
	}
	SumUp(&g)
	// The gap has all the segment's numbers, those of damaged records too.
	g.Entries = v.Entries()
	return g, nil
}

// SumUp makes the gap say what its replaced objects hold.
func SumUp(g *spool.Gap) {
	g.Entries = 0
	for i, r := range g.Replaced {
		if i == 0 {
			g.FirstNano, g.LastNano = r.FirstNano, r.LastNano
		}
		g.Entries += r.Entries
		g.FirstNano, g.LastNano = min(g.FirstNano, r.FirstNano), max(g.LastNano, r.LastNano)
	}
}

// HeaderGap describes a segment by its header alone.
func HeaderGap(v *spool.View, reason string) spool.Gap {
	at := v.Header.CreatedNano
	return spool.Gap{Gap: codec.Gap{Entries: v.Entries(), FirstNano: at, LastNano: at, Reason: reason}}
}
