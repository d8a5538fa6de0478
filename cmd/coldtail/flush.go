package main

import (
	"encoding/json"
	"fmt"
	"net/http"

	"github.com/docker/go-units"
	"github.com/spf13/cobra"

	"github.com/coldtail/coldtail/archiver"
)

func (a *app) flushCommand() *cobra.Command {
	var socket string
	var evict bool
	cmd := &cobra.Command{
		Use:   "flush",
		Short: "Make the plugin archive everything now",
		Long: `Make the plugin archive everything that it has spooled, and wait for it: all
that was there when this began. It fails where something could not be archived,
which stays spooled, and where something lies in quarantine, now or from earlier.`,
		Args: exactArgs(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			path := "/flush"
			if evict {
				path += "?evict=1"
			}
			body, err := ask(cmd.Context(), http.MethodPost, socket, path)
			if err != nil {
				return err
			}
			var res archiver.FlushResult
			if err := json.Unmarshal(body, &res); err != nil {
				return fmt.Errorf("read the plugin's answer: %w", err)
			}
			_, err = fmt.Fprintf(a.stdout, "archived %d segments of %d containers, %d left", res.Segments, res.Containers, res.Pending)
			if err == nil && evict {
				_, err = fmt.Fprintf(a.stdout, ", %s of local cache removed", units.BytesSize(float64(res.EvictedBytes)))
			}
			if err == nil {
				_, err = fmt.Fprintln(a.stdout)
			}
			return err
		},
	}
	addSocket(cmd, &socket)
	cmd.Flags().BoolVar(&evict, "evict", false, "then remove the local cache of what is archived")
	return cmd
}
