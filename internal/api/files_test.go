package api_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"mime"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"outturn"
)

// A download is the same by its route and by a link: with ranges, a digest and a
// name that lasts, and nobody between keeps it.
func TestDownload(t *testing.T) {
	who := callerOf(t, "Northwind", outturn.RoleManager)
	in := accounts
	in.Name = "Übersicht 2026 € ✓"
	run := who.run(t, in)
	file := run.Files[0]
	var link struct{ URL string }
	who.do(t, "POST", "/v1/files/"+file.ID+"/links", `{}`).decode(t, 201, &link)
	if !strings.HasPrefix(link.URL, shop.URL()+"/f/otl_") {
		t.Fatalf("a link to %s", link.URL)
	}
	whole := who.do(t, "GET", "/v1/files/"+file.ID+"/content", "").body
	sum := sha256.Sum256(whole)
	if hex.EncodeToString(sum[:]) != file.SHA256 || int64(len(whole)) != file.Bytes {
		t.Fatalf("%d bytes that are not those of the manifest, %d", len(whole), file.Bytes)
	}
	tag, n := `"`+file.SHA256+`"`, len(whole)
	for path, who := range map[string]caller{"/v1/files/" + file.ID + "/content": who, strings.TrimPrefix(link.URL, shop.URL()): {}} {
		for _, tt := range []struct {
			name, method string
			header       []string
			status       int
			body         []byte
		}{
			{"Whole", "GET", nil, 200, whole},
			{"Head", "HEAD", nil, 200, nil},
			{"FromTheMiddle", "GET", []string{"Range", "bytes=100-"}, 206, whole[100:]},
			{"FirstTen", "GET", []string{"Range", "bytes=0-9"}, 206, whole[:10]},
			{"LastTen", "GET", []string{"Range", "bytes=-10"}, 206, whole[n-10:]},
			{"OfThisFile", "GET", []string{"Range", "bytes=5-", "If-Range", tag}, 206, whole[5:]},
			{"OfAnother", "GET", []string{"Range", "bytes=5-", "If-Range", `"other"`}, 200, whole},
			{"HasIt", "GET", []string{"If-None-Match", tag}, 304, nil},
			{"HasAnother", "GET", []string{"If-None-Match", `"other"`}, 200, whole},
			{"OtherUnit", "GET", []string{"Range", "rows=1-2"}, 200, whole},
			{"AfterItsEnd", "GET", []string{"Range", "bytes=99999999-"}, 416, nil},
			{"WhateverIsAccepted", "GET", []string{"Accept", "application/json"}, 200, whole},
		} {
			a := who.do(t, tt.method, path, "", tt.header...)
			if a.status != tt.status || tt.status != 416 && !bytes.Equal(a.body, tt.body) {
				t.Errorf("%s %s: status %d, %d bytes; want %d, %d bytes", path, tt.name, a.status, len(a.body), tt.status, len(tt.body))
			}
			if got := a.header.Get("Cache-Control"); !strings.Contains(got, "no-store") {
				t.Errorf("%s %s: Cache-Control %q", path, tt.name, got)
			}
			if got := a.header.Get("X-Content-Type-Options"); got != "nosniff" {
				t.Errorf("%s %s: X-Content-Type-Options %q", path, tt.name, got)
			}
			if tt.status/100 != 2 {
				continue
			}
			kind, params, err := mime.ParseMediaType(a.header.Get("Content-Disposition"))
			if err != nil || kind != "attachment" || params["filename"] != file.Name || !strings.HasPrefix(file.Name, "Übersicht 2026 € ✓") {
				t.Errorf("%s %s: %s is read as %q, %v; want %q", path, tt.name, a.header.Get("Content-Disposition"), params["filename"], err, file.Name)
			}
			for name, want := range map[string]string{
				"ETag": tag, "Repr-Digest": "sha-256=:" + base64.StdEncoding.EncodeToString(sum[:]) + ":", "Accept-Ranges": "bytes", "Content-Type": "text/csv; charset=utf-8",
			} {
				if got := a.header.Get(name); got != want {
					t.Errorf("%s %s: %s %q, want %q", path, tt.name, name, got, want)
				}
			}
		}
		several := who.do(t, "GET", path, "", "Range", "bytes=0-9,20-29")
		if media, _, _ := mime.ParseMediaType(several.header.Get("Content-Type")); several.status != 206 || media != "multipart/byteranges" || !bytes.Contains(several.body, whole[20:30]) {
			t.Errorf("%s: several ranges: %d %s", path, several.status, several.header.Get("Content-Type"))
		}
	}
}

func curl(t testing.TB, args ...string) []byte {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "curl", append([]string{"-sS", "--fail-with-body", "--max-time", "60"}, args...)...)
	cmd.Dir = t.TempDir()
	var talk bytes.Buffer
	cmd.Stderr = &talk
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("curl %q: %v\n%s%s", args, err, out, &talk)
	}
	return out
}

// curl goes on where a download broke off, and saves it under its name.
func TestDownloadByCurl(t *testing.T) {
	who := callerOf(t, "Northwind", outturn.RoleManager)
	run := who.run(t, accounts)
	var link struct{ URL string }
	who.do(t, "POST", "/v1/files/"+run.Files[0].ID+"/links", `{}`).decode(t, 201, &link)
	whole := who.do(t, "GET", "/v1/files/"+run.Files[0].ID+"/content", "").body
	for _, args := range [][]string{
		{"-H", "Authorization: Bearer " + who.token, shop.URL() + "/v1/files/" + run.Files[0].ID + "/content"},
		{link.URL},
	} {
		folder := t.TempDir()
		path := filepath.Join(folder, "part.csv")
		if err := os.WriteFile(path, whole[:len(whole)/3], 0o600); err != nil {
			t.Fatal(err)
		}
		curl(t, append([]string{"-C", "-", "-o", path}, args...)...)
		if got, err := os.ReadFile(path); err != nil || !bytes.Equal(got, whole) {
			t.Errorf("%d of %d bytes, %v", len(got), len(whole), err)
		}
		curl(t, append([]string{"-OJ", "--output-dir", folder}, args...)...)
		if got, err := os.ReadFile(filepath.Join(folder, run.Files[0].Name)); err != nil || !bytes.Equal(got, whole) {
			t.Errorf("%d of %d bytes, %v", len(got), len(whole), err)
		}
	}
}

// curl sees a run's events to its end, and the last has its files.
func TestEventsByCurl(t *testing.T) {
	who := callerOf(t, "Northwind", outturn.RoleManager)
	var made struct{ ID string }
	who.do(t, "POST", "/v1/runs", `{"dataset":"accounts","formats":["csv","ndjson"]}`).decode(t, 202, &made)
	url := shop.URL() + "/v1/runs/" + made.ID + "/events"
	events := readEvents(t, curl(t, "-N", "-H", "Authorization: Bearer "+who.token, url))
	for i := 1; i < len(events); i++ {
		// States in between may be missed, and none is taken back.
		if was, is := events[i-1].run, events[i].run; was.State.Final() || is.Attempt < was.Attempt || is.UpdatedAt.Before(was.UpdatedAt) {
			t.Errorf("after %+v came %+v", was, is)
		}
	}
	last := events[len(events)-1]
	if last.run.State != outturn.RunSucceeded || len(last.run.Files) != 2 {
		t.Errorf("the last of %d is %+v", len(events), last.run)
	}
	// Who comes late is told the end at once. Who has been told needs no more, and a
	// browser asks no further.
	if again := readEvents(t, curl(t, "-N", "-H", "Authorization: Bearer "+who.token, url)); len(again) != 1 || again[0].id != last.id {
		t.Errorf("afterwards: %+v", again)
	}
	if a := who.do(t, "GET", "/v1/runs/"+made.ID+"/events", "", "Last-Event-ID", last.id); a.status != 204 || len(a.body) > 0 {
		t.Errorf("to who knows the end: %d %s", a.status, a.body)
	}
	if a := who.do(t, "GET", "/v1/runs/"+made.ID+"/events", "", "Last-Event-ID", "1"); a.status != 200 {
		t.Errorf("to who knows an older state: %d %s", a.status, a.body)
	}
}

type event struct {
	id  string
	run outturn.Run
}

func readEvents(t testing.TB, text []byte) (events []event) {
	t.Helper()
	for _, block := range strings.Split(strings.TrimSpace(string(text)), "\n\n") {
		var e event
		for _, line := range strings.Split(block, "\n") {
			name, value, _ := strings.Cut(line, ": ")
			switch name {
			case "id":
				e.id = value
			case "event":
				if value != "run" {
					t.Errorf("an event %s", value)
				}
			case "data":
				if err := json.Unmarshal([]byte(value), &e.run); err != nil {
					t.Fatal(err)
				}
			}
		}
		if e.id != "" {
			events = append(events, e)
		}
	}
	if len(events) == 0 {
		t.Fatalf("no events in %q", text)
	}
	return events
}
