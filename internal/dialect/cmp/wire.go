package cmp

import "encoding/json"

// The shapes of CMP, in the order of rde-cmp.

// A tokenBody is what may come with the request for a token (section 2.1).
type tokenBody struct {
	Marketplace *string `json:"marketplace"`
}

type tokenAnswer struct {
	Token   string `json:"token"`
	Expires int64  `json:"expiresInSeconds"`
}

// A grantAnswer is Keycloak's (section 2.2). It has no refresh_token: the password is
// sent again.
type grantAnswer struct {
	AccessToken      string `json:"access_token"`
	ExpiresIn        int64  `json:"expires_in"`
	RefreshExpiresIn int64  `json:"refresh_expires_in"`
	TokenType        string `json:"token_type"`
	NotBefore        int64  `json:"not-before-policy"`
	Scope            string `json:"scope"`
}

// A grantRefusal is the error of RFC 6749 section 5.2.
type grantRefusal struct {
	Name        string `json:"error"`
	Description string `json:"error_description"`
}

type pagination struct {
	Offset int64 `json:"offset"`
	Limit  int64 `json:"limit"`
	Total  int64 `json:"total"`
}

type reportList struct {
	Data       []report   `json:"data"`
	Pagination pagination `json:"pagination"`
}

// A report is Report of section 3.2.
type report struct {
	ID                string `json:"id"`
	Name              string `json:"name"`
	CustomizationName string `json:"customizationName,omitempty"`
	Status            string `json:"status"`
	Type              string `json:"type"`
	Format            string `json:"format"`
	CreationDate      string `json:"creationDate"`
	StartDate         string `json:"startDate,omitempty"`
	EndDate           string `json:"endDate,omitempty"`
	DownloadURL       string `json:"downloadUrl,omitempty"`
}

// A reportBody is what asks for a report, each member by itself, so that one of the
// wrong type hides no other's fault. What is read-only, and what is not known, is
// ignored.
type reportBody map[string]json.RawMessage

func (b reportBody) sent() map[string]any {
	sent := map[string]any{}
	for name, value := range b {
		sent[name] = value
	}
	return sent
}

// An errorBody is the body of every refusal (section 4).
type errorBody struct {
	Code    string         `json:"code"`
	Message string         `json:"message"`
	Details map[string]any `json:"details,omitempty"`
}
