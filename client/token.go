package client

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"outturn"
)

// bearer returns an access token (RFC 6749 section 4.4) that is good for a while.
func (c *Client) bearer(ctx context.Context) (string, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.token != "" && time.Now().Before(c.renewAt) {
		return c.token, nil
	}
	token, err := c.newToken(ctx)
	if err != nil {
		return "", err
	}
	if token.AccessToken == "" {
		return "", outturn.Errorf(outturn.CodeUnauthenticated, "The server %s gave no token.", c.base.Host)
	}
	// Well before its end, for a request takes its time.
	c.token, c.renewAt = token.AccessToken, time.Now().Add(time.Duration(token.ExpiresIn)*time.Second*3/4)
	return c.token, nil
}

type token struct {
	AccessToken string `json:"access_token"`
	ExpiresIn   int64  `json:"expires_in"`
}

// newToken asks for a token. Where that fails in a way that may pass, the call that
// needs it has not been made, so that it can be tried again whatever it does.
func (c *Client) newToken(ctx context.Context) (t token, err error) {
	form := url.Values{"grant_type": {"client_credentials"}}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, c.address("/oauth2/token", nil), strings.NewReader(form.Encode()))
	if err != nil {
		return t, err
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.SetBasicAuth(url.QueryEscape(c.config.ClientID), url.QueryEscape(c.config.ClientSecret))
	resp, err := c.roundTrip(req)
	if err == nil {
		if err = readAnswer(resp, &t); err == nil {
			return t, nil
		}
		err = fmt.Errorf("read the token: %w", err)
		if !brokeOff(err) {
			return t, err
		}
		err = &retryable{err: err}
	}
	var later *retryable
	if errors.As(err, &later) {
		later.refused = true
	}
	return t, err
}

// forgetToken forgets a token, unless another took its place meanwhile.
func (c *Client) forgetToken(refused string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.token == refused {
		c.token = ""
	}
}
