package cli

import (
	"os"
	"runtime"
	"runtime/debug"
	"sync"
	"sync/atomic"
)

// How much is made before it is collected, as percent of what is kept.
const (
	usual = 100
	// late is for commands. The first time Go collects what there is by itself, it is 4 MiB
	// and takes milliseconds; most commands are done before they have made 32.
	late = 800
	// serving is for a server. It keeps little, some 20 MiB, and answers later while it
	// collects.
	serving = 400
)

var collecting atomic.Int64 // usual, late or serving

// collect sets one of the above, unless GOGC says otherwise.
func collect(percent int) {
	if os.Getenv("GOGC") == "" {
		collecting.Store(int64(percent))
		debug.SetGCPercent(percent)
	}
}

// collectLate sets late for the first time that is collected.
var collectLate = sync.OnceFunc(func() {
	collect(late)
	runtime.AddCleanup(new(*int), func(int) {
		if collecting.Load() == late {
			collect(usual)
		}
	}, 0)
})
