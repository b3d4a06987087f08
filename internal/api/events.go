package api

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"outturn"
)

// alive is how often a stream says that it lives, so that no proxy ends it (P05).
const alive = 15 * time.Second

func (a *API) registerEvents() {
	op := route{id: "watchRun", method: http.MethodGet, path: "/v1/runs/{id}/events", tags: []string{"Runs"}, errors: []int{404},
		summary: "Each change of a run, as server-sent events"}.operation()
	op.Description = "First `event: run` with the run as it is, then one for each change; the stream ends after the final state. A comment every " +
		"15 seconds keeps the connection open. Who connects again gets the run as it is then, and 204 where `Last-Event-ID` is that of the final state."
	op.Responses = map[string]*huma.Response{
		"200": {Description: "Events", Content: map[string]*huma.MediaType{"text/event-stream": {Schema: &huma.Schema{Type: huma.TypeString}}}},
		"204": {Description: "There is nothing more to come"},
	}
	register(a, op, a.watchRun)
}

type watchInput struct {
	IDInput
	LastEvent string `header:"Last-Event-ID" doc:"The id of the last event that was seen; browsers send it when they connect again."`
}

// GET /v1/runs/{id}/events
func (a *API) watchRun(ctx context.Context, in *watchInput) (*huma.StreamResponse, error) {
	if in.LastEvent != "" {
		run, err := a.Service.Run(ctx, principalOf(ctx), in.ID)
		if err != nil {
			return nil, err
		}
		if run.State.Final() && eventID(run) == in.LastEvent {
			return &huma.StreamResponse{Body: func(h huma.Context) { h.SetStatus(http.StatusNoContent) }}, nil // browsers would ask for ever
		}
	}
	ctx, cancel := context.WithCancel(ctx)
	changes, err := a.Service.WatchRun(ctx, principalOf(ctx), in.ID)
	if err != nil {
		cancel()
		return nil, err
	}
	return &huma.StreamResponse{Body: func(h huma.Context) {
		h.SetHeader("Content-Type", "text/event-stream")
		h.SetHeader("X-Accel-Buffering", "no") // a proxy must not collect them
		h.SetStatus(http.StatusOK)
		stream := &eventStream{w: h.BodyWriter()}
		runs := make(chan outturn.Run)
		var watching sync.WaitGroup
		defer watching.Wait()
		defer cancel()
		watching.Go(func() {
			defer close(runs)
			for run, err := range changes {
				if err != nil {
					return // the client sees the stream end, and asks again
				}
				select {
				case runs <- run:
				case <-ctx.Done():
					return
				}
			}
		})
		stream.copy(ctx, runs)
	}}, nil
}

// An eventStream writes events and sees to it that they leave.
type eventStream struct {
	w   io.Writer
	err error
}

func (s *eventStream) copy(ctx context.Context, runs <-chan outturn.Run) {
	tick := time.NewTicker(alive)
	defer tick.Stop()
	for s.err == nil {
		select {
		case run, more := <-runs:
			if !more {
				return
			}
			s.send(run)
		case <-tick.C:
			s.write(": still here\n\n")
		case <-ctx.Done():
			return
		}
	}
}

func (s *eventStream) send(run outturn.Run) {
	text, err := marshalRun(run)
	if err != nil {
		s.err = err
		return
	}
	s.write(fmt.Sprintf("event: run\nid: %s\ndata: %s\n\n", eventID(run), text))
}

// eventID tells the states of a run apart.
func eventID(run outturn.Run) string { return strconv.FormatInt(run.UpdatedAt.UnixMicro(), 10) }

func (s *eventStream) write(text string) {
	if _, s.err = io.WriteString(s.w, text); s.err != nil {
		return
	}
	if w, ok := s.w.(http.ResponseWriter); ok {
		s.err = http.NewResponseController(w).Flush()
	}
}
