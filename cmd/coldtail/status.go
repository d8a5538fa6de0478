package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"github.com/spf13/cobra"

	"github.com/coldtail/coldtail/codec"
)

// statusPatience is longer than the plugin itself takes to give up.
const statusPatience = 20 * time.Second

func (a *app) statusCommand() *cobra.Command {
	var socket string
	cmd := &cobra.Command{
		Use:   "status",
		Short: "Print the plugin's state as JSON",
		Args:  exactArgs(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			ctx, cancel := context.WithTimeout(cmd.Context(), statusPatience)
			defer cancel()
			body, err := ask(ctx, http.MethodGet, socket, "/status")
			if err != nil {
				return err
			}
			var out bytes.Buffer
			if err := json.Indent(&out, bytes.TrimSpace(body), "", "  "); err != nil {
				return fmt.Errorf("read the plugin's answer: %w", err)
			}
			out.WriteByte('\n')
			_, err = a.stdout.Write(codec.VisibleJSON(out.Bytes()))
			return err
		},
	}
	addSocket(cmd, &socket)
	return cmd
}
