package api_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"mime"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
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

// signed returns the paths of links that who is given to files.
func (c caller) signed(t testing.TB, files ...outturn.File) []string {
	t.Helper()
	p := outturn.Principal{Subject: "client:" + c.ClientID, Kind: "client", Tenant: files[0].Tenant, Roles: []outturn.Role{outturn.RoleManager}, Via: "cmp"}
	paths, _, err := shop.Reporting().SignLinks(t.Context(), p, files)
	if err != nil {
		t.Fatal(err)
	}
	return paths
}

// A signed link is a download for curl and wget with no credential, goes on where one
// broke off, and ends with the name that the file has (P42).
func TestSignedLinkByCurl(t *testing.T) {
	who := callerOf(t, "Northwind", outturn.RoleManager)
	for _, name := range []string{"plain", "Übersicht 2026 € ✓", `quo"ted 'name'`, "100% #1 ?a=b&c;d+e", "a:b ..", "日本語\u0301"} {
		in := accounts
		in.Name, in.Formats = name, []outturn.Output{{Format: "json", Compression: "gzip"}}
		file := who.run(t, in).Files[0]
		whole := who.do(t, "GET", "/v1/files/"+file.ID+"/content", "").body
		path := who.signed(t, file)[0]
		link, folder := shop.URL()+path, t.TempDir()
		for method, want := range map[string][]byte{"GET": whole, "HEAD": nil} {
			if a := (caller{}).do(t, method, path, ""); a.status != 200 || !bytes.Equal(a.body, want) || a.header.Get("Content-Length") != strconv.Itoa(len(whole)) {
				t.Errorf("%s %s: %d, %d bytes", method, path, a.status, len(a.body))
			}
		}
		part := filepath.Join(folder, "part.json.gz")
		if err := os.WriteFile(part, whole[:len(whole)/3], 0o600); err != nil {
			t.Fatal(err)
		}
		curl(t, "-C", "-", "-o", part, link)
		if got := curl(t, "-r", "10-19", link); !bytes.Equal(got, whole[10:20]) {
			t.Errorf("%s: a range of %d bytes", link, len(got))
		}
		curl(t, "-O", "--output-dir", folder, link)
		wget := exec.CommandContext(t.Context(), "wget", "-q", "--no-config", "--restrict-file-names=nocontrol", "-P", t.TempDir(), link)
		if out, err := wget.CombinedOutput(); err != nil {
			t.Errorf("%q: %v\n%s", wget.Args, err, out)
		}
		entries, err := os.ReadDir(wget.Args[5])
		if err != nil || len(entries) != 1 || entries[0].Name() != file.Name {
			t.Errorf("wget saved %v, %v, want %q", entries, err, file.Name)
		}
		// curl -O takes the end of the URL as it stands.
		for _, saved := range []string{part, filepath.Join(folder, path[strings.LastIndex(path, "/")+1:]), filepath.Join(wget.Args[5], file.Name)} {
			if got, err := os.ReadFile(saved); err != nil || !bytes.Equal(got, whole) {
				t.Errorf("%s: %d of %d bytes, %v", saved, len(got), len(whole), err)
			}
		}
	}
}

// Who clicks on a link in a mail that is over reads a page that says so; a program gets
// the problem (P33).
func TestP33LinkPage(t *testing.T) {
	who := callerOf(t, "Northwind", outturn.RoleManager)
	var link struct{ ID, URL string }
	who.do(t, "POST", "/v1/files/"+who.run(t, accounts).Files[0].ID+"/links", `{}`).decode(t, 201, &link)
	path := strings.TrimPrefix(link.URL, shop.URL())
	browser := []string{"Accept", "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"}
	if a := (caller{}).do(t, "GET", path, "", browser...); a.status != 200 || !strings.HasPrefix(a.header.Get("Content-Disposition"), "attachment") {
		t.Errorf("a browser gets %d %v", a.status, a.header)
	}
	if a := who.do(t, "DELETE", "/v1/links/"+link.ID, ""); a.status != http.StatusNoContent {
		t.Fatalf("%d %s", a.status, a.body)
	}
	for _, tt := range []struct {
		path   string
		status int
		says   []string
	}{
		{path, 410, []string{"Ask whoever sent it for a new one", "run the report again"}},
		{path + "/%3Cscript%3E", 410, []string{"Ask whoever sent it for a new one"}},
		{"/f/otl_%3Cscript%3E", 404, []string{"Check that all of it was copied"}},
		{"/f/otl_none/orders.csv", 404, []string{"Check that all of it was copied"}},
	} {
		a := (caller{}).do(t, "GET", tt.path, "", browser...)
		if a.status != tt.status || a.header.Get("Content-Type") != "text/html; charset=utf-8" || !strings.Contains(a.header.Get("Cache-Control"), "no-store") || !strings.Contains(a.header.Get("Content-Security-Policy"), "default-src 'none'") {
			t.Errorf("%s: %d %v", tt.path, a.status, a.header)
		}
		for _, says := range tt.says {
			if !strings.Contains(string(a.body), says) {
				t.Errorf("%s: %q is not in %s", tt.path, says, a.body)
			}
		}
		if strings.Contains(string(a.body), "<script") || strings.Contains(string(a.body), "otl_") {
			t.Errorf("%s: it repeats what was asked for: %s", tt.path, a.body)
		}
		var p problem
		(caller{}).do(t, "GET", tt.path, "", "Accept", "*/*").decode(t, tt.status, &p)
	}
}

// A link that is not as it was given out is 404 whatever is wrong with it, and all that
// there are to a file end at once.
func TestLinksOfFile(t *testing.T) {
	who := callerOf(t, "Northwind", outturn.RoleManager)
	files := []outturn.File{who.run(t, accounts).Files[0], who.run(t, accounts).Files[0]}
	paths := who.signed(t, files...)
	var kept struct{ URL string }
	who.do(t, "POST", "/v1/files/"+files[0].ID+"/links", `{}`).decode(t, 201, &kept)
	paths = append(paths, strings.TrimPrefix(kept.URL, shop.URL())+"/"+url.PathEscape(files[0].Name))
	token := strings.Split(paths[0], "/")[2]
	for _, path := range []string{
		paths[0] + "x", "/f/" + token + "/another.csv", "/f/" + token + "/%ff", "/f/" + token + "/..%2f" + files[0].Name, "/f/" + token + "/" + token, "/f/" + token + "/%00",
		"/f/" + token[:len(token)-1] + "/" + files[0].Name, "/f/" + token + "x/" + files[0].Name, "/f/otf_/" + files[0].Name, "/f/%20/x", kept.URL[len(shop.URL()):] + "/" + files[0].ID,
	} {
		var p problem
		if (caller{}).do(t, "GET", path, "").decode(t, 404, &p); p.Detail != "There is no such link. Check that all of it was copied." {
			t.Errorf("%s: %s", path, p.Detail)
		}
	}
	opens := func(what string, want ...int) {
		t.Helper()
		for i, path := range paths {
			if a := (caller{}).do(t, "GET", path, ""); a.status != want[i] {
				t.Errorf("%s: %s: %d, want %d: %.200s", what, path, a.status, want[i], a.body)
			}
		}
	}
	opens("at first", 200, 200, 200)
	for range 2 {
		if a := who.do(t, "DELETE", "/v1/files/"+files[0].ID+"/links", ""); a.status != 204 || len(a.body) > 0 {
			t.Errorf("%d %s", a.status, a.body)
		}
		opens("when those to a file are ended", 410, 200, 410)
	}
	paths[0] = who.signed(t, files[0])[0]
	opens("when there is a new one", 200, 200, 410)
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
