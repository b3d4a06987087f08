package cli

import (
	"os"
	"runtime"
	"runtime/debug"
	"sync"
)

// How much is made before it is collected, as percent of what is kept.
const (
	usual = 100
	// late is for commands. Go takes it that 4 MiB are kept at the least, at usual, and so
	// 32 MiB here: most commands are done before they have made as much.
	late = 800
	// serving is for a server. It keeps little, some 20 MiB, and answers later while it
	// collects.
	serving = 400
)

var collecting struct {
	sync.Mutex
	at int // usual, late or serving
}

// collect sets one of the above, unless GOGC says otherwise.
func collect(percent int) {
	collecting.Lock()
	defer collecting.Unlock()
	collectAt(percent)
}

func collectAt(percent int) {
	if os.Getenv("GOGC") == "" {
		collecting.at = percent
		debug.SetGCPercent(percent)
	}
}

// collectLate sets late for the first time that is collected.
var collectLate = sync.OnceFunc(func() {
	collect(late)
	// A pointer, for small values without one are collected with their neighbours.
	runtime.AddCleanup(new(*int), func(int) {
		collecting.Lock()
		defer collecting.Unlock()
		if collecting.at == late {
			collectAt(usual)
		}
	}, 0)
})
