package duckdb

/*
#include <time.h>

// Of duckdb.h, which the bindings keep to themselves.
enum { NOT_READY = 1, FAILED = 2, NO_TASKS_AVAILABLE = 3 };
int duckdb_pending_execute_task(void *pending);

static int execute_tasks(void *pending) {
	const long shortest = 20 * 1000, longest = 1000 * 1000; // ns
	long pause = shortest;
	int state;
	while ((state = duckdb_pending_execute_task(pending)) == NOT_READY || state == NO_TASKS_AVAILABLE) {
		if (state == NOT_READY) {
			pause = shortest;
			continue;
		}
		struct timespec t = {0, pause};
		nanosleep(&t, 0);
		pause = 2 * pause < longest ? 2 * pause : longest;
	}
	return state != FAILED;
}
*/
import "C"

import duck "github.com/duckdb/duckdb-go-bindings"

// What is written down again above is as in the bindings, or this is no array.
var _ [0]struct{} = [duck.PendingStateResultNotReady - C.NOT_READY]struct{}{}
var _ [0]struct{} = [duck.PendingStateError - C.FAILED]struct{}{}
var _ [0]struct{} = [duck.PendingStateNoTasksAvailable - C.NO_TASKS_AVAILABLE]struct{}{}

// executeTasks executes a statement until its first rows are there, and returns what
// the engine has against it. While other threads have all its tasks, to execute it
// in one call of the engine would keep a core busy by asking for more, and many small
// statements at once would take the cores from those threads. So it sleeps, and in C: where
// Go has nothing else to run, it sleeps no shorter than about a millisecond.
func executeTasks(stmt duck.PreparedStatement, result *duck.Result) (failure string) {
	var pending duck.PendingResult
	defer duck.DestroyPending(&pending)
	if duck.PendingPreparedStreaming(stmt, &pending) != duck.StateSuccess || C.execute_tasks(pending.Ptr) == 0 {
		return duck.PendingError(pending)
	}
	if duck.ExecutePending(pending, result) != duck.StateSuccess {
		return duck.ResultError(result)
	}
	return ""
}
