package api_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"outturn"
	"outturn/client"
)

const (
	oneEvent   = "application/cloudevents+json"
	manyEvents = "application/cloudevents-batch+json"
)

// eventOf is an event of an account, with what is added to it or put in its place.
func eventOf(account, id, more string) string {
	return fmt.Sprintf(`{"specversion":"1.0","id":%q,"source":"https://billing.example.com","type":"invoice.issued","subject":"INV-%s","account":%q,"traceparent":"00-1","data":{"a":[1]}%s}`, id, id, account, more)
}

func TestPostEvents(t *testing.T) {
	who, d := callerOf(t, "Northwind", outturn.RoleManager), openapi(t)
	own, other := shop.tenants["Northwind"].ExternalID, shop.tenants["Contoso"].ExternalID
	var post operation
	for _, o := range d.operations {
		if o.String() == "POST /v1/events" {
			post = o
		}
	}
	send := func(media, body string) answer {
		t.Helper()
		a := who.do(t, "POST", "/v1/events", body, "Content-Type", media)
		if err := d.fits(post, a); err != nil {
			t.Errorf("%.200s: %v", body, err)
		}
		return a
	}
	for _, test := range []struct {
		name, media, body string
		status            int
		fields            string // of the faults
	}{
		{"no JSON", oneEvent, `{"id": `, 400, ""},
		{"no list", manyEvents, eventOf(own, "1", ""), 422, ""},
		{"a list", oneEvent, "[" + eventOf(own, "1", "") + "]", 422, ""},
		{"another type", "application/json", eventOf(own, "1", ""), 415, ""},
		{"no type", "", eventOf(own, "1", ""), 415, ""},
		{"nothing", oneEvent, "", 400, ""},
		{"nobody", manyEvents, "[]", 422, ""},
		{"nulls", manyEvents, "[null, 1]", 422, "[0] [0].account [0].id [0].source [0].subject [0].type [1] [1].account [1].id [1].source [1].subject [1].type"},
		{"too many", manyEvents, "[" + strings.Repeat("{},", 1000) + "{}]", 422, ""},
		{"no attributes", oneEvent, "{}", 422, "account id source specversion subject type"},
		{"the next version", oneEvent, eventOf(own, "1", `,"specversion":"2.0"`), 422, "specversion"},
		{"a minor version", oneEvent, eventOf(own, "minor", `,"specversion":"1.1"`), 202, ""},
		{"other types", oneEvent, eventOf(own, "1", `,"id":1,"time":"noon","datacontenttype":"text/xml","data_base64":"AA=="`), 422, "data_base64 datacontenttype id time"},
		{"a fault in the second", manyEvents, "[" + eventOf(own, "1", "") + "," + eventOf(own, "2", `,"subject":"a\nb"`) + "]", 422, "[1].subject"},
		{"too large", oneEvent, eventOf(own, "1", `,"more":"`+strings.Repeat("x", 1<<20)+`"`), 413, ""},
		{"much data", oneEvent, eventOf(own, "1", `,"data":"`+strings.Repeat("x", 64<<10)+`"`), 422, "data"},
		{"another's account", oneEvent, eventOf(other, "1", ""), 404, "account"},
		{"no account", oneEvent, eventOf("31337", "1", ""), 404, "account"},
	} {
		a := send(test.media, test.body)
		var p struct{ Errors []struct{ Field string } }
		if a.status >= 400 {
			a.decode(t, a.status, &p)
		}
		var fields []string
		for _, e := range p.Errors {
			fields = append(fields, e.Field)
		}
		if got := strings.Join(slices.Sorted(slices.Values(fields)), " "); a.status != test.status || test.fields != "" && got != test.fields {
			t.Errorf("%s: got %d about %q, want %d about %q: %.300s", test.name, a.status, got, test.status, test.fields, a.body)
		}
	}

	if a := send(oneEvent, "[]"); !strings.Contains(string(a.body), "Send a list as "+manyEvents) {
		t.Errorf("a list as one event: got %s", a.body)
	}

	type answers struct{ Events []client.EventAnswer }
	var first, again, many answers
	send(oneEvent+"; charset=utf-8", eventOf(own, "7", "")).decode(t, http.StatusAccepted, &first)
	send(oneEvent, eventOf(own, "7", `,"subject":"another"`)).decode(t, http.StatusAccepted, &again)
	if e := first.Events[0]; e.ID == "" || e.Duplicate || e.EventID != "7" || again.Events[0].ID != e.ID || !again.Events[0].Duplicate {
		t.Errorf("got %+v, and again %+v", first, again)
	}
	send(manyEvents, "["+eventOf(own, "8", "")+","+eventOf(other, "9", "")+","+eventOf("31337", "9", "")+"]").decode(t, http.StatusAccepted, &many)
	if e := many.Events; e[0].ID == "" || e[0].Refused != nil || e[1].ID != "" || e[1].Refused == nil || e[1].Refused.Code != outturn.CodeNotFound ||
		strings.ReplaceAll(e[1].Refused.Detail, other, "31337") != e[2].Refused.Detail {
		t.Errorf("got %+v", many)
	}
}
