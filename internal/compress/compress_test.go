package compress_test

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/klauspost/compress/zstd"
	"go.uber.org/goleak"

	"outturn"
	"outturn/internal/compress"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// text is n bytes that look like a report, the same every time.
func text(n int) []byte {
	random := rand.New(rand.NewPCG(1, uint64(n)))
	out := make([]byte, 0, n+100)
	names := []string{"Marché Européen", `"Żabka, Sp. z o.o."`, "Endpoint Protection Advanced", "Office Suite Business", "Société Générale de Logiciel", "日本マーケット"}
	for row := 0; len(out) < n; row++ {
		name := func() string { return names[random.IntN(len(names))] }
		out = fmt.Appendf(out, "%d,AS-%04d,approved,%s v%d,%s,user%d@example.com,%s,%d.%02d,EUR,2026-09-%02dT08:00:00.000000Z,true\r\n",
			1_000_000+row, random.IntN(10_000), name(), random.IntN(2000), name(), random.IntN(250_000), name(), random.IntN(1000), random.IntN(100), 1+row/5000%30)
	}
	return out[:n]
}

// squeeze compresses data in writes of the given size.
func squeeze(t testing.TB, name string, data []byte, level compress.Level, workers, size int) []byte {
	t.Helper()
	var out bytes.Buffer
	z, err := compress.New(name, &out, level, workers)
	if err != nil {
		t.Fatal(err)
	}
	for len(data) > 0 {
		n := min(size, len(data))
		if m, err := z.Write(data[:n]); m != n || err != nil {
			t.Fatalf("Write: %d, %v", m, err)
		}
		data = data[n:]
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// sizes are around the blocks of gzip (512 KiB) and the jobs of zstd (4 MiB).
var sizes = []int{0, 1, 100, 512<<10 - 1, 512 << 10, 512<<10 + 1, 1 << 20, 4<<20 + 1, 9_000_000}

func TestReadsBack(t *testing.T) {
	for _, name := range compress.Names() {
		for _, level := range compress.Levels {
			t.Run(name+"/"+string(level), func(t *testing.T) {
				for _, n := range sizes {
					data := text(n)
					if got := expand(t, name, squeeze(t, name, data, level, 2, 300_000)); !bytes.Equal(got, data) {
						t.Fatalf("%d bytes came back as %d others", n, len(got))
					}
				}
			})
		}
	}
}

func expand(t *testing.T, name string, file []byte) []byte {
	t.Helper()
	var r io.Reader = bytes.NewReader(file)
	switch name {
	case "gzip":
		z, err := gzip.NewReader(r)
		if err != nil {
			t.Fatal(err)
		}
		z.Multistream(false)
		if !z.ModTime.IsZero() || z.Name != "" {
			t.Errorf("the header tells %v, %q", z.ModTime, z.Name)
		}
		r = z
	case "zstd":
		z, err := zstd.NewReader(r)
		if err != nil {
			t.Fatal(err)
		}
		defer z.Close()
		r = z
	}
	data, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// The bytes depend on nothing but the input and the level.
func TestSameBytesWhateverTheCores(t *testing.T) {
	for _, name := range []string{"gzip", "zstd"} {
		for _, n := range []int{0, 5000, 9_000_000} {
			data := text(n)
			want := squeeze(t, name, data, compress.Fast, 1, 1<<20)
			for _, c := range []struct{ workers, size int }{{1, 77_777}, {2, 1 << 20}, {3, 1000}, {8, 20_000_000}, {0, 524_288}} {
				if got := squeeze(t, name, data, "", c.workers, c.size); !bytes.Equal(got, want) {
					t.Errorf("%s of %d bytes: %d workers and writes of %d bytes make another file", name, n, c.workers, c.size)
				}
			}
		}
	}
}

func TestSmallIsSmaller(t *testing.T) {
	data := text(5_000_000)
	for _, name := range []string{"gzip", "zstd"} {
		fast, small := len(squeeze(t, name, data, compress.Fast, 2, 1<<20)), len(squeeze(t, name, data, compress.Small, 2, 1<<20))
		if small >= fast {
			t.Errorf("%s: small is %d bytes, fast %d", name, small, fast)
		}
	}
}

// TestOtherReaders lets the tools that people have read the files.
func TestOtherReaders(t *testing.T) {
	data := text(3_000_000)
	dir := t.TempDir()
	plain := filepath.Join(dir, "plain")
	if err := os.WriteFile(plain, data, 0o600); err != nil {
		t.Fatal(err)
	}
	// One member and nothing after it, or readers that stop there lose rows.
	const oneMember = `
import gzip, sys, zlib
packed, plain = open(sys.argv[1], "rb").read(), open(sys.argv[2], "rb").read()
z = zlib.decompressobj(wbits=31)
assert z.decompress(packed) == plain, "other bytes"
assert z.eof, "the member does not end"
assert z.unused_data == b"", "something follows the member"
assert gzip.decompress(packed) == plain
`
	for _, c := range []struct {
		name, extension string
		command         []string // FILE and PLAIN are replaced
		prints          bool
	}{
		{"gzip", ".gz", []string{"gzip", "-t", "FILE"}, false},
		{"gzip", ".gz", []string{"zcat", "FILE"}, true},
		{"gzip", ".gz", []string{"python3", "-c", oneMember, "FILE", "PLAIN"}, false},
		{"zstd", ".zst", []string{"zstd", "-q", "-t", "FILE"}, false},
		{"zstd", ".zst", []string{"zstd", "-q", "-d", "-c", "FILE"}, true},
	} {
		t.Run(c.command[0], func(t *testing.T) {
			path, err := exec.LookPath(c.command[0])
			if err != nil {
				t.Skipf("%s is missing", c.command[0])
			}
			for _, level := range compress.Levels {
				file := filepath.Join(dir, string(level)+c.extension)
				if err := os.WriteFile(file, squeeze(t, c.name, data, level, 2, 1<<20), 0o600); err != nil {
					t.Fatal(err)
				}
				cmd := exec.Command(path)
				for _, arg := range c.command[1:] {
					cmd.Args = append(cmd.Args, map[string]string{"FILE": file, "PLAIN": plain}[arg])
					if cmd.Args[len(cmd.Args)-1] == "" {
						cmd.Args[len(cmd.Args)-1] = arg
					}
				}
				var stderr bytes.Buffer
				cmd.Stderr = &stderr
				out, err := cmd.Output()
				if err != nil {
					t.Fatalf("%s: %v: %s", level, err, &stderr)
				}
				if c.prints && !bytes.Equal(out, data) {
					t.Errorf("%s: other bytes came out", level)
				}
			}
		})
	}
}

var errFull = errors.New("no room left")

// limited takes so many bytes and then fails.
type limited struct{ left int }

func (l *limited) Write(p []byte) (int, error) {
	n := min(l.left, len(p))
	l.left -= n
	if n < len(p) {
		return n, errFull
	}
	return n, nil
}

func TestFirstErrorSticks(t *testing.T) {
	data := text(1_100_000)
	for _, name := range compress.Names() {
		whole := len(squeeze(t, name, data, compress.Fast, 2, 1<<20))
		rooms := []int{whole - 1, whole - 4, whole - 9, whole - 10, whole - 11}
		for n := 0; n < whole; n += 1 + whole/20 {
			rooms = append(rooms, n)
		}
		for _, room := range rooms {
			z, err := compress.New(name, &limited{room}, compress.Fast, 2)
			if err != nil {
				t.Fatal(err)
			}
			var first error
			for rest := data; len(rest) > 0; {
				n := min(100_000, len(rest))
				_, err := z.Write(rest[:n])
				if first != nil && err != first {
					t.Fatalf("%s: Write returned %v after %v", name, err, first)
				}
				first, rest = err, rest[n:]
			}
			err = z.Close()
			if !errors.Is(err, errFull) || first != nil && err != first {
				t.Fatalf("%s, room for %d of %d bytes: Write %v, Close %v", name, room, whole, first, err)
			}
			if again := z.Close(); again != err {
				t.Fatalf("%s: the second Close returned %v", name, again)
			}
			if _, err := z.Write(data[:1]); err == nil {
				t.Fatalf("%s: Write after Close is taken", name)
			}
		}
	}
}

func TestNewRefuses(t *testing.T) {
	for _, c := range []struct{ name, level string }{{"gzp", "fast"}, {"gzip", "smal"}} {
		if _, err := compress.New(c.name, io.Discard, compress.Level(c.level), 1); outturn.ErrorCode(err) != outturn.CodeNotFound {
			t.Errorf("%s, %s: got %v", c.name, c.level, err)
		}
	}
	if c, err := compress.Find("gzip"); err != nil || c.Extension != ".gz" || c.MediaType != "application/gzip" {
		t.Errorf("got %+v, %v", c, err)
	}
	if c, err := compress.Find(""); err != nil || c.Name != "none" {
		t.Errorf("got %+v, %v", c, err)
	}
}

func BenchmarkCompress(b *testing.B) {
	data := text(8 << 20)
	for _, name := range []string{"gzip", "zstd"} {
		for _, level := range compress.Levels {
			b.Run(name+"/"+string(level), func(b *testing.B) {
				b.SetBytes(int64(len(data)))
				b.ReportAllocs()
				var size int
				for b.Loop() {
					size = len(squeeze(b, name, data, level, 2, 1<<20))
				}
				b.ReportMetric(float64(size)/float64(len(data)), "ratio")
			})
		}
	}
}
