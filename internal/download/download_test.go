package download_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"io"
	"math/rand/v2"
	"mime"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"outturn"
	"outturn/internal/download"
)

// serve serves content under a name.
func serve(t *testing.T, name string, content []byte) (*httptest.Server, outturn.File) {
	t.Helper()
	sum := sha256.Sum256(content)
	file := outturn.File{
		ManifestFile: outturn.ManifestFile{Name: name, MediaType: "application/gzip", Bytes: int64(len(content)), SHA256: hex.EncodeToString(sum[:])},
		CreatedAt:    time.Date(2026, 9, 1, 8, 0, 0, 0, time.UTC),
	}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		download.Serve(w, r, file, bytes.NewReader(content), func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/problem+json")
			w.WriteHeader(http.StatusRequestedRangeNotSatisfiable)
			_, _ = io.WriteString(w, `{"code":"invalid_range"}`)
		})
	}))
	t.Cleanup(s.Close)
	return s, file
}

func randomBytes(n int) []byte {
	b := make([]byte, n)
	r := rand.NewChaCha8([32]byte{7})
	_, _ = r.Read(b)
	return b
}

// An answer is one whose body has been read.
type answer struct {
	StatusCode int
	Header     http.Header
}

func get(t *testing.T, url string, header ...string) (answer, []byte) {
	t.Helper()
	req, err := http.NewRequest(http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	resp, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer{resp.StatusCode, resp.Header}, body
}

func TestWhole(t *testing.T) {
	content := randomBytes(100_000)
	s, file := serve(t, "payments.csv.gz", content)
	resp, body := get(t, s.URL)
	if resp.StatusCode != 200 || !bytes.Equal(body, content) {
		t.Fatalf("status %d, %d bytes", resp.StatusCode, len(body))
	}
	sum, _ := hex.DecodeString(file.SHA256)
	for header, want := range map[string]string{
		"Content-Type": "application/gzip", "Content-Encoding": "", "Content-Length": "100000",
		"Content-Disposition": `attachment; filename="payments.csv.gz"`,
		"Etag":                `"` + file.SHA256 + `"`, "Accept-Ranges": "bytes", "X-Content-Type-Options": "nosniff",
		"Cache-Control": "private, no-store", "Last-Modified": "Tue, 01 Sep 2026 08:00:00 GMT",
		"Repr-Digest": "sha-256=:" + base64.StdEncoding.EncodeToString(sum) + ":",
	} {
		if got := resp.Header.Get(header); got != want {
			t.Errorf("%s: got %q, want %q", header, got, want)
		}
	}
	if resp, body := get(t, s.URL, "If-None-Match", `"`+file.SHA256+`"`); resp.StatusCode != 304 || len(body) > 0 {
		t.Errorf("a client that has it: status %d, %d bytes", resp.StatusCode, len(body))
	}
}

func TestRanges(t *testing.T) {
	content := randomBytes(50_000)
	s, file := serve(t, "a.csv", content)
	r := rand.New(rand.NewPCG(1, 2))
	for range 200 {
		from := r.IntN(len(content))
		to := from + r.IntN(len(content)-from)
		resp, body := get(t, s.URL, "Range", "bytes="+strconv.Itoa(from)+"-"+strconv.Itoa(to))
		if resp.StatusCode != 206 || !bytes.Equal(body, content[from:to+1]) {
			t.Fatalf("bytes %d-%d: status %d, %d bytes", from, to, resp.StatusCode, len(body))
		}
	}
	if resp, body := get(t, s.URL, "Range", "bytes=-10"); resp.StatusCode != 206 || !bytes.Equal(body, content[len(content)-10:]) {
		t.Errorf("the last ten: status %d, %d bytes", resp.StatusCode, len(body))
	}
	if resp, body := get(t, s.URL, "Range", "rows=1-2"); resp.StatusCode != 200 || len(body) != len(content) {
		t.Errorf("a unit that is not known must be ignored: status %d, %d bytes", resp.StatusCode, len(body))
	}
	// If-Range: a range of this very file, or all of another.
	if resp, body := get(t, s.URL, "Range", "bytes=10-", "If-Range", `"`+file.SHA256+`"`); resp.StatusCode != 206 || len(body) != len(content)-10 {
		t.Errorf("If-Range with its tag: status %d, %d bytes", resp.StatusCode, len(body))
	}
	if resp, body := get(t, s.URL, "Range", "bytes=10-", "If-Range", `"another"`); resp.StatusCode != 200 || len(body) != len(content) {
		t.Errorf("If-Range with another tag: status %d, %d bytes", resp.StatusCode, len(body))
	}
}

func TestSeveralRanges(t *testing.T) {
	content := randomBytes(1000)
	s, _ := serve(t, "a.csv", content)
	resp, body := get(t, s.URL, "Range", "bytes=0-9,500-509")
	_, params, err := mime.ParseMediaType(resp.Header.Get("Content-Type"))
	if err != nil || resp.StatusCode != 206 {
		t.Fatalf("status %d, %v", resp.StatusCode, err)
	}
	parts := multipart.NewReader(bytes.NewReader(body), params["boundary"])
	for _, want := range [][]byte{content[:10], content[500:510]} {
		part, err := parts.NextPart()
		if err != nil {
			t.Fatal(err)
		}
		if got, err := io.ReadAll(part); err != nil || !bytes.Equal(got, want) {
			t.Errorf("got %x, %v, want %x", got, err, want)
		}
	}
}

func TestBadRange(t *testing.T) {
	s, _ := serve(t, "a.csv", randomBytes(100))
	resp, body := get(t, s.URL, "Range", "bytes=100-")
	if resp.StatusCode != 416 || string(body) != `{"code":"invalid_range"}` {
		t.Errorf("status %d, %s", resp.StatusCode, body)
	}
	if got := resp.Header.Get("Content-Range"); got != "bytes */100" {
		t.Errorf("Content-Range %q", got)
	}
	if got := resp.Header.Get("Cache-Control"); got != "private, no-store" {
		t.Errorf("Cache-Control %q", got)
	}
	if resp.Header.Get("ETag") != "" || resp.Header.Get("Content-Disposition") != "" {
		t.Errorf("it has the file's headers: %v", resp.Header)
	}
}

// A name comes back whole from the header, and nothing of it ends the header.
func TestNames(t *testing.T) {
	for _, tt := range []struct{ name, want string }{
		{"payments.csv", "payments.csv"},
		{`say "hi".csv`, `say "hi".csv`},
		{"Übersicht 2026 € ✓.xlsx", "Übersicht 2026 € ✓.xlsx"},
		{"a;b=c%41,d'e.csv", "a;b=c%41,d'e.csv"},
		{"x\r\nSet-Cookie: a=b.csv", "x__Set-Cookie: a=b.csv"},
		{"../../etc/passwd", ".._.._etc_passwd"},
		{`C:\temp\a.csv`, "C:_temp_a.csv"},
		{"\xff\xfe.csv", "_.csv"},
		{"\u202Egnp.csv", "\u202Egnp.csv"},
	} {
		header := download.Disposition(tt.name)
		kind, params, err := mime.ParseMediaType(header)
		if err != nil || kind != "attachment" || params["filename"] != tt.want {
			t.Errorf("%q: %s is read as %q, %v; want %q", tt.name, header, params["filename"], err, tt.want)
		}
		if strings.ContainsFunc(header, func(r rune) bool { return r < ' ' || r > '~' }) {
			t.Errorf("%q: %q is not one line of ASCII", tt.name, header)
		}
	}
}

// curl goes on where a download was cut.
func TestCurlResumes(t *testing.T) {
	curl, err := exec.LookPath("curl")
	if err != nil {
		t.Fatal("curl is not installed")
	}
	content := randomBytes(300_000)
	s, _ := serve(t, "a.csv", content)
	path := filepath.Join(t.TempDir(), "a.csv")
	if err := os.WriteFile(path, content[:123_456], 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command(curl, "-sS", "-C", "-", "-o", path, s.URL).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if got, err := os.ReadFile(path); err != nil || !bytes.Equal(got, content) {
		t.Errorf("%d bytes, %v", len(got), err)
	}
}
