package plugin

import (
	"errors"
	"runtime"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/coldtail/coldtail/codec"
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
		"{{.Command}}":                                                 "/bin/sh -c true",
		"{{.ContainerName}}":                                           "/web",
		`{{index .ContainerLabels "team"}}`:                            "blue",
		"{{upper .Name}}-{{truncate .Name 2}}":                         "WEB-we",
		"{{truncate .Name 20}}":                                        "web",
		`{{join (split .ImageName ":") "@"}}`:                          "nginx@1",
		"[{{pad .Name 1 2}}]{{title .Name}}":                           "[ web  ]Web",
		"{{json .ContainerArgs}}{{lower \"A\"}}":                       `["-c","true"]a`,
		"{{(.ExtraAttributes nil).A}}/{{(.ExtraAttributes nil).team}}": "1/blue", // as Docker documents it
		`{{index (.ExtraAttributes nil) "LIST"}}`:                      "a=b",
		`{{with .ExtraAttributes nil}}{{.A}}{{end}}`:                   "1",
		`{{if eq .Name "web"}}w{{else if .Name}}n{{else}}-{{end}}`:     "w",
		`{{with .Name}}{{.}}{{$.ID}}{{else}}{{end}}{{/* ! */}}`:        "web0123456789ab",
		`{{printf "%-5s|%03d|%%" .Name 7}}`:                            "web  |007|%",
		`{{.Name | upper | printf "%s-%s" .ID}}`:                       "0123456789ab-WEB",
		`{{.ContainerCreated.Format "2006"}}`:                          "0001",
		`{{len .ContainerArgs}}{{slice .Name 0 1}}{{html "<"}}`:        "2w&lt;",
		`{{println .DaemonName}}`:                                      "docker\n",
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
	opts, err := ParseOptions(map[string]string{"tag": tag, "labels": "team", "env": "A,LIST"}, nil)
	if err != nil {
		return "", err
	}
	tag, _, err = opts.executeTag(&info)
	return tag, err
}

func TestTagRefuses(t *testing.T) {
	for tag, want := range map[string]string{
		"{{.Nope}}":                  "can't evaluate field Nope",
		"{{pad .Name 1000000000 0}}": "pad takes widths",
		"{{pad .Name 0 -1}}":         "pad takes widths",
		"{{truncate .Name -1}}":      "truncate takes a length",
		"{{hostName}}":               "not defined",
		"{{range 1000000000}}{{range 1000000000}}{{end}}{{end}}":                        "loops",
		"{{if false}}{{range .ContainerArgs}}{{break}}{{end}}{{end}}":                   "loops",
		`{{$a := "xxxxxxxxxxxxxxxx"}}{{range 40}}{{$a = print $a $a}}{{end}}`:           "variables",
		"{{with $x := .Name}}{{$x}}{{end}}":                                             "variables",
		"{{if .Name}}{{else}}{{(print ($y := .Name))}}{{end}}":                          "variables",
		`{{define "x"}}{{template "x"}}{{end}}{{template "x"}}`:                         "templates of its own",
		`{{block "x" .}}{{end}}`:                                                        "templates of its own",
		`{{template "tag" .}}`:                                                          "templates of its own",
		`{{define "tag"}}{{template "tag"}}{{end}}`:                                     "templates of its own",
		`{{call .ExtraAttributes nil}}`:                                                 `"call" is not allowed`,
		`{{printf "%1000000000d" 1}}`:                                                   "printf takes widths",
		`{{printf "%*d" 100000 1}}`:                                                     "printf takes widths",
		`{{printf "%.999999f" 1.0}}`:                                                    "printf takes widths",
		`{{printf "%[1]s%[1]s" .Name}}`:                                                 "printf takes widths",
		`{{.ContainerCreated.Format (index .ContainerLabels "team")}}`:                  "literals only",
		`{{index .ContainerLabels "team" | .ContainerCreated.Format}}`:                  "literals only",
		strings.Repeat("{{.ID}}", 600):                                                  "longer than 4096 bytes",
		strings.Repeat("{{if .ID}}", 100) + "{{nope}}" + strings.Repeat("{{end}}", 100): "not defined",
		"{{" + strings.Repeat("(", 2000) + "1" + strings.Repeat(")", 2000) + " 1 2}}":   "can't give argument to non-function",
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

// TestTagIsCut: what a container brings makes no start fail, and no work beyond
// the bounds of a tag.
func TestTagIsCut(t *testing.T) {
	info := testInfo()
	huge := strings.Repeat("é", 1<<20)
	info.ContainerLabels["huge"], info.ContainerLabels["format"] = huge, strings.Repeat("%1000d", 10_000)
	info.ContainerArgs = []string{huge, huge}
	info.ContainerEnv = append(info.ContainerEnv, "A="+huge)
	for tag, want := range map[string]string{
		`{{.Name}}-{{index .ContainerLabels "huge"}}`:                        "web-éé",
		`{{.Name}}-{{upper (index .ContainerLabels "huge")}}`:                "web-…",
		`{{.Name}}-{{.Command}}`:                                             "web-/bin/sh éé",
		`{{.Name}}-{{json .ContainerArgs}}`:                                  "web-…",
		`{{.Name}}-{{print .}}`:                                              "web-…",
		`{{.Name}}-{{(.ExtraAttributes nil).A}}`:                             "web-éé",
		`{{.Name}}-{{join (split (index .ContainerLabels "huge") "") "--"}}`: "web-…",
		`{{.Name}}-{{join (split (pad "x" 2000 0) " ") (pad "x" 90 0)}}`:     "web-…",
		`{{.Name}}-{{printf (index .ContainerLabels "format") 1}}`:           "web-…",
		`{{.Name}}-{{printf "%4096v" (split (pad "x" 2000 0) " ")}}`:         "web-…",
		`{{.Name}}-{{pad "x" 4096 0}}{{pad "x" 4096 0}}`:                     "web-  ",
	} {
		t.Run(tag, func(t *testing.T) {
			got, err := render(tag, info)
			if err != nil || !strings.HasPrefix(got, want) || !strings.HasSuffix(got, "…") || len(got) > 4096 || !utf8.ValidString(got) {
				t.Errorf("got %d bytes, %.100q, %v, want %q", len(got), got, err, want)
			}
		})
	}
	meta := metaOf(t, info, map[string]string{"tag": `{{upper (index .ContainerLabels "huge")}}`})
	if meta.Labels[codec.MetaCutKey] != "1 names shortened" {
		t.Errorf("the rows do not say that the tag was cut: %v", meta.Labels)
	}
}

// FuzzTag parses and executes: whatever the template is, it ends within bounds of
// bytes, and says nothing of the container that it does not name.
func FuzzTag(f *testing.F) {
	for _, tag := range []string{
		"{{.Name}}/{{.ID}}", "{{(.ExtraAttributes nil).NAME}}", "{{range 1000000000}}{{range 1000000000}}{{end}}{{end}}",
		`{{$a := "x"}}{{range 40}}{{$a = print $a $a}}{{end}}`, `{{printf "%1000000000d" 1}}`, `{{printf "%[1]*[1]d" 1000}}`,
		`{{join (split (json .) "a") (pad .Name 9 4000)}}`, `{{with .ContainerEnv}}{{index . 1 | title | html | js | urlquery}}{{end}}`,
		`{{define "a"}}{{template "a"}}{{end}}`, `{{if and (eq .Name "a") (or .ID .Name)}}{{slice .Name 0 1}}{{else}}{{truncate .Command 3}}{{end}}`,
		`{{.ContainerCreated.Format "Mon Jan 2"}}`, `{{print . $ .Config}}`, `{{.ContainerCreated.AddDate 1000000000 1 1}}`,
	} {
		f.Add(tag)
	}
	info := testInfo()
	info.ContainerLabels = map[string]string{"huge": strings.Repeat("%v<", 30_000), "a": strings.Repeat("x", 60_000)}
	info.ContainerEnv = []string{"A=" + strings.Repeat("\xff", 1<<20), "SECRET=hunter2", strings.Repeat("E", 70_000) + "=1"}
	f.Fuzz(func(t *testing.T, tag string) {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		of := info
		got, err := render(tag, of)
		runtime.ReadMemStats(&after)
		if made := after.TotalAlloc - before.TotalAlloc; made > 1<<30 {
			t.Errorf("it takes %d MiB", made>>20)
		}
		var oe *OptionError
		if err != nil && (!errors.As(err, &oe) || oe.Key != "tag" || len(err.Error()) > 1000 || strings.Contains(oe.Reason, "hunter2") && !strings.Contains(tag, "hunter2")) {
			t.Errorf("not a sentence about the option: %.1000q", err)
		}
		if len(got) > 4096 || !utf8.ValidString(got) {
			t.Errorf("a tag of %d bytes", len(got))
		}
	})
}
