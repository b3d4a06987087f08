package client

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"
	"io"
	"net/http"
	"net/url"
	"time"

	"outturn"
)

// Download writes a file to w. A download that breaks goes on where it stopped.
// It fails with CodeFileDamaged when what came is not what the run produced.
func (c *Client) Download(ctx context.Context, file outturn.File, w io.Writer) error {
	d := &download{client: c, file: file, w: w, hash: sha256.New()}
	for attempt := 0; ; attempt++ {
		before := d.got
		err := d.goOn(ctx)
		if err == nil {
			break
		}
		if d.got > before {
			attempt = 0 // it moves
		}
		if d.broken == nil && ctx.Err() != nil {
			return ctx.Err()
		}
		if d.broken != nil || outturn.ErrorCode(err) != outturn.CodeUnavailable || attempt >= c.config.Retries {
			return err
		}
		if err := sleep(ctx, (&retryable{}).pause(attempt)); err != nil {
			return err
		}
	}
	if sum := hex.EncodeToString(d.hash.Sum(nil)); d.got != file.Bytes || sum != file.SHA256 {
		return outturn.Errorf(outturn.CodeFileDamaged, "%s came with %d bytes and SHA-256 %s, and should have %d and %s.", file.Name, d.got, sum, file.Bytes, file.SHA256)
	}
	return nil
}

type download struct {
	client *Client
	file   outturn.File
	w      io.Writer
	hash   hash.Hash
	got    int64
	broken error // w took no more
}

// goOn fetches what is not there yet.
func (d *download) goOn(ctx context.Context) error {
	header := http.Header{}
	if d.got > 0 {
		header.Set("Range", fmt.Sprintf("bytes=%d-", d.got))
		header.Set("If-Range", `"`+d.file.SHA256+`"`)
	}
	resp, err := d.client.send(ctx, call{method: http.MethodGet, path: "/v1/files/" + url.PathEscape(d.file.ID) + "/content", header: header}) // Download tries again
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if d.got > 0 && resp.StatusCode != http.StatusPartialContent {
		return outturn.Errorf(outturn.CodeFileDamaged, "%s has changed while it was fetched.", d.file.Name)
	}
	if _, err = io.Copy(d, resp.Body); err == nil && d.got < d.file.Bytes {
		err = io.ErrUnexpectedEOF
	}
	if err != nil && d.broken == nil && ctx.Err() == nil {
		return outturn.Errorf(outturn.CodeUnavailable, "The download of %s broke off: %w.", d.file.Name, err)
	}
	return err
}

// Write counts and hashes what it passes on.
func (d *download) Write(p []byte) (int, error) {
	n, err := d.w.Write(p)
	d.hash.Write(p[:n])
	d.got += int64(n)
	d.broken = err
	return n, err
}

// A Link is an address from which whoever has it can fetch one file.
type Link struct {
	outturn.Link
	URL string `json:"url"` // with the token in it, which the server does not keep
}

// CreateLink makes a link to a file that is good for a while; 0 is as long as the
// server gives.
func (c *Client) CreateLink(ctx context.Context, file string, life time.Duration) (link Link, err error) {
	body := map[string]int64{}
	if life > 0 {
		body["expires_in"] = int64(life / time.Second)
	}
	_, err = c.do(ctx, call{method: http.MethodPost, path: "/v1/files/" + url.PathEscape(file) + "/links", body: body}, &link)
	return link, err
}

// EndLinks ends all links to a file before their time, whoever made them or was given
// them.
func (c *Client) EndLinks(ctx context.Context, file string) error {
	_, err := c.do(ctx, call{method: http.MethodDelete, path: "/v1/files/" + url.PathEscape(file) + "/links"}, nil)
	return err
}
