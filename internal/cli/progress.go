package cli

import (
	"fmt"
	"io"
	"os"
	"strconv"
	"sync"
	"time"

	"golang.org/x/term"

	"outturn/internal/pipeline"
)

// progressEvery is how often the progress bar is drawn.
const progressEvery = 200 * time.Millisecond

// A progressBar is one line on a terminal that is drawn again and again. On
// anything else it is silent.
type progressBar struct {
	w        io.Writer
	progress *pipeline.Progress
	started  time.Time

	quit chan struct{}
	done sync.WaitGroup
	once sync.Once
}

func startProgressBar(w io.Writer, p *pipeline.Progress) *progressBar {
	bar := &progressBar{w: w, progress: p, started: time.Now(), quit: make(chan struct{})}
	if !isTerminal(w) {
		return bar
	}
	bar.done.Go(bar.draw)
	return bar
}

func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

func (bar *progressBar) draw() {
	tick := time.NewTicker(progressEvery)
	defer tick.Stop()
	drawn := false
	for {
		select {
		case <-tick.C:
			share, known := bar.progress.Share()
			fmt.Fprintf(bar.w, "\r\033[K%s", progressLine(bar.progress.Rows.Load(), bar.progress.Bytes.Load(), time.Since(bar.started), share, known))
			drawn = true
		case <-bar.quit:
			if drawn {
				fmt.Fprint(bar.w, "\r\033[K")
			}
			return
		}
	}
}

// stop erases the bar. It may be called twice.
func (bar *progressBar) stop() {
	bar.once.Do(func() { close(bar.quit) })
	bar.done.Wait()
}

// progressLine tells rows, rate, size, and where the share of the work is known
// a bar and the time left.
func progressLine(rows, bytes int64, elapsed time.Duration, share float64, known bool) string {
	line := groupDigits(rows) + " rows"
	if seconds := elapsed.Seconds(); seconds > 0 {
		line += fmt.Sprintf("  %s rows/s", groupDigits(int64(float64(rows)/seconds)))
	}
	line += "  " + bytesText(bytes)
	if !known || share <= 0 || share > 1 {
		return line
	}
	const width = 20
	full := int(share * width)
	bar := ""
	for i := range width {
		if i < full {
			bar += "█"
		} else {
			bar += "░"
		}
	}
	left := time.Duration(float64(elapsed) * (1 - share) / share)
	return fmt.Sprintf("%s %3.0f%%  %s  %s left", bar, 100*share, line, left.Round(time.Second))
}

// groupDigits writes 1234567 as 1,234,567.
func groupDigits(n int64) string {
	digits := strconv.FormatInt(n, 10)
	for i := len(digits) - 3; i > 0 && digits[i-1] != '-'; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return digits
}

// bytesText writes a size for people: 1.2 MB.
func bytesText(n int64) string {
	units := []string{"bytes", "kB", "MB", "GB", "TB"}
	x, unit := float64(n), 0
	for x >= 999.5 && unit < len(units)-1 {
		x /= 1000
		unit++
	}
	if unit == 0 {
		return fmt.Sprintf("%d bytes", n)
	}
	return fmt.Sprintf("%.3g %s", x, units[unit])
}
