package servertest

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"time"

	"outturn"
)

// Faults lists what in the history breaks a promise: that of the server to whoever
// called, not of its log or its ledger.
func (h *History) Faults(l Limits) []string {
	j := &judge{l: l, calls: h.Calls(), marks: h.Marks(), runs: map[string]*life{}}
	j.read()
	j.creates()
	j.answers()
	for _, id := range slices.Sorted(maps.Keys(j.runs)) {
		j.life(j.runs[id])
	}
	return j.faults
}

// A judge reads a history.
type judge struct {
	l      Limits
	calls  []Call
	marks  []Mark
	runs   map[string]*life
	faults []string
}

// A life is all that was seen of one run.
type life struct {
	id       string
	accepted time.Time // when somebody was first told that it will be made
	key      string    // for which key
	answer   string    // and in which bytes
	deleted  time.Time
	seen     []sight // in the order of their answers
	files    map[string]File
	manifest *outturn.Manifest
	examined map[string]bool
}

// A sight is one run in one answer.
type sight struct {
	Run
	at, done time.Time
	who      string
	op       Op
}

const clock = "15:04:05.000"

func (s sight) String() string {
	is := strings.TrimSpace(fmt.Sprintf("%s %s", s.State, s.Phase))
	if s.op == "" {
		return fmt.Sprintf("%s (attempt %d) when it was made", is, s.Attempt)
	}
	return fmt.Sprintf("%s (attempt %d) at %s, asked at %s by %s (%s)", is, s.Attempt, s.done.UTC().Format(clock), s.at.UTC().Format(clock), s.who, s.op)
}

func (j *judge) fault(format string, args ...any) {
	j.faults = append(j.faults, fmt.Sprintf(format, args...))
}

func (j *judge) run(id string) *life {
	if j.runs[id] == nil {
		j.runs[id] = &life{id: id, files: map[string]File{}, examined: map[string]bool{}}
	}
	return j.runs[id]
}

// read sorts what was seen by runs.
func (j *judge) read() {
	for _, c := range j.calls {
		if c.makes() {
			continue // it tells how the run was made, whenever it is asked
		}
		for _, r := range c.Runs {
			j.run(r.ID).seen = append(j.run(r.ID).seen, sight{r, c.At, c.Done, c.Who, c.Op})
			if r.State == outturn.RunSucceeded {
				for _, f := range r.Files {
					j.run(r.ID).files[f.ID] = f
				}
			}
		}
		if c.Op == OpDelete && (c.OK() || c.Status == 0) && j.run(c.Run).deleted.IsZero() {
			j.run(c.Run).deleted = c.At
		}
	}
}

// creates holds each key to one run, and each run to one key.
func (j *judge) creates() {
	made := map[string]string{} // by key
	keys := map[string]bool{}
	for _, c := range j.calls {
		if !c.makes() {
			continue
		}
		keys[c.Key] = true
		if !c.OK() {
			continue
		}
		if c.Run == "" {
			j.fault("a create with key %s was accepted without a run", c.Key)
			continue
		}
		j.accept(j.run(c.Run), c)
		if first := made[c.Key]; first != "" && first != c.Run {
			j.fault("key %s made two runs, %s and %s", c.Key, first, c.Run)
		}
		made[c.Key] = c.Run
	}
	named := map[string]string{}
	for _, id := range slices.Sorted(maps.Keys(j.runs)) {
		l := j.runs[id]
		if len(l.seen) == 0 {
			if !l.accepted.IsZero() {
				j.fault("run %s was accepted and never seen again", id)
			}
			continue
		}
		r := l.seen[len(l.seen)-1].Run
		if r.RetryOf != "" {
			continue
		}
		if l.accepted.IsZero() && !keys[r.Name] {
			j.fault("run %s (%s) was asked for by nobody", id, r.Name)
		}
		if first := named[r.Name]; first != "" && keys[r.Name] {
			j.fault("the create with key %s made two runs, %s and %s", r.Name, first, id)
		}
		named[r.Name] = id
	}
}

// accept takes note that c, which was answered with l's run, promised it: for one key,
// and with the same bytes however often it is asked and whatever has become of the run.
func (j *judge) accept(l *life, c Call) {
	for _, r := range c.Runs {
		made := Run{ID: r.ID, Tenant: r.Tenant, Name: r.Name, State: outturn.RunQueued}
		if c.Op == OpRetry {
			made.RetryOf = r.RetryOf
		}
		if len(r.Files) == 0 {
			r.Files = nil
		}
		if !reflect.DeepEqual(r, made) {
			j.fault("the %s with key %s was answered with its run not as it was made: %+v", c.Op, c.Key, r)
		}
	}
	switch {
	case l.accepted.IsZero():
		l.accepted, l.key, l.answer = c.Done, c.Key, c.Answer
	case c.Key != l.key:
		j.fault("run %s was made for key %s, and then the %s with key %s was answered with it", l.id, l.key, c.Op, c.Key)
	case c.Answer != l.answer:
		j.fault("the %s with key %s was answered otherwise when it came again: %q, at first %q", c.Op, c.Key, c.Answer, l.answer)
	}
}

// answers looks at what each call came to by itself.
func (j *judge) answers() {
	for _, c := range j.calls {
		if c.Status >= 500 && c.Status != 503 {
			j.fault("%s of %s%s was answered with status %d (%s)", c.Op, c.Run, c.Key, c.Status, c.Code)
		}
		if c.Status > 0 && c.Err != "" {
			j.fault("%s of %s%s, status %d: %s", c.Op, c.Run, c.Key, c.Status, c.Err)
		}
		if c.Status == 404 && !c.makes() && j.promisedBefore(c) {
			j.fault("run %s was accepted, and then there was none (%s)", c.Run, c.Op)
		}
		switch c.Op {
		case OpManifest:
			j.manifest(c)
		case OpDownload:
			j.download(c)
		}
	}
}

// promisedBefore reports whether the call's run was promised or seen, and its files not
// asked to go, before it was asked for.
func (j *judge) promisedBefore(c Call) bool {
	l := j.run(c.Run)
	if (c.Op == OpManifest || c.Op == OpDownload) && j.deletedBefore(l, c) {
		return false
	}
	return !l.accepted.IsZero() && (l.accepted.Before(c.At) || len(l.seen) > 0 && l.seen[0].done.Before(c.At))
}

func (j *judge) deletedBefore(l *life, c Call) bool {
	return !l.deleted.IsZero() && l.deleted.Before(c.Done)
}

func (j *judge) manifest(c Call) {
	l := j.run(c.Run)
	if !c.OK() || c.Manifest == nil {
		return
	}
	if l.manifest == nil {
		l.manifest = c.Manifest
		return
	}
	if !slices.EqualFunc(l.manifest.Files, c.Manifest.Files, func(a, b outturn.ManifestFile) bool { return a.Name == b.Name && a.SHA256 == b.SHA256 }) {
		j.fault("run %s: its manifest changed", c.Run)
	}
}

// download holds what came against what the run lists, and does not mind one that
// broke off: the client knows.
func (j *judge) download(c Call) {
	l := j.run(c.Run)
	f, listed := l.files[c.File]
	switch {
	case c.Status == 0 || c.Status == 503:
		return
	case !listed:
		if c.OK() {
			j.fault("run %s: file %s was given out and is listed nowhere", c.Run, c.File)
		}
		return
	case !c.OK():
		if !j.deletedBefore(l, c) {
			j.fault("run %s: file %s is listed, and its download was answered with status %d (%s)", c.Run, f.Name, c.Status, c.Code)
		}
		return
	}
	got := c.Content
	if got.To > 0 {
		if got.Bytes != got.To-got.From {
			j.fault("run %s: bytes %d-%d of %s came as %d bytes", c.Run, got.From, got.To-1, f.Name, got.Bytes)
		}
		if got.Whole != "" && got.Whole != got.SHA256 {
			j.fault("run %s: bytes %d-%d of %s are not those of the whole file", c.Run, got.From, got.To-1, f.Name)
		}
		return
	}
	if got.Bytes != f.Bytes {
		j.fault("run %s: %s is listed with %d bytes and came with %d", c.Run, f.Name, f.Bytes, got.Bytes)
	}
	if got.SHA256 != f.SHA256 {
		j.fault("run %s: %s is listed with SHA-256 %s and came with %s", c.Run, f.Name, f.SHA256, got.SHA256)
	}
	if got.Rows == nil && len(got.Faults) == 0 {
		return
	}
	l.examined[c.File] = true
	if got.Rows != nil && *got.Rows != f.Rows {
		j.fault("run %s: %s is listed with %d rows and has %d", c.Run, f.Name, f.Rows, *got.Rows)
	}
	for _, fault := range got.Faults {
		j.fault("run %s: %s: %s", c.Run, f.Name, fault)
	}
	if l.manifest != nil && got.Rows != nil && !sameTotals(l.manifest.Totals, got.Totals) {
		j.fault("run %s: %s adds up to %v and its manifest says %v", c.Run, f.Name, got.Totals, l.manifest.Totals)
	}
}

// sameTotals compares what a reader could sum: an amount of a file that does not
// tell the currency is under "*", and is left to the reader.
func sameTotals(want, got map[string]map[string]string) bool {
	for column, sums := range got {
		if sums["*"] != "" {
			continue
		}
		if !maps.Equal(want[column], sums) {
			return false
		}
	}
	return true
}

// life judges all sights of one run together.
func (j *judge) life(l *life) {
	if len(l.seen) == 0 {
		return
	}
	j.moves(l)
	for _, s := range l.seen {
		j.sight(l, s)
	}
	j.end(l)
}

// moves holds what was seen later against what was seen before. Answers that were
// under way at the same time may show the run in either order.
func (j *judge) moves(l *life) {
	sorted := slices.Clone(l.seen)
	slices.SortStableFunc(sorted, func(a, b sight) int { return a.at.Compare(b.at) })
	next := 0 // of l.seen, which is in the order of answers
	made := &sight{Run: Run{State: outturn.RunQueued}, at: l.accepted, done: l.accepted}
	before, most, far := made, made, made // among those answered: the last, that of the latest attempt, of the furthest phase
	var final *sight                      // and one that is final
	for _, s := range sorted {
		for ; next < len(l.seen) && l.seen[next].done.Before(s.at); next++ {
			b := &l.seen[next]
			before = b
			if b.State.Final() && final == nil {
				final = b
			}
			if b.Attempt > most.Attempt {
				most = b
			}
			if far.Furthest != far.Furthest.Further(b.Furthest) {
				far = b
			}
		}
		switch {
		case final != nil && (s.State != final.State || s.Attempt != final.Attempt):
			j.fault("run %s was %s, which is final, and then %s%s", l.id, final, s, j.between(final, s))
		case s.Attempt < most.Attempt:
			j.fault("run %s was %s and then in an earlier attempt: %s%s", l.id, most, s, j.between(most, s))
		case !reachable(before.Run, s.Run):
			j.fault("run %s was %s and then %s%s", l.id, before, s, j.between(before, s))
		}
		if s.Furthest.Further(far.Furthest) != s.Furthest {
			j.fault("run %s had come to %s, and then only to %q: %s", l.id, far.Furthest, s.Furthest, s)
		}
	}
}

// between tells what was last done to the server between the question of one sight and
// the answer of a later one.
func (j *judge) between(a *sight, b sight) string {
	const most = 8
	var done []string
	for _, m := range j.marks {
		if m.At.After(a.at) && m.At.Before(b.done) {
			done = append(done, fmt.Sprintf("; %s at %s", m.What, m.At.UTC().Format(clock)))
		}
	}
	return strings.Join(done[max(0, len(done)-most):], "")
}

// reachable reports whether moves lead from one to the other. To become running is
// to begin the next attempt.
func reachable(from, to Run) bool {
	states := closure(map[outturn.RunState]bool{from.State: true})
	for range min(to.Attempt-from.Attempt, len(outturn.RunStates)) {
		next := map[outturn.RunState]bool{}
		for s := range states {
			if s.CanBecome(outturn.RunRunning) {
				next[outturn.RunRunning] = true
			}
		}
		states = closure(next)
	}
	return states[to.State]
}

// closure adds the states to which moves lead that begin no attempt.
func closure(states map[outturn.RunState]bool) map[outturn.RunState]bool {
	for range outturn.RunStates {
		for s := range maps.Clone(states) {
			for _, next := range outturn.RunStates {
				if next != outturn.RunRunning && s.CanBecome(next) {
					states[next] = true
				}
			}
		}
	}
	return states
}

// sight judges one look at a run by itself.
func (j *judge) sight(l *life, s sight) {
	if !slices.Contains(outturn.RunStates, s.State) {
		j.fault("run %s is in state %q, which there is none", l.id, s.State)
	}
	if (s.State == outturn.RunRunning) != (s.Phase != "") {
		j.fault("run %s: a phase belongs to a running run: %s", l.id, s)
	}
	if s.Furthest.Further(s.Phase) != s.Furthest {
		j.fault("run %s is at %s, and the furthest it came is %q", l.id, s.Phase, s.Furthest)
	}
	if s.State == outturn.RunRunning && s.Attempt < 1 {
		j.fault("run %s is running without an attempt", l.id)
	}
	if len(s.Files) > 0 && s.State != outturn.RunSucceeded {
		j.fault("run %s lists files and is %s", l.id, s)
	}
	if age := s.at.Sub(j.lastLife(s)); s.State == outturn.RunRunning && j.l.Lease > 0 && age > 2*j.l.Lease {
		j.fault("run %s was running, and its last sign of life was %s old: %s", l.id, age.Round(time.Millisecond), s)
	}
	for i, f := range s.Files {
		if known := l.files[f.ID]; s.State == outturn.RunSucceeded && known != f {
			j.fault("run %s: file %s changed, from %v to %v", l.id, f.ID, known, f)
		}
		for _, other := range s.Files[:i] {
			if other.Name == f.Name || other.Format == f.Format && other.Compression == f.Compression && other.Dialect == f.Dialect {
				j.fault("run %s lists %s twice, as %s and %s", l.id, f.Format, other.Name, f.Name)
			}
		}
	}
}

// lastLife is when the run's worker last spoke, or the server came back: until then
// nobody could have taken the run away.
func (j *judge) lastLife(s sight) time.Time {
	last := s.Progress.At
	for _, m := range j.marks {
		if m.At.Before(s.at) && m.At.After(last) {
			last = m.At
		}
	}
	return last
}

// end judges what became of a run.
func (j *judge) end(l *life) {
	last := l.seen[len(l.seen)-1]
	for _, s := range l.seen { // an earlier request may have been answered last
		if s.State.Final() {
			last.Run.State, last.Run.Reason = s.State, s.Reason
		}
	}
	if !last.State.Final() {
		j.fault("run %s came to no end: it is %s", l.id, last)
		return
	}
	if last.State == outturn.RunFailed {
		switch {
		case last.Reason == nil || last.Reason.Code == "" || last.Reason.Message == "":
			j.fault("run %s failed and says no reason", l.id)
		case !slices.Contains(j.l.Failures, outturn.Code(last.Reason.Code)):
			j.fault("run %s failed with %s: %s", l.id, last.Reason.Code, last.Reason.Message)
		}
	}
	if last.State == outturn.RunSucceeded && l.deleted.IsZero() {
		j.succeeded(l, last)
	}
}

// succeeded judges the files of a run that has them.
func (j *judge) succeeded(l *life, last sight) {
	ids := map[string]bool{}
	for _, s := range l.seen {
		if len(s.Files) == 0 || s.State != outturn.RunSucceeded {
			continue // a list need not show files
		}
		if len(ids) == 0 {
			for _, f := range s.Files {
				ids[f.ID] = true
			}
		}
		if len(s.Files) != len(ids) || slices.ContainsFunc(s.Files, func(f File) bool { return !ids[f.ID] }) {
			j.fault("run %s lists other files than before", l.id)
		}
	}
	switch {
	case len(l.files) == 0:
		j.fault("run %s succeeded and lists no file", l.id)
		return
	case l.manifest == nil:
		j.fault("run %s succeeded and nobody was given its manifest", l.id)
		return
	case len(l.manifest.Files) != len(ids):
		j.fault("run %s lists %d files and its manifest %d", l.id, len(ids), len(l.manifest.Files))
	}
	want, known := int64(0), false
	if j.l.Rows != nil {
		want, known = j.l.Rows(last.Run)
	}
	for _, id := range slices.Sorted(maps.Keys(l.files)) {
		f := l.files[id]
		i := slices.IndexFunc(l.manifest.Files, func(m outturn.ManifestFile) bool { return m.Name == f.Name })
		if i < 0 {
			j.fault("run %s: its manifest does not tell of %s", l.id, f.Name)
		} else if m := l.manifest.Files[i]; m.SHA256 != f.SHA256 || m.Bytes != f.Bytes || m.Rows != f.Rows {
			j.fault("run %s: its manifest says of %s what its list of files does not", l.id, f.Name)
		}
		if !l.examined[id] {
			j.fault("run %s: nobody read %s to its end", l.id, f.Name)
		}
		if known && f.Rows != want {
			j.fault("run %s: %s has %d rows, want %d", l.id, f.Name, f.Rows, want)
		}
	}
}
