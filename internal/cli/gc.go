package cli

import (
	"os"
	"runtime"
	"runtime/debug"
	"sync"
)

// GC percents: how much is made before it is collected, of what is kept.
const (
	gcUsual = 100
	// gcLate is for commands. Go takes it that 4 MiB are kept at the least at 100, and so
	// 32 MiB here: most commands are done before they have made as much.
	gcLate = 800
	// gcServing is for a server. It keeps little, some 20 MiB, and answers later while it
	// collects.
	gcServing = 400
)

var gc struct {
	sync.Mutex
	percent int // one of the above
}

// setGC sets one of the above, unless GOGC says otherwise.
func setGC(percent int) {
	gc.Lock()
	defer gc.Unlock()
	setGCLocked(percent)
}

func setGCLocked(percent int) {
	if os.Getenv("GOGC") == "" {
		gc.percent = percent
		debug.SetGCPercent(percent)
	}
}

// collectLate sets gcLate until the first collection.
var collectLate = sync.OnceFunc(func() {
	setGC(gcLate)
	// A pointer, for small values without one are collected with their neighbours.
	runtime.AddCleanup(new(*int), func(int) {
		gc.Lock()
		defer gc.Unlock()
		if gc.percent == gcLate { // and no server has begun
			setGCLocked(gcUsual)
		}
	}, 0)
})
