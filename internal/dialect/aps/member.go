package aps

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"

	"outturn"
	"outturn/internal/edge"
)

// members are those of a JSON object that a client sent, each unread. What nobody asks
// for is passed over: clients send back what they were given, with what cannot be
// changed.
type members struct {
	raw    map[string]json.RawMessage
	faults *[]error
}

// readMembers reads an object, or each of a list of them.
func readMembers(text []byte) (list []members, many bool, err error) {
	var raw []map[string]json.RawMessage
	if many = bytes.HasPrefix(bytes.TrimLeft(text, " \t\r\n"), []byte("[")); many {
		err = edge.ReadJSON(text, &raw)
	} else {
		raw = make([]map[string]json.RawMessage, 1)
		err = edge.ReadJSON(text, &raw[0])
	}
	var mismatch *json.UnmarshalTypeError
	switch {
	case errors.As(err, &mismatch):
		return nil, many, outturn.Errorf(outturn.CodeInvalid, "The body is not what is taken: a resource is a JSON object, several are a list of them.")
	case err != nil:
		return nil, many, outturn.Errorf(outturn.CodeInvalid, "The body cannot be read: %w.", err)
	}
	for _, m := range raw {
		if m == nil {
			return nil, many, outturn.Errorf(outturn.CodeInvalid, "The body is not what is taken: a resource is a JSON object, several are a list of them.")
		}
		list = append(list, members{m, new([]error)})
	}
	return list, many, nil
}

func (m members) fault(field, format string, args ...any) {
	*m.faults = append(*m.faults, invalid(field, format, args...))
}

func (m members) err() error { return outturn.JoinFaults(*m.faults) }

// has says whether a member was sent.
func (m members) has(name string) bool { _, ok := m.raw[name]; return ok }

// read reads a member into v, where it was sent and is not null.
func (m members) read(name, kind string, v any) bool {
	text, ok := m.raw[name]
	if !ok || string(text) == "null" {
		return false
	}
	if err := json.Unmarshal(text, v); err != nil {
		m.fault(name, "%s is %s.", name, kind)
		return false
	}
	return true
}

// envelope reads the member aps.
func (m members) envelope() (e envelope) {
	m.read("aps", "an object with the type of the resource, its id and its revision", &e)
	return e
}

// reference reads a link to one resource and returns its id; "" where null was sent.
func (m members) reference(name string) (id string, given bool) {
	var link linkWire
	if !m.has(name) {
		return "", false
	}
	if !m.read(name, `a link to a resource: {"aps":{"id":"…"}}`, &link) {
		return "", string(m.raw[name]) == "null"
	}
	id = link.APS.ID
	if id == "" {
		id = link.APS.Href[strings.LastIndexByte(link.APS.Href, '/')+1:]
	}
	if id == "" {
		m.fault(name, `%s is a link to a resource: {"aps":{"id":"…"}}.`, name)
		return "", false
	}
	return id, true
}
