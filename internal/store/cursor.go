package store

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"strings"

	"outturn"
)

// A cursor is the place of the last entry of a page, and the list and order it is a
// place in. It holds no filter: one may look at the rest with another.
type cursor struct {
	List  string `json:"l"`
	Order string `json:"o"`
	Null  bool   `json:"n,omitempty"`
	Text  string `json:"t,omitempty"`
	Time  int64  `json:"m,omitempty"` // microseconds
	ID    string `json:"i"`
	Sum   string `json:"s"` // of all this and of whose rows are listed, so that one from elsewhere is told
}

// sum is short: it finds mistakes. Whoever makes a cursor that fits gets to another
// place of a list that is theirs.
func (c cursor) sum(whose string) string {
	c.Sum = ""
	body, _ := json.Marshal(c) // texts and a number: never fails
	sum := sha256.Sum256(append(body, whose...))
	return base64.RawURLEncoding.EncodeToString(sum[:6])
}

func (p *listPlan) orderText() string {
	if p.desc {
		return "-" + p.by.name
	}
	return p.by.name
}

func (p *listPlan) encode(k listKey) string {
	c := cursor{List: p.name, Order: p.orderText(), Null: k.null, ID: k.id}
	switch v := k.value.(type) {
	case int64:
		c.Time = v
	case string:
		c.Text = v
	}
	c.Sum = c.sum(p.whose)
	body, _ := json.Marshal(c)
	return base64.RawURLEncoding.EncodeToString(body)
}

var errNoCursor = outturn.Errorf(outturn.CodeInvalid, "The cursor is not one that a page of this list ended with. Take it from next of the page before as it is, or leave it out to begin at the first page.")

// decode reads the cursor that a client sends back.
func (p *listPlan) decode(text string) error {
	if text == "" {
		return nil
	}
	var c cursor
	body, err := base64.RawURLEncoding.Strict().DecodeString(text)
	if err == nil {
		d := json.NewDecoder(strings.NewReader(string(body)))
		d.DisallowUnknownFields()
		if err = d.Decode(&c); err == nil && d.More() {
			err = errors.New("more than a cursor")
		}
	}
	if err != nil {
		return errNoCursor
	}
	switch {
	case c.List != p.name:
		return outturn.Errorf(outturn.CodeInvalid, "The cursor is of another list, of %s. Leave it out to begin at the first page.", outturn.Cut(c.List))
	case c.Order != p.orderText():
		return outturn.Errorf(outturn.CodeInvalid, "The cursor is of another order, %s, and the list is asked for in the order %s. Keep the order, or leave the cursor out to begin at the first page.", outturn.Cut(c.Order), p.orderText())
	case c.Sum != c.sum(p.whose):
		return errNoCursor
	}
	p.after = &listKey{null: c.Null, id: c.ID, value: any(c.Text)}
	if p.by.kind == instantField {
		p.after.value = c.Time
	}
	return nil
}
