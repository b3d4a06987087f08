package compress

import (
	"io"

	"github.com/klauspost/compress/zstd"
)

// zstdLevels are the levels of the encoder.
var zstdLevels = map[Level]zstd.EncoderLevel{Fast: zstd.SpeedFastest, Small: zstd.SpeedBetterCompression}

// zstdWindow is how far back the encoder looks. Four windows are one job, and each
// worker holds a job.
const zstdWindow = 1 << 20

// newZstd returns a writer of one zstd frame (RFC 8878) with a checksum. The
// encoder cuts the input into jobs only where it may use several goroutines, so
// it always gets two: a file must not depend on the number of cores.
func newZstd(w io.Writer, level Level, workers int) (io.WriteCloser, error) {
	return zstd.NewWriter(w,
		zstd.WithEncoderLevel(zstdLevels[level]),
		zstd.WithWindowSize(zstdWindow),
		zstd.WithEncoderConcurrency(max(2, workers)),
		zstd.WithConcurrentBlocks(true),
		zstd.WithZeroFrames(true),
	)
}
