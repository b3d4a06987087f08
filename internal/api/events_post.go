package api

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"mime"
	"net/http"
	"reflect"
	"regexp"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"outturn"
)

// Media types of CloudEvents in JSON, one or a list of them.
const (
	oneEvent   = "application/cloudevents+json"
	manyEvents = "application/cloudevents-batch+json"
)

const exampleEvent = `{"specversion": "1.0", "id": "INV-2026-0042/issued", "source": "https://billing.example.com", "type": "invoice.issued",
	"subject": "INV-2026-0042", "account": "1000013", "time": "2026-11-27T08:00:00Z"}`

func (a *API) registerPostEvents() {
	r := route{id: "postEvents", method: http.MethodPost, path: "/v1/events", status: http.StatusAccepted, tags: []string{"Events"},
		errors: []int{400, 404, 408, 413, 415}, summary: "Tell of what happened, such as an invoice that was issued"}
	r.about = "CloudEvents 1.0 in JSON, one or a list of at most 1000. Generators that wait for the type make their run: those of the account's tenant, and of the " +
		"tenants above it that ask for what is below them, up to the client's own. An event that was told before, with the same source and id, is taken and does nothing. " +
		"Where one of a list is of an account that the client may not tell of, the others are kept; `refused` says so."
	handle(a, r, a.postEvents)
	schema := a.huma.OpenAPI().Components.Schemas.Schema(reflect.TypeFor[CloudEvent](), true, "CloudEvent")
	a.huma.OpenAPI().Paths["/v1/events"].Post.RequestBody.Content = map[string]*huma.MediaType{
		oneEvent:   {Schema: schema, Example: json.RawMessage(exampleEvent)},
		manyEvents: {Schema: &huma.Schema{Type: huma.TypeArray, Items: schema}, Example: json.RawMessage("[" + exampleEvent + "]")},
	}
}

// A CloudEvent is an event as a client writes it, for the description.
type CloudEvent struct {
	_           struct{} `additionalProperties:"true"`
	SpecVersion string   `json:"specversion" example:"1.0" doc:"1.0"`
	ID          string   `json:"id" doc:"Tells it apart from others of its source."`
	Source      string   `json:"source" example:"https://billing.example.com" doc:"Who says so."`
	Type        string   `json:"type" example:"invoice.issued" doc:"What happened."`
	Subject     string   `json:"subject" example:"INV-2026-0042" doc:"What it is about: of invoice.issued the invoice, as the data sets have it."`
	Account     string   `json:"account" example:"1000013" doc:"Whose it is: the id of an account of the source, the client's own or one below."`
	Time        string   `json:"time,omitempty" example:"2026-11-27T08:00:00Z" doc:"When it happened. Default: now."`
	ContentType string   `json:"datacontenttype,omitempty" example:"application/json" doc:"Only JSON."`
}

type postEventsInput struct {
	ContentType string `header:"Content-Type" hidden:"true"`
	RawBody     []byte `contentType:"application/cloudevents+json"`
}

type eventAnswer struct {
	EventID   string        `json:"event_id" doc:"As the client wrote it."`
	ID        string        `json:"id,omitempty" doc:"Outturn's own; runs name it as event."`
	Duplicate bool          `json:"duplicate" doc:"It was told before, and nothing more is done."`
	Refused   *eventRefusal `json:"refused,omitempty" doc:"Why it was not kept."`
}

type eventRefusal struct {
	Code   outturn.Code `json:"code"`
	Detail string       `json:"detail"`
}

type eventAnswers struct {
	Events []eventAnswer `json:"events" nullable:"false" doc:"In the order of those that were told."`
}

// POST /v1/events
func (a *API) postEvents(ctx context.Context, p outturn.Principal, in *postEventsInput) (*body[eventAnswers], error) {
	media, _, _ := mime.ParseMediaType(in.ContentType)
	if media != oneEvent && media != manyEvents {
		return nil, newProblem(http.StatusUnsupportedMediaType, codes[http.StatusUnsupportedMediaType],
			"Send one event as "+oneEvent+", or a list of them as "+manyEvents+"; Content-Type says that it is something else.")
	}
	many := media == manyEvents
	events, faults, err := parseEvents(in.RawBody, many)
	if err != nil {
		return nil, err
	}
	answers, err := a.Service.AcceptEvents(ctx, p, events, faults)
	if err != nil {
		return nil, inEvents(err, many)
	}
	out := &body[eventAnswers]{eventAnswers{Events: make([]eventAnswer, len(answers))}}
	for i, e := range answers {
		out.Body.Events[i] = eventAnswer{EventID: e.EventID, ID: e.ID, Duplicate: e.Duplicate}
		switch {
		case e.Refused == nil:
		case !many:
			return nil, e.Refused
		default:
			out.Body.Events[i].Refused = &eventRefusal{Code: outturn.ErrorCode(e.Refused), Detail: e.Refused.Error()}
		}
	}
	return out, nil
}

// inEvents names the fields of faults as the body has them.
func inEvents(err error, many bool) error {
	var faults []error
	for _, fault := range outturn.Faults(err) {
		in := *fault
		if place, ok := strings.CutPrefix(in.Field, "events"); ok && many {
			in.Field = place
		} else if ok {
			in.Field = strings.TrimPrefix(place, "[0].")
		}
		faults = append(faults, &in)
	}
	if len(faults) == 0 {
		return err
	}
	return outturn.JoinFaults(faults)
}

// parseEvents understands the JSON of one event or of a list. faults are what is wrong
// with the events in it.
func parseEvents(text []byte, many bool) (events []outturn.Event, faults, err error) {
	var list []json.RawMessage
	if !many {
		list = []json.RawMessage{text}
	}
	if many {
		err = json.Unmarshal(text, &list)
	} else if !json.Valid(text) {
		err = json.Unmarshal(text, &list[0])
	} else if bytes.HasPrefix(bytes.TrimSpace(text), []byte("[")) {
		return nil, nil, outturn.Errorf(outturn.CodeInvalid, "The body of %s is one event. Send a list as %s.", oneEvent, manyEvents)
	}
	if err != nil {
		var syntax *json.SyntaxError
		if !errors.As(err, &syntax) {
			return nil, nil, outturn.Errorf(outturn.CodeInvalid, "The body of %s is a list of events.", manyEvents)
		}
		return nil, nil, newProblem(http.StatusBadRequest, codes[http.StatusBadRequest], fmt.Sprintf("The body could not be read: at its byte %d it is not JSON.", syntax.Offset))
	}
	var wrong []error
	for i, one := range list {
		e, err := parseEvent(one)
		if err != nil {
			for _, fault := range outturn.Faults(err) {
				in := *fault
				in.Field = strings.TrimSuffix(fmt.Sprintf("events[%d].%s", i, in.Field), ".")
				wrong = append(wrong, &in)
			}
		}
		events = append(events, e)
	}
	return events, outturn.JoinFaults(wrong), nil
}

// isVersion matches the versions of CloudEvents that are understood: a minor one adds
// nothing that must be.
var isVersion = regexp.MustCompile(`^1\.[0-9]{1,3}$`)

func parseEvent(text json.RawMessage) (e outturn.Event, err error) {
	var faults []error
	fault := func(field, format string, args ...any) {
		faults = append(faults, outturn.InField(field, outturn.Errorf(outturn.CodeInvalid, format, args...)))
	}
	var members map[string]json.RawMessage
	if json.Unmarshal(text, &members) != nil || members == nil {
		fault("", "An event is an object of JSON.")
		return e, outturn.JoinFaults(faults)
	}
	var version, at, contentType string
	for _, attribute := range []struct {
		name string
		to   *string
	}{
		{"specversion", &version}, {"id", &e.EventID}, {"source", &e.Source}, {"type", &e.Type}, {"subject", &e.Subject},
		{"account", &e.Account}, {"time", &at}, {"datacontenttype", &contentType},
	} {
		if member := members[attribute.name]; member != nil && json.Unmarshal(member, attribute.to) != nil {
			fault(attribute.name, "The attribute %s is a text.", attribute.name)
			*attribute.to = "-" // which is told of already
		}
	}
	if version != "-" && !isVersion.MatchString(version) {
		fault("specversion", "Events are of CloudEvents 1.0: give 1.0 as specversion.")
	}
	if at != "" && at != "-" {
		if e.Time, err = time.Parse(time.RFC3339Nano, at); err != nil {
			fault("time", "The time of an event is an instant, such as 2026-11-27T08:00:00Z.")
		}
	}
	if media, _, err := mime.ParseMediaType(contentType); contentType != "" && contentType != "-" && (err != nil || media != "application/json" && !strings.HasSuffix(media, "+json")) {
		fault("datacontenttype", "The data of an event is JSON, and its datacontenttype application/json.")
	}
	if members["data_base64"] != nil {
		fault("data_base64", "The data of an event is JSON: send it as data.")
	}
	if data := bytes.TrimSpace(members["data"]); len(data) > 0 && !bytes.Equal(data, []byte("null")) {
		e.Data = data
	}
	return e, outturn.JoinFaults(faults)
}
