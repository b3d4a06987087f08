package aps

import "encoding/json"

// An envelope is the member aps of every resource (section 2).
type envelope struct {
	ID       string      `json:"id"`
	Type     string      `json:"type"`
	Status   string      `json:"status"`
	Revision int         `json:"revision"`
	Modified string      `json:"modified"`
	Schema   string      `json:"schema,omitempty"`
	Package  *packageRef `json:"package,omitempty"`
}

type packageRef struct {
	ID   string `json:"id"`
	Href string `json:"href"`
}

// Statuses of resources (section 2.1).
const (
	statusReady          = "aps:ready"
	statusProvisioning   = "aps:provisioning"
	statusUnprovisioning = "aps:unprovisioning"
)

// A templateWire is an RDEReportTemplate (section 1.1).
type templateWire struct {
	APS            envelope   `json:"aps"`
	CommonName     string     `json:"commonName"`
	EventType      string     `json:"eventType"`
	Format         string     `json:"format"`
	NotifyByEmail  bool       `json:"notifyByEmail"`
	Parameters     parameters `json:"parameters"`
	SourceType     string     `json:"sourceType,omitempty"`     // from 1.5
	PeriodicTask   string     `json:"periodicTask,omitempty"`   // from 1.2
	LastReportDate string     `json:"lastReportDate,omitempty"` // from 1.2
	NextReportDate string     `json:"nextReportDate,omitempty"`
	Actor          string     `json:"reportApsActorId"`
	Identity       string     `json:"reportApsIdentityId"`
}

// parameters are those of a template and of a file.
type parameters struct {
	StartDate string `json:"startDate,omitempty"`
	EndDate   string `json:"endDate,omitempty"` // its last second
	Period    string `json:"period,omitempty"`
	StartDay  int    `json:"startDay,omitempty"` // of a template
	Invoice   string `json:"invoice,omitempty"`  // of a file
}

// A fileWire is an RDEReportFile (section 1.2).
type fileWire struct {
	APS              envelope   `json:"aps"`
	Name             string     `json:"name"`
	EventType        string     `json:"eventType"`
	Format           string     `json:"format"`
	Status           string     `json:"status"`
	GenerateDate     string     `json:"generateDate,omitempty"`
	Parameters       parameters `json:"parameters"`
	FilePath         string     `json:"filePath,omitempty"`
	TmpPath          string     `json:"tmpPath,omitempty"`
	DownloadsCounter *int64     `json:"downloadsCounter,omitempty"` // from 1.2
	SourceType       string     `json:"sourceType,omitempty"`       // from 1.6
	AccountID        string     `json:"accountId,omitempty"`        // from 1.6
	AccountLevel     string     `json:"accountLevel,omitempty"`     // from 1.6
}

// A tenantWire is an RDETenant (section 1.3).
type tenantWire struct {
	APS        envelope `json:"aps"`
	ReportType string   `json:"reportType,omitempty"`
}

// An accountWire is the account of a tenant, as far as it is known here.
type accountWire struct {
	APS  envelope        `json:"aps"`
	ID   json.RawMessage `json:"id,omitempty"` // the account of the source: a number where it is one
	Name string          `json:"companyName"`
}

// A customizationWire is an RDEReportCustomization (section 1.4). The sections of
// attributes stand beside it: their names are those of JSON columns.
type customizationWire struct {
	APS     envelope          `json:"aps"`
	Name    map[string]string `json:"name"` // by language
	Columns []columnWire      `json:"columns"`
}

type columnWire struct {
	Name  string `json:"name"`
	Alias string `json:"alias"`
}

// A dataSetWire is a data set. Its schema is not published: this one is ours.
type dataSetWire struct {
	APS         envelope `json:"aps"`
	Name        string   `json:"name"`
	Description string   `json:"description"`
	Columns     []string `json:"columns"`
}

// A linkWire is where a relation leads (section 2).
type linkWire struct {
	APS struct {
		Link string `json:"link"` // collection or weak
		Href string `json:"href"`
		ID   string `json:"id,omitempty"`
	} `json:"aps"`
}

// An errorWire is the body of every refusal (section 3.5).
type errorWire struct {
	Code    int         `json:"code"`  // the status
	Error   string      `json:"error"` // a class
	Message string      `json:"message"`
	Details []faultWire `json:"details,omitempty"`
}

// A faultWire is one fault of a request.
type faultWire struct {
	Field   string `json:"field,omitempty"`
	Message string `json:"message"`
}

// A typeWire is a type, as far as it is told.
type typeWire struct {
	ID         string   `json:"id"`
	APSVersion string   `json:"apsVersion"`
	Name       string   `json:"name"`
	Implements []string `json:"implements"`
	Schema     string   `json:"schema"`
	Collection string   `json:"collection,omitempty"`
	Relations  []string `json:"relations,omitempty"`
}

// A packageWire is what all types come with.
type packageWire struct {
	ID      string   `json:"id"`
	Href    string   `json:"href"`
	Name    string   `json:"name"`
	Version string   `json:"version"`
	Types   []string `json:"types,omitempty"`
}
