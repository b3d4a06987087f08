package outturn_test

import (
	"encoding/json"
	"strings"
	"testing"

	"outturn"
)

func TestAuditHead(t *testing.T) {
	hash := strings.Repeat("0a", 32)
	for text, want := range map[string]outturn.AuditHead{
		"17:" + hash:                         {N: 17, Hash: hash},
		" 1:" + strings.ToUpper(hash) + "\n": {N: 1, Hash: hash},
		"":                                   {}, "17": {}, "17:": {}, ":" + hash: {}, "0:" + hash: {}, "-1:" + hash: {}, "1:" + hash[1:]: {}, "1:" + hash + "00": {},
		"1:" + strings.Repeat("g", 64): {}, "1 :" + hash: {},
	} {
		got, err := outturn.ParseAuditHead(text)
		if got != want || (err == nil) != (want.N > 0) {
			t.Errorf("%q: got %v, %v, want %v", text, got, err, want)
		}
	}
	for _, want := range []outturn.AuditHead{{}, {N: 5, Hash: hash}} {
		var got outturn.AuditHead
		text, err := json.Marshal(want)
		if err == nil {
			err = json.Unmarshal(text, &got)
		}
		if got != want || err != nil {
			t.Errorf("%s: got %v, %v", text, got, err)
		}
	}
}
