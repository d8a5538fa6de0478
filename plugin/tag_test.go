package plugin

import (
	"errors"
	"strings"
	"testing"
	"unicode/utf8"
)

func testInfo() Info {
	return Info{
		ContainerID: "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef", ContainerName: "/web",
		ContainerEntrypoint: "/bin/sh", ContainerArgs: []string{"-c", "true"},
		ContainerImageID: "sha256:fedcba9876543210fedcba9876543210fedcba9876543210fedcba9876543210", ContainerImageName: "nginx:1",
		ContainerEnv:    []string{"A=1", "SECRET=hunter2", "LIST=a=b", "BARE"},
		ContainerLabels: map[string]string{"team": "blue", "com.docker.compose.service": "frontend", "other": "x"},
		DaemonName:      "docker", hostName: "host1",
	}
}

func TestTag(t *testing.T) {
	for tag, want := range map[string]string{
		"":              "",
		"plain":         "plain",
		"{{.ID}}":       "0123456789ab",
		"{{.FullID}}":   "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
		"{{.Name}}":     "web",
		"{{.ImageID}}":  "fedcba987654",
		"{{.Hostname}}": "host1",
		"{{.ImageFullID}}/{{.ImageName}}/{{.DaemonName}}": "sha256:fedcba9876543210fedcba9876543210fedcba9876543210fedcba9876543210/nginx:1/docker",
		"{{.Command}}":                           "/bin/sh -c true",
		"{{.ContainerName}}":                     "/web",
		`{{index .ContainerLabels "team"}}`:      "blue",
		"{{upper .Name}}-{{truncate .Name 2}}":   "WEB-we",
		"{{truncate .Name 20}}":                  "web",
		`{{join (split .ImageName ":") "@"}}`:    "nginx@1",
		"[{{pad .Name 1 2}}]{{title .Name}}":     "[ web  ]Web",
		"{{json .ContainerArgs}}{{lower \"A\"}}": `["-c","true"]a`,
	} {
		t.Run(tag, func(t *testing.T) {
			got, err := render(tag, testInfo())
			if err != nil || got != want {
				t.Errorf("got %q, %v, want %q", got, err, want)
			}
		})
	}
}

func render(tag string, info Info) (string, error) {
	opts, err := ParseOptions(map[string]string{"tag": tag}, nil)
	if err != nil {
		return "", err
	}
	return opts.executeTag(&info)
}

func TestTagRefuses(t *testing.T) {
	for tag, want := range map[string]string{
		"{{.Nope}}":                        "can't evaluate field Nope",
		"{{pad .Name 1000000000 0}}":       "pad takes widths",
		"{{pad .Name 0 -1}}":               "pad takes widths",
		"{{truncate .Name -1}}":            "truncate takes a length",
		"{{range 1000000}}aaaaaaaa{{end}}": "more than 4096 bytes",
		"{{hostName}}":                     "not defined",
	} {
		t.Run(tag, func(t *testing.T) {
			_, err := render(tag, testInfo())
			var oe *OptionError
			if !errors.As(err, &oe) || oe.Key != "tag" || oe.Value != tag || !strings.Contains(oe.Reason, want) {
				t.Fatalf("got %v, want an *OptionError with %q", err, want)
			}
			if strings.Contains(err.Error(), "\n") || strings.Contains(err.Error(), "hunter2") {
				t.Errorf("not fit to be shown: %s", err)
			}
		})
	}
}

func TestTagIsValidUTF8(t *testing.T) {
	info := testInfo()
	info.ContainerName = "/ö"
	got, err := render("{{truncate .Name 1}}", info)
	if err != nil || got != "\uFFFD" || !utf8.ValidString(got) {
		t.Errorf("got %q, %v", got, err)
	}
}
