package conformance

import (
	"context"
	"errors"
	"io"
	"time"

	"github.com/docker/docker/api/types/plugins/logdriver"
	"github.com/docker/docker/daemon/logger"
	"github.com/docker/docker/pkg/plugins"
)

// endpoint reads a log from the plugin's HTTP endpoint and passes on what it
// says, as the adapter does but for the adapter's own filters.
type endpoint struct {
	client *plugins.Client
	info   logger.Info
}

func (e *endpoint) ReadLogs(ctx context.Context, cfg logger.ReadConfig) *logger.LogWatcher {
	lw := logger.NewLogWatcher()
	go func() {
		defer close(lw.Msg)
		if err := e.copy(ctx, cfg, lw); err != nil {
			lw.Err <- err
		}
	}()
	return lw
}

func (e *endpoint) copy(ctx context.Context, cfg logger.ReadConfig, lw *logger.LogWatcher) error {
	body, err := e.client.Stream("LogDriver.ReadLogs", struct {
		Info   logger.Info
		Config logger.ReadConfig
	}{e.info, cfg})
	if err != nil {
		return err
	}
	defer body.Close()
	dec := logdriver.NewLogEntryDecoder(body)
	for {
		var entry logdriver.LogEntry
		if err := dec.Decode(&entry); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
		m := &logger.Message{Source: entry.Source, Timestamp: time.Unix(0, entry.TimeNano), Line: entry.Line}
		select {
		case lw.Msg <- m:
		case <-ctx.Done():
			return nil
		case <-lw.WatchConsumerGone():
			return nil
		}
	}
}
