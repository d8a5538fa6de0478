package terraform

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// envModule names a copy of the module that terraform init has seen.
const envModule = "COLDTAIL_TERRAFORM_MODULE"

// offline is a provider that plans without an account.
const offline = `provider "aws" {
  region                      = "eu-central-1"
  access_key                  = "none"
  secret_key                  = "none"
  skip_credentials_validation = true
  skip_metadata_api_check     = true
  skip_requesting_account_id  = true
}
`

const bucketName = "logs-bucket"

// planned is what Terraform would make, by address.
type planned map[string]json.RawMessage

// plan asks the real provider what it would make of the module with these variables.
func plan(t *testing.T, vars ...string) planned {
	t.Helper()
	dir := os.Getenv(envModule)
	if dir == "" {
		t.Skipf("skipped: Terraform is run by make terraform (%s is not set)", envModule)
	}
	if err := os.WriteFile(filepath.Join(dir, "offline.tf"), []byte(offline), 0o600); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "plan")
	args := []string{"plan", "-input=false", "-no-color", "-lock=false", "-out=" + file, "-var=bucket_name=" + bucketName}
	for _, v := range vars {
		args = append(args, "-var="+v)
	}
	terraform(t, dir, args...)
	var shown struct {
		Values struct {
			Root struct {
				Resources []struct {
					Address string          `json:"address"`
					Values  json.RawMessage `json:"values"`
				} `json:"resources"`
			} `json:"root_module"`
		} `json:"planned_values"`
	}
	decode(t, terraform(t, dir, "show", "-json", file), &shown)
	p := planned{}
	for _, r := range shown.Values.Root.Resources {
		p[r.Address] = r.Values
	}
	return p
}

func terraform(t *testing.T, dir string, args ...string) []byte {
	t.Helper()
	var stdout, stderr strings.Builder
	cmd := exec.CommandContext(t.Context(), "terraform", args...)
	cmd.Dir, cmd.Stdout, cmd.Stderr = dir, &stdout, &stderr
	if err := cmd.Run(); err != nil {
		t.Fatalf("terraform %s: %v\n%s%s", args[0], err, stdout.String(), stderr.String())
	}
	return []byte(stdout.String())
}

func decode(t *testing.T, b []byte, v any) {
	t.Helper()
	if err := json.Unmarshal(b, v); err != nil {
		t.Fatalf("%v in %s", err, b)
	}
}

// values of a resource.
func (p planned) values(t *testing.T, address string, v any) {
	t.Helper()
	b, ok := p[address]
	if !ok {
		t.Fatalf("there is no %s in the plan, but %s", address, strings.Join(sorted(p), ", "))
	}
	decode(t, b, v)
}

// policy is the document of a policy.
func (p planned) policy(t *testing.T, address string) string {
	t.Helper()
	var v struct {
		Policy string `json:"policy"`
	}
	if p.values(t, address, &v); v.Policy == "" {
		t.Fatalf("%s is not known before it is applied", address)
	}
	return v.Policy
}

var buildDir string

func TestMain(m *testing.M) {
	var err error
	if buildDir, err = os.MkdirTemp("", "coldtail"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	code := m.Run()
	_ = os.RemoveAll(buildDir)
	os.Exit(code)
}

var build = sync.OnceValues(func() (string, error) {
	path := filepath.Join(buildDir, "coldtail")
	cmd := exec.Command("go", "build", "-o", path, "./cmd/coldtail")
	cmd.Dir, cmd.Env = root, append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build coldtail: %w: %s", err, out)
	}
	return path, nil
})

// coldtail is the binary as it is now.
func coldtail(t *testing.T) string {
	t.Helper()
	path, err := build()
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// TestPlanShowsPolicies holds that who plans reads the policies before they apply.
func TestPlanShowsPolicies(t *testing.T) {
	p := plan(t)
	for _, address := range []string{"aws_iam_policy.writer", "aws_iam_policy.reader", "aws_s3_bucket_policy.logs"} {
		var document struct{ Statement []any }
		decode(t, []byte(p.policy(t, address)), &document)
		if len(document.Statement) == 0 {
			t.Errorf("%s says nothing", address)
		}
	}
}
