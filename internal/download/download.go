// Package download serves a file over HTTP. Every edge uses it, so that a file is
// the same wherever it is fetched: with ranges, so that a broken download goes on
// where it stopped (P05), a name that survives every header (P42), and the digest
// that its manifest has.
package download

import (
	"encoding/base64"
	"encoding/hex"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"outturn"
)

// Serve answers r with a file whose bytes are in content: whole, or the ranges that
// r asks for (RFC 9110 section 14), or 304 where the client has it already. A range
// that the file does not have is answered by badRange, after the headers that tell
// its size are set; nil answers in plain text.
func Serve(w http.ResponseWriter, r *http.Request, file outturn.File, content io.ReadSeeker, badRange func(http.ResponseWriter, *http.Request)) {
	h := w.Header()
	h.Set("Content-Type", file.MediaType)
	h.Set("Content-Disposition", Disposition(file.Name))
	h.Set("ETag", `"`+file.SHA256+`"`)
	if sum, err := hex.DecodeString(file.SHA256); err == nil {
		h.Set("Repr-Digest", "sha-256=:"+base64.StdEncoding.EncodeToString(sum)+":") // RFC 9530
	}
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Cache-Control", noStore)
	if unit, _, _ := strings.Cut(r.Header.Get("Range"), "="); unit != "" && !strings.EqualFold(strings.TrimSpace(unit), "bytes") {
		r = r.Clone(r.Context())
		r.Header.Del("Range") // RFC 9110 has units that are not known ignored; http.ServeContent refuses them
	}
	if badRange != nil {
		w = &rangeWriter{ResponseWriter: w, r: r, size: file.Bytes, bad: badRange}
	}
	http.ServeContent(w, r, "", file.CreatedAt, content)
}

const noStore = "private, no-store"

// A rangeWriter lets another answer where http.ServeContent would say 416 in plain
// text.
type rangeWriter struct {
	http.ResponseWriter
	r        *http.Request
	size     int64
	bad      func(http.ResponseWriter, *http.Request)
	answered bool
}

func (w *rangeWriter) WriteHeader(status int) {
	if status != http.StatusRequestedRangeNotSatisfiable {
		w.ResponseWriter.WriteHeader(status)
		return
	}
	w.answered = true
	for _, of := range []string{"Content-Type", "Content-Disposition", "ETag", "Repr-Digest", "Content-Length", "Last-Modified"} {
		w.Header().Del(of) // they are the file's
	}
	w.Header().Set("Content-Range", "bytes */"+strconv.FormatInt(w.size, 10)) // http.ServeContent says it of some ranges only
	w.Header().Set("Cache-Control", noStore)                                  // http.ServeContent took it away
	w.bad(w.ResponseWriter, w.r)
}

func (w *rangeWriter) Write(p []byte) (int, error) {
	if w.answered {
		return len(p), nil
	}
	return w.ResponseWriter.Write(p)
}

// ReadFrom lets the system copy a file to a connection by itself.
func (w *rangeWriter) ReadFrom(src io.Reader) (int64, error) {
	if w.answered {
		return io.Copy(io.Discard, src)
	}
	return io.Copy(w.ResponseWriter, src)
}

// Unwrap is for http.ResponseController.
func (w *rangeWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// Disposition is the header that makes a browser save a file under a name (RFC
// 6266): the name in ASCII for old clients, and beside it, where that is another,
// as it is (RFC 8187).
func Disposition(name string) string {
	name = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7F || r == '/' || r == '\\' {
			return '_'
		}
		return r
	}, strings.ToValidUTF8(name, "_"))
	ascii := strings.Map(func(r rune) rune {
		if r > '~' || r == '"' || r == '%' { // a % is taken for an escape by some
			return '_'
		}
		return r
	}, name)
	value := `attachment; filename="` + ascii + `"`
	if ascii != name {
		value += "; filename*=UTF-8''" + strings.ReplaceAll(url.QueryEscape(name), "+", "%20")
	}
	return value
}
