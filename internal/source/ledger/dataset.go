package ledger

import (
	"slices"

	"outturn"
)

// AuditDataset is the audit as a data set: one row an entry.
var AuditDataset = &outturn.Dataset{
	Name: "audit", Version: 1, Source: outturn.OwnSource,
	Description: "Who did what, when, and what came of it. One row is an entry of the audit that concerns the tenant or one below it.",
	Tenant:      "TENANT",
	Period:      &outturn.Period{Expr: "AT", Kind: outturn.PeriodInstant},
	Key:         []string{"ID"},
	Changed:     "AT",
	Fields:      auditFields(),
}

// An auditColumn is a field of the data set with where it comes from.
type auditColumn struct {
	outturn.Field
	list string // the field of the ledger's list; "" where one cannot filter by it
	text func(e *outturn.AuditEntry) string
}

// auditColumns are the fields of an entry. An empty text is null, as it is absent in
// GET /v1/audit.
var auditColumns = []auditColumn{
	{field("ID", "Number of the entry; entries of later have greater ones"), "id", func(e *outturn.AuditEntry) string { return e.ID }},
	{outturn.Field{Name: "AT", Type: outturn.Time, Scale: outturn.MaxTimeScale, Meaning: "When it was done"}, "at", nil},
	{field("TENANT", "Id of the tenant that it concerns; null where it concerns none, such as a sign-in with an unknown name"), "tenant", func(e *outturn.AuditEntry) string { return e.Tenant }},
	{field("SUBJECT", "Who did it"), "subject", func(e *outturn.AuditEntry) string { return e.Subject }},
	{field("VIA", "How they were known"), "via", func(e *outturn.AuditEntry) string { return e.Via }},
	{field("ACTION", "What was done, such as run.create"), "action", func(e *outturn.AuditEntry) string { return e.Action }},
	{field("OBJECT", "Id of what it was done to"), "object", func(e *outturn.AuditEntry) string { return e.Object }},
	{field("OUTCOME", "ok, or the code of the refusal"), "outcome", func(e *outturn.AuditEntry) string { return e.Outcome }},
	{field("FROM_ADDRESS", "Network address of the caller"), "from", func(e *outturn.AuditEntry) string { return e.From }},
	{field("REQUEST", "Id of the call, which the log has too"), "request", func(e *outturn.AuditEntry) string { return e.Request }},
	{outturn.Field{Name: "DETAIL", Type: outturn.JSON, Meaning: "What else there is to know, by name"}, "", detailText},
}

func field(name, meaning string) outturn.Field {
	return outturn.Field{Name: name, Type: outturn.Text, Meaning: meaning}
}

func auditFields() []outturn.Field {
	var fields []outturn.Field
	for _, c := range auditColumns {
		fields = append(fields, c.Field)
	}
	return fields
}

func columnOf(field string) auditColumn {
	return auditColumns[slices.IndexFunc(auditColumns, func(c auditColumn) bool { return c.Name == field })]
}
