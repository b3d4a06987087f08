package edge

import (
	"io"
	"math"
	"net/http"
	"time"
)

// A recorder notes what was answered, and gives up on a client that reads nothing
// for as long as stall: each piece that is written has that long to leave. One that
// reads slowly may take all day.
type recorder struct {
	http.ResponseWriter
	stall  time.Duration
	status int
	bytes  int64
}

func (w *recorder) WriteHeader(status int) {
	if w.status == 0 {
		w.status = status
	}
	w.moveOn()
	w.ResponseWriter.WriteHeader(status)
}

func (w *recorder) Write(p []byte) (int, error) {
	if w.status == 0 {
		w.status = http.StatusOK
	}
	written := 0
	for first := true; first || written < len(p); first = false {
		w.moveOn()
		n, err := w.ResponseWriter.Write(p[written:min(len(p), written+piece)])
		written += n
		w.bytes += int64(n)
		if err != nil {
			return written, err
		}
	}
	return written, nil
}

// piece is what a client must take within the time that it may stall.
const piece = 256 << 10

// ReadFrom lets the system copy a file to the connection by itself.
func (w *recorder) ReadFrom(src io.Reader) (int64, error) {
	if w.status == 0 {
		w.status = http.StatusOK
	}
	whole, ok := src.(*io.LimitedReader)
	if !ok {
		whole = &io.LimitedReader{R: src, N: math.MaxInt64}
	}
	var all int64
	for whole.N > 0 {
		w.moveOn()
		// Not a limit within a limit: the system copies no more than one deep.
		part := &io.LimitedReader{R: whole.R, N: min(piece, whole.N)}
		want := part.N
		n, err := io.Copy(w.ResponseWriter, part)
		all, w.bytes, whole.N = all+n, w.bytes+n, whole.N-n
		if err != nil || n < want {
			return all, err
		}
	}
	return all, nil
}

// moveOn gives the client its time anew. A writer without a connection has none.
func (w *recorder) moveOn() {
	_ = http.NewResponseController(w.ResponseWriter).SetWriteDeadline(time.Now().Add(w.stall))
}

// Unwrap is for http.ResponseController.
func (w *recorder) Unwrap() http.ResponseWriter { return w.ResponseWriter }
