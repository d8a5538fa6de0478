package miniobucket

import (
	"errors"
	"fmt"
	"net/http"
	"testing"

	"github.com/coldtail/coldtail/archiver/bucket"
)

// TestGetOfNothingWithARestrictedListing answers as Amazon does to a policy
// that allows s3:ListBucket under a condition on s3:prefix.
func TestGetOfNothingWithARestrictedListing(t *testing.T) {
	const list = `<ListBucketResult><IsTruncated>false</IsTruncated>%s</ListBucketResult>`
	for name, tc := range map[string]struct {
		listed string // "" refuses the listing
		absent bool
	}{
		"nothing":         {fmt.Sprintf(list, ""), true},
		"a longer key":    {fmt.Sprintf(list, "<Contents><Key>a/k2</Key></Contents>"), true},
		"it is there":     {fmt.Sprintf(list, "<Contents><Key>a/k</Key></Contents>"), false},
		"listing refused": {"", false},
	} {
		t.Run(name, func(t *testing.T) {
			requests := 0
			b := open(t, func(w http.ResponseWriter, r *http.Request) {
				requests++
				if r.URL.Query().Get("list-type") == "2" && r.URL.Query().Get("prefix") == "a/k" && tc.listed != "" {
					fmt.Fprint(w, tc.listed)
					return
				}
				fail(w, http.StatusForbidden, "AccessDenied")
			})
			_, err := b.Get(t.Context(), "a/k", bucket.GetOptions{Offset: -1})
			if errors.Is(err, bucket.ErrNotFound) != tc.absent || bucket.Permanent(err) == tc.absent {
				t.Errorf("got %v", err)
			}
			if requests != 2 {
				t.Errorf("%d requests", requests)
			}
		})
	}
}
