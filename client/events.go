package client

import (
	"bufio"
	"context"
	"encoding/json"
	"net/http"
	"strings"

	"outturn"
)

// mostEvent bounds a line of an event stream.
const mostEvent = 4 << 20

// events shows the states of a run as the server sends them (server-sent events),
// until show wants no more, which it reports, or the stream ends.
func (c *Client) events(ctx context.Context, id string, show func(outturn.Run) bool) (more bool) {
	resp, err := c.send(ctx, call{method: http.MethodGet, path: runPath(id) + "/events", header: http.Header{"Accept": {"text/event-stream"}}})
	if err != nil {
		return true // the caller asks otherwise, and learns why
	}
	defer resp.Body.Close()
	lines := bufio.NewScanner(resp.Body)
	lines.Buffer(nil, mostEvent)
	event, data := "", ""
	for lines.Scan() {
		line := lines.Text()
		switch name, value, _ := strings.Cut(line, ":"); {
		case line == "":
			var run outturn.Run
			if event == "run" && json.Unmarshal([]byte(data), &run) == nil && !show(run) {
				return false
			}
			event, data = "", ""
		case name == "event":
			event = strings.TrimPrefix(value, " ")
		case name == "data":
			data += strings.TrimPrefix(value, " ")
		}
	}
	return true
}
